//! A password's SHA-512 crypt hash: what a host is handed in a secret's stead.
//!
//! The algorithm is that of glibc's crypt(3), `$6$`. A hash made with the salt of an earlier one is
//! equal to it where the password is the same, so that a host can tell whether anything changed
//! without being told the password.

use base64ct::{Base64ShaCrypt, Encoding as _};
use sha_crypt::{Algorithm, CustomizedPasswordHasher as _, Params, ShaCrypt};
use thiserror::Error;

/// How often a new hash is worked over: what passlib 1.7 takes for it, about half a second.
const ROUNDS: u32 = 656_000;
/// With fewer, an earlier hash is not gone on with: it is too easily guessed at.
const FEWEST_ROUNDS: u32 = 5_000;
/// With more, neither: a host that asks for more only wants to keep us busy.
const MOST_ROUNDS: u32 = 1_000_000;

/// Why there is no hash.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum HashError {
    /// The system gives no random numbers.
    #[error("the system gives no random numbers to draw a salt from")]
    NoSalt,
    /// The library refuses.
    #[error("the password cannot be hashed")]
    Refused,
}

/// The salt of an earlier hash, and with how many rounds it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Salt {
    rounds: u32,
    bytes: [u8; 12],
}

impl Salt {
    /// Reads `$6$rounds=656000$sixteenLetters..`; nothing where it is of any other form, or weak.
    fn read(text: &str) -> Option<Self> {
        let (rounds, letters) = text.strip_prefix("$6$rounds=")?.split_once('$')?;
        let rounds = rounds.parse().ok()?;
        let mut bytes = [0; 12];
        let filled = Base64ShaCrypt::decode(letters, &mut bytes).ok()?.len();
        let whole = filled == bytes.len();
        (whole && (FEWEST_ROUNDS..=MOST_ROUNDS).contains(&rounds)).then_some(Self { rounds, bytes })
    }

    fn draw() -> Result<Self, HashError> {
        let mut bytes = [0; 12];
        getrandom::fill(&mut bytes).map_err(|_| HashError::NoSalt)?;
        Ok(Self {
            rounds: ROUNDS,
            bytes,
        })
    }
}

/// The hash of a password. `told` is the salt of the hash that the host has, as the host tells it; where it
/// has none, or one that is no good, a new salt is drawn.
pub(super) fn hash(password: &str, told: Option<&str>) -> Result<String, HashError> {
    let salt = match told.and_then(Salt::read) {
        Some(salt) => salt,
        None => Salt::draw()?,
    };
    let params = Params::new(salt.rounds).map_err(|_| HashError::Refused)?;
    let hasher = ShaCrypt::new(Algorithm::Sha512Crypt, params);
    let hashed = hasher
        .hash_password_customized(password.as_bytes(), &salt.bytes, None, None, params)
        .map_err(|_| HashError::Refused)?;
    Ok(hashed.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the specification of SHA-crypt (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512"), whose
    /// salt of 24 letters counts as its first 16.
    #[test]
    fn the_specification_agrees() {
        assert_eq!(
            hash("Hello world!", Some("$6$rounds=10000$saltstringsaltst")).unwrap(),
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/\
             YTBmSK6H9qs/y3RnOaw5v."
        );
    }

    #[test]
    fn what_is_no_good_as_a_salt_is_not_taken() {
        for told in [
            "",
            "$6$saltstringsaltst",
            "$6$rounds=10000$short",
            "$6$rounds=10000$saltstringsaltst$",
            "$6$rounds=10000$saltstring:altst",
            "$6$rounds=1000$saltstringsaltst",
            "$6$rounds=999999999$saltstringsaltst",
            "$6$rounds=99999999999999999999$saltstringsaltst",
            "$5$rounds=10000$saltstringsaltst",
            "$2b$12$abcdefghijklmnopqrstuu",
            "x",
        ] {
            assert_eq!(Salt::read(told), None, "{told}");
        }
    }

    #[test]
    fn a_salt_is_drawn_anew_each_time() {
        let one = Salt::draw().unwrap();
        assert_ne!(one, Salt::draw().unwrap());
        assert_eq!(one.rounds, ROUNDS);
    }
}
