//! What is offered to a server, best first. The end of each list is for servers of 2014 (OpenSSH 6.6)
//! and is chosen only when the server has nothing better.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Names, Preferred, cipher, compression, kex, mac};

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_G14_SHA256,
    kex::DH_G14_SHA1,
    kex::DH_GEX_SHA1,
    // No methods, but announcements: EXT_INFO and the strict exchange.
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// AES-GCM is what processors do themselves: 0.7 ms of CPU per MB, and ChaCha20 1.2 ms.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
    mac::HMAC_SHA1_ETM,
    mac::HMAC_SHA1,
];

/// Host key algorithms that can be checked.
fn host_keys() -> [Algorithm; 7] {
    [
        Algorithm::Ed25519,
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP384,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP521,
        },
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha512),
        },
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha256),
        },
        Algorithm::Rsa { hash: None },
    ]
}

/// The name that a key of this algorithm has in known_hosts. RSA keys have one, however they sign.
fn key_name(algorithm: &Algorithm) -> String {
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa".to_owned(),
        other => other.to_string(),
    }
}

/// Whether a host key with this name in known_hosts can be checked at all.
pub(crate) fn can_check(name: &str) -> bool {
    host_keys()
        .iter()
        .any(|algorithm| key_name(algorithm) == name)
}

/// What to offer to a server whose keys of these algorithms are known. They come first, so that a
/// server with another key besides is not taken for a stranger.
pub(crate) fn preferred(known: &[String]) -> Preferred {
    let mut keys = host_keys();
    // A stable sort: within the two groups, best first as before.
    keys.sort_by_key(|algorithm| !known.contains(&key_name(algorithm)));
    Preferred {
        kex: Cow::Borrowed(KEX),
        key: Cow::Owned(keys.to_vec()),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

/// What of a connection hangs on SHA-1, each in a few words; nothing as a rule.
pub(crate) fn on_sha1(names: &Names) -> Vec<String> {
    let mut weak = Vec::new();
    if names.key == (Algorithm::Rsa { hash: None }) {
        weak.push("its host key (ssh-rsa)".to_owned());
    }
    if [kex::DH_G14_SHA1, kex::DH_GEX_SHA1].contains(&names.kex) {
        weak.push(format!("the key exchange ({})", names.kex.as_ref()));
    }
    // The others check packets by themselves, whatever was agreed on.
    let checked = [
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ];
    let macs = [&names.client_mac, &names.server_mac];
    let old = macs
        .into_iter()
        .find(|mac| [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1].contains(mac));
    if let (true, Some(mac)) = (checked.contains(&names.cipher), old) {
        weak.push(format!("checking packets ({})", mac.as_ref()));
    }
    weak
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(known: &[&str]) -> Vec<String> {
        let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        preferred(&known)
            .key
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn known_kinds_of_keys_come_first() {
        assert_eq!(names(&[])[0], "ssh-ed25519");
        assert_eq!(
            names(&["ssh-rsa", "ecdsa-sha2-nistp384"])[..5],
            [
                "ecdsa-sha2-nistp384",
                "rsa-sha2-512",
                "rsa-sha2-256",
                "ssh-rsa",
                "ssh-ed25519"
            ]
        );
        assert_eq!(names(&["ssh-dss"]).len(), 7);
        assert!(can_check("ssh-rsa") && !can_check("ssh-dss") && !can_check("rsa-sha2-512"));
    }

    #[test]
    fn the_fast_cipher_comes_first() {
        assert_eq!(preferred(&[]).cipher[0].as_ref(), "aes256-gcm@openssh.com");
    }
}
