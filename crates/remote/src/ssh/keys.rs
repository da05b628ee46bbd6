//! Keys from files: those that can sign, and those that only say which key of an agent's is meant.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{PrivateKey, PublicKey, decode_secret_key};
use thiserror::Error;

/// A key file larger than this is something else.
const LARGEST: u64 = 1 << 20;

/// Why a file's key cannot be used.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    #[error("does not exist")]
    Absent,
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error("can be read by others (mode {0:04o}); `chmod 600` it")]
    Exposed(u32),
    /// Older formats don't say in the clear which key it is.
    #[error(
        "has a passphrase, and no `.pub` beside it says which key it is; run \
         `ssh-keygen -y -f {0} >{0}.pub` and `ssh-add {0}`"
    )]
    Nameless(String),
    #[error("is a public key that is not understood")]
    Public,
    #[error("holds no private key that is understood")]
    Unknown,
}

/// A file's key.
#[derive(Clone, Debug)]
pub(crate) enum FileKey {
    /// It can sign.
    Private(Arc<PrivateKey>),
    /// Only an agent that holds it can sign.
    ForAgent(Box<PublicKey>, ForAgent),
}

/// Why a file's key can't sign without an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForAgent {
    /// The private key has a passphrase, which is never asked for.
    Passphrase,
    /// The file holds the public half only.
    Public,
}

impl FileKey {
    pub(crate) fn public(&self) -> &PublicKey {
        match self {
            Self::Private(key) => key.public_key(),
            Self::ForAgent(key, _) => key,
        }
    }
}

/// Keys that were read before: a run has a thousand hosts and one key.
#[derive(Default)]
pub(crate) struct KeyFiles {
    read: Mutex<HashMap<PathBuf, Arc<PrivateKey>>>,
}

impl KeyFiles {
    /// The key in this file. Only a key that can sign is kept: any other file may be mended.
    pub(crate) fn load(&self, path: &Path) -> Result<FileKey, KeyError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = read.get(path) {
            return Ok(FileKey::Private(Arc::clone(key)));
        }
        let key = load(path)?;
        if let FileKey::Private(key) = &key {
            read.insert(path.to_owned(), Arc::clone(key));
        }
        Ok(key)
    }
}

/// Reads OpenSSH, PKCS#8 and PKCS#1 keys, and public keys in OpenSSH's format.
fn load(path: &Path) -> Result<FileKey, KeyError> {
    let (text, exposed) = read(path)?;
    if is_public_key(text.as_bytes()) {
        let key = public(&text).ok_or(KeyError::Public)?;
        return Ok(FileKey::ForAgent(Box::new(key), ForAgent::Public));
    }
    if let Some(mode) = exposed {
        return Err(KeyError::Exposed(mode));
    }
    match decode(&text) {
        Decoded::Private(key) => Ok(FileKey::Private(key)),
        Decoded::Encrypted(key) => {
            let beside = || read(&path.with_added_extension("pub")).ok();
            let key = key.or_else(|| public(&beside()?.0));
            let nameless = || KeyError::Nameless(as_word(path));
            let key = key.ok_or_else(nameless)?;
            Ok(FileKey::ForAgent(Box::new(key), ForAgent::Passphrase))
        }
        Decoded::Unknown => Err(KeyError::Unknown),
    }
}

/// A small file, and its mode where others can read it.
fn read(path: &Path) -> Result<(String, Option<u32>), KeyError> {
    // Opening a pipe or a device could wait for ever.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(KeyError::Unknown);
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    // As OpenSSH has it: only the owner's own carelessness can be judged.
    let mode = metadata.mode() & 0o7777;
    let ours = metadata.uid() == rustix::process::getuid().as_raw();
    let exposed = (ours && mode & 0o077 != 0).then_some(mode);
    let text = String::from_utf8(bytes).map_err(|_| KeyError::Unknown)?;
    Ok((text, exposed))
}

fn unreadable(error: std::io::Error) -> KeyError {
    if error.kind() == std::io::ErrorKind::NotFound {
        KeyError::Absent
    } else {
        KeyError::Unreadable(error)
    }
}

/// What a private key's file holds.
enum Decoded {
    Private(Arc<PrivateKey>),
    /// It has a passphrase; OpenSSH's own format says all the same which key it is.
    Encrypted(Option<PublicKey>),
    Unknown,
}

fn decode(text: &str) -> Decoded {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Decoded::Encrypted(None);
    }
    match decode_secret_key(text, None) {
        Ok(key) if key.is_encrypted() => Decoded::Encrypted(Some(key.public_key().clone())),
        Ok(key) => Decoded::Private(Arc::new(key)),
        Err(russh::keys::Error::KeyIsEncrypted) => {
            let key = PrivateKey::from_openssh(text.trim());
            Decoded::Encrypted(key.ok().map(|key| key.public_key().clone()))
        }
        Err(_) => Decoded::Unknown,
    }
}

/// The first key of a public key's file.
fn public(text: &str) -> Option<PublicKey> {
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    PublicKey::from_openssh(line).ok()
}

/// Whether a file holds a public key, which names one of an agent's and is no secret.
pub fn is_public_key(file: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 5] = [
        b"ssh-",
        b"ecdsa-",
        b"sk-ssh-",
        b"sk-ecdsa-",
        b"-----BEGIN PUBLIC KEY",
    ];
    let text = file.trim_ascii_start();
    BEGINNINGS
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

/// A path as a shell takes it.
pub(crate) fn as_word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    match !path.is_empty() && path.chars().all(plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
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
            assert!(matches!(key, FileKey::Private(_)), "{kind:?} {format:?}");
            let public = key.public().to_openssh().unwrap();
            assert!(
                pair.public_line().starts_with(public.trim_end()),
                "{kind:?} {format:?}"
            );
        }
    }

    #[test]
    fn reads_which_key_it_is_where_it_cannot_sign() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let public_path = folder.path().join("key.pub");
        for (kind, format) in [
            (KeyKind::Ed25519, KeyFormat::OpenSsh),
            (KeyKind::EcdsaP256, KeyFormat::OpenSsh),
            (KeyKind::Rsa, KeyFormat::OpenSsh),
            (KeyKind::Rsa, KeyFormat::Pkcs8),
            (KeyKind::EcdsaP256, KeyFormat::Pem),
        ] {
            let pair = KeyPair::generate_with_passphrase(&path, kind, format, "secret").unwrap();
            let check = |path: &Path, why: ForAgent| {
                let FileKey::ForAgent(key, for_agent) = load(path).unwrap() else {
                    panic!("{kind:?} {format:?} can sign");
                };
                let public = key.to_openssh().unwrap();
                assert!(pair.public_line().starts_with(public.trim_end()));
                assert_eq!(for_agent, why);
            };
            // It is no secret: others may read it.
            fs::set_permissions(&public_path, fs::Permissions::from_mode(0o644)).unwrap();
            check(&public_path, ForAgent::Public);
            if format == KeyFormat::OpenSsh {
                fs::remove_file(&public_path).unwrap();
            }
            check(&path, ForAgent::Passphrase);
        }
    }

    #[test]
    fn says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let files = KeyFiles::default();
        let say = |path: &Path| files.load(path).unwrap_err().to_string();
        assert_eq!(say(&path), "does not exist");
        let public = folder.path().join("key.pub");
        for format in [KeyFormat::Pkcs8, KeyFormat::Pem] {
            KeyPair::generate_with_passphrase(&path, KeyKind::EcdsaP256, format, "secret").unwrap();
            fs::remove_file(&public).unwrap();
            let key = path.display();
            assert_eq!(
                say(&path),
                format!(
                    "has a passphrase, and no `.pub` beside it says which key it is; run \
                     `ssh-keygen -y -f {key} >{key}.pub` and `ssh-add {key}`"
                ),
                "{format:?}"
            );
        }
        KeyPair::generate(&path, KeyKind::Ed25519, KeyFormat::OpenSsh).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            say(&path),
            "can be read by others (mode 0640); `chmod 600` it"
        );
        for text in ["ssh-ed25519 AAAA", "-----BEGIN PUBLIC KEY-----\nMCow\n"] {
            fs::write(&public, text).unwrap();
            assert_eq!(say(&public), "is a public key that is not understood");
        }
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
            let _ = (decode(&text), public(&text));
        }
    }
}
