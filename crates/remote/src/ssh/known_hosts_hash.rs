//! Hashed names in known_hosts: `|1|SALT|HASH`, the HMAC-SHA1 of a name with a salt of the line's own.
//!
//! A file may have a hundred thousand of them, and each is compared with every host of a run. The half of
//! the work that depends on the salt alone is done when the line is read, and a name's own blocks are laid
//! out once for all lines: two blocks of SHA-1 are left for each line and name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::block_api::compress;
use sha1::{Digest, Sha1};

/// What SHA-1 has worked out so far.
type State = [u32; 5];

const BLOCK: usize = 64;
const START: State = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];
/// Salts and hashes have 20 bytes; a longer one that fits in here is understood all the same.
const LONGEST: usize = 192;

/// A hashed name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HashedName {
    /// SHA-1 after the block of the inner key, and of the outer one.
    inner: State,
    outer: State,
    hash: State,
}

/// A name, laid out to be hashed with any salt.
pub(crate) struct NameBlocks {
    inner: Vec<[u8; BLOCK]>,
    /// The block that the inner hash is put into.
    outer: [u8; BLOCK],
}

impl NameBlocks {
    pub(crate) fn new(name: &str) -> Self {
        let inner = padded(name.as_bytes());
        // What follows a hash of 20 bytes does not depend on it.
        let outer = padded(&[0; 20]).first().copied().unwrap_or([0; BLOCK]);
        Self { inner, outer }
    }
}

impl HashedName {
    /// From `SALT|HASH`, both in base64.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.split_once('|')?;
        let mut buffer = [0; LONGEST];
        let mut decode = |text: &str| {
            let length = BASE64.decode_slice(text, &mut buffer).ok()?;
            buffer.get(..length).map(<[u8]>::to_vec)
        };
        let (salt, hash) = (decode(salt)?, decode(hash)?);
        let mut key = [0; BLOCK];
        if salt.len() > BLOCK {
            let short = Sha1::digest(&salt);
            key.iter_mut().zip(short).for_each(|(to, from)| *to = from);
        } else {
            key.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
        }
        let keyed = |pad: u8| {
            let mut state = START;
            compress(&mut state, &[key.map(|byte| byte ^ pad)]);
            state
        };
        Some(Self {
            inner: keyed(0x36),
            outer: keyed(0x5c),
            hash: state_of(&hash)?,
        })
    }

    /// Whether it is this name.
    pub(crate) fn matches(&self, name: &NameBlocks) -> bool {
        let mut digest = self.inner;
        compress(&mut digest, &name.inner);
        let [a, b, c, d, e] = digest.map(u32::to_be_bytes);
        let mut block = name.outer;
        for (to, from) in block.chunks_exact_mut(4).zip([a, b, c, d, e]) {
            to.copy_from_slice(&from);
        }
        let mut hash = self.outer;
        compress(&mut hash, &[block]);
        hash == self.hash
    }
}

/// `text` as the blocks that follow the one of the key, with SHA-1's end: a one, zeros, and the length of
/// all blocks in bits.
fn padded(text: &[u8]) -> Vec<[u8; BLOCK]> {
    let mut bytes = text.to_vec();
    bytes.push(0x80);
    while bytes.len() % BLOCK != BLOCK - 8 {
        bytes.push(0);
    }
    let bits = (BLOCK + text.len()) as u64 * 8;
    bytes.extend(bits.to_be_bytes());
    bytes.as_chunks::<BLOCK>().0.to_vec()
}

/// A hash of 20 bytes as SHA-1 holds it.
fn state_of(hash: &[u8]) -> Option<State> {
    let (words, []) = hash.as_chunks::<4>() else {
        return None;
    };
    let words: Vec<u32> = words.iter().copied().map(u32::from_be_bytes).collect();
    words.try_into().ok()
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;

    use super::*;

    fn hashed(name: &str, salt: &[u8]) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(salt).unwrap();
        mac.update(name.as_bytes());
        let hash = mac.finalize().into_bytes();
        format!("{}|{}", BASE64.encode(salt), BASE64.encode(hash))
    }

    #[test]
    fn what_is_no_hash_is_none() {
        for text in ["", "|", "a", "%|%", "c2FsdA==", "c2FsdA==|c2FsdA=="] {
            assert_eq!(HashedName::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_hmac_sha1(
            name in "[a-z0-9.:\\[\\]-]{0,200}",
            other in "[a-z0-9.:\\[\\]-]{0,200}",
            salt in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let one = HashedName::parse(&hashed(&name, &salt)).unwrap();
            prop_assert!(one.matches(&NameBlocks::new(&name)));
            prop_assert_eq!(one.matches(&NameBlocks::new(&other)), name == other);
        }
    }
}
