//! Key pairs, made by ssh-keygen.

use std::path::{Path, PathBuf};

use crate::error::{LabError, at};
use crate::missing_programs::provide;
use crate::tools;

/// Which algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// RSA with 2048 bits.
    Rsa,
}

/// How a private key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormat {
    /// `BEGIN OPENSSH PRIVATE KEY`.
    OpenSsh,
    /// `BEGIN PRIVATE KEY`. ssh-keygen writes no Ed25519 key like this.
    Pkcs8,
    /// PKCS#1, `BEGIN RSA PRIVATE KEY`; for ECDSA `BEGIN EC PRIVATE KEY`.
    Pem,
}

/// A private key's file, and its public half beside it in `FILE.pub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    path: PathBuf,
    public: String,
}

impl KeyPair {
    /// Makes a key pair in `path` and `path.pub`; what was there is replaced.
    ///
    /// # Errors
    /// ssh-keygen is missing or says no.
    pub fn generate(path: &Path, kind: KeyKind, format: KeyFormat) -> Result<Self, LabError> {
        Self::generate_with_passphrase(path, kind, format, "")
    }

    /// The same, encrypted with a passphrase.
    ///
    /// # Errors
    /// ssh-keygen is missing or says no.
    pub fn generate_with_passphrase(
        path: &Path,
        kind: KeyKind,
        format: KeyFormat,
        passphrase: &str,
    ) -> Result<Self, LabError> {
        provide(&[tools::SSH_KEYGEN], &mut |_| {})?;
        let [keygen] = tools::require([tools::SSH_KEYGEN])?;
        let public_path = path.with_added_extension("pub");
        for old in [path, &public_path] {
            // It asks before it overwrites, and nobody would answer.
            let _ = std::fs::remove_file(old);
        }
        let file = path.display().to_string();
        let mut args = vec!["-q", "-N", passphrase, "-C", "lab", "-f", &file];
        args.extend(match kind {
            KeyKind::Ed25519 => ["-t", "ed25519", "-a", "1"],
            KeyKind::EcdsaP256 => ["-t", "ecdsa", "-b", "256"],
            KeyKind::Rsa => ["-t", "rsa", "-b", "2048"],
        });
        args.extend(match format {
            KeyFormat::OpenSsh => ["-m", "RFC4716"],
            KeyFormat::Pkcs8 => ["-m", "PKCS8"],
            KeyFormat::Pem => ["-m", "PEM"],
        });
        tools::run(&keygen, &args)?;
        let public = at(
            "reading",
            &public_path,
            std::fs::read_to_string(&public_path),
        )?;
        Ok(Self {
            path: path.to_owned(),
            public: public.trim().to_owned(),
        })
    }

    /// The private key's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The public key in one line: algorithm, key, comment.
    pub fn public_line(&self) -> &str {
        &self.public
    }

    /// The public key as known_hosts wants it: algorithm and key.
    pub fn algorithm_and_key(&self) -> &str {
        self.public
            .rsplit_once(' ')
            .map_or(self.public.as_str(), |(key, _comment)| key)
    }
}
