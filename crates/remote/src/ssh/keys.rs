//! Private keys from files.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{PrivateKey, decode_secret_key};
use thiserror::Error;

/// A key file larger than this is something else.
const LARGEST: u64 = 1 << 20;

/// Why a private key cannot be used.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    #[error("does not exist")]
    Absent,
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error("can be read by others (mode {0:04o}); `chmod 600` it")]
    Exposed(u32),
    #[error("is encrypted with a passphrase; load it into an agent")]
    Encrypted,
    #[error("is a public key; the private one is wanted")]
    Public,
    #[error("holds no private key that is understood")]
    Unknown,
}

/// Keys that were read before: a run has a thousand hosts and one key.
#[derive(Default)]
pub(crate) struct KeyFiles {
    read: Mutex<HashMap<PathBuf, Arc<PrivateKey>>>,
}

impl KeyFiles {
    /// The key in this file. Only a key that could be read is kept: the file may be mended.
    pub(crate) fn load(&self, path: &Path) -> Result<Arc<PrivateKey>, KeyError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = read.get(path) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(load(path)?);
        read.insert(path.to_owned(), Arc::clone(&key));
        Ok(key)
    }
}

/// Reads OpenSSH, PKCS#8 and PKCS#1 keys.
fn load(path: &Path) -> Result<PrivateKey, KeyError> {
    // Opening a pipe or a device could wait for ever.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(KeyError::Unknown);
    }
    // As OpenSSH has it: only the owner's own carelessness can be judged.
    let mode = metadata.mode() & 0o7777;
    if metadata.uid() == rustix::process::getuid().as_raw() && mode & 0o077 != 0 {
        return Err(KeyError::Exposed(mode));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| KeyError::Unknown)?;
    decode(&text)
}

fn unreadable(error: std::io::Error) -> KeyError {
    if error.kind() == std::io::ErrorKind::NotFound {
        KeyError::Absent
    } else {
        KeyError::Unreadable(error)
    }
}

fn decode(text: &str) -> Result<PrivateKey, KeyError> {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    match decode_secret_key(text, None) {
        Ok(key) if key.is_encrypted() => Err(KeyError::Encrypted),
        Ok(key) => Ok(key),
        Err(russh::keys::Error::KeyIsEncrypted) => Err(KeyError::Encrypted),
        Err(_) if is_public(text) => Err(KeyError::Public),
        Err(_) => Err(KeyError::Unknown),
    }
}

fn is_public(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.contains("BEGIN PUBLIC KEY")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use phalanx_lab::{KeyFormat, KeyKind, KeyPair};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_ssh_keygen_writes() {
        let folder = tempfile::tempdir().unwrap();
        for (number, (kind, format)) in [
            (KeyKind::Ed25519, KeyFormat::OpenSsh),
            (KeyKind::EcdsaP256, KeyFormat::OpenSsh),
            (KeyKind::EcdsaP256, KeyFormat::Pkcs8),
            (KeyKind::EcdsaP256, KeyFormat::Pem),
            (KeyKind::Rsa, KeyFormat::OpenSsh),
            (KeyKind::Rsa, KeyFormat::Pkcs8),
            (KeyKind::Rsa, KeyFormat::Pem),
        ]
        .into_iter()
        .enumerate()
        {
            let path = folder.path().join(number.to_string());
            let pair = KeyPair::generate(&path, kind, format).unwrap();
            let key = load(&path).unwrap_or_else(|error| panic!("{kind:?} {format:?}: {error}"));
            let public = key.public_key().to_openssh().unwrap();
            assert!(
                pair.public_line().starts_with(public.trim_end()),
                "{kind:?} {format:?}"
            );
        }
    }

    #[test]
    fn says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let files = KeyFiles::default();
        let say = |path: &Path| files.load(path).unwrap_err().to_string();
        assert_eq!(say(&path), "does not exist");
        for format in [KeyFormat::OpenSsh, KeyFormat::Pkcs8, KeyFormat::Pem] {
            KeyPair::generate_with_passphrase(&path, KeyKind::EcdsaP256, format, "secret").unwrap();
            assert_eq!(
                say(&path),
                "is encrypted with a passphrase; load it into an agent",
                "{format:?}"
            );
        }
        KeyPair::generate(&path, KeyKind::Ed25519, KeyFormat::OpenSsh).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            say(&path),
            "can be read by others (mode 0640); `chmod 600` it"
        );
        let public = folder.path().join("key.pub");
        fs::set_permissions(&public, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(say(&public), "is a public key; the private one is wanted");
        assert_eq!(
            say(folder.path()),
            "holds no private key that is understood"
        );
        assert_eq!(
            say(Path::new("/dev/zero")),
            "holds no private key that is understood"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        files.load(&path).unwrap();
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(-----BEGIN (OPENSSH |RSA |EC |ENCRYPTED |)PRIVATE KEY-----\n)?[A-Za-z0-9+/=\n:, -]{0,200}(\n-----END .*)?") {
            let _ = decode(&text);
        }
    }
}
