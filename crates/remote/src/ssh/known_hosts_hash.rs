//! Hashed names in known_hosts: `|1|SALT|HASH`, the HMAC-SHA1 of a name with a salt of the line's own.
//!
//! A file may have a hundred thousand of them, and each is compared with every host of a run. The half of
//! the work that depends on the salt alone is done when the line is read, and a name's own blocks are laid
//! out once for all lines: two blocks of SHA-1 are left for each line and name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::block_api::compress;

/// What SHA-1 has worked out so far; also, a hash.
type State = [u32; 5];
/// A block, as the words that SHA-1 sees.
type Words = [[u8; 4]; 16];

const BLOCK: usize = 64;
const START: State = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];
/// What follows the inner hash in its block: the end of SHA-1's input, and its length in bits, which counts
/// the block of the outer key.
const OUTER: Words = {
    let mut words = [[0; 4]; 16];
    words[5] = [0x80, 0, 0, 0];
    words[15] = (84_u32 * 8).to_be_bytes();
    words
};

/// A hashed name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HashedName {
    /// SHA-1 after the block of the inner key, and of the outer one.
    inner: State,
    outer: State,
    hash: State,
}

/// A name, laid out to be hashed with any salt: the blocks that follow the one of the key.
pub(crate) struct NameBlocks(Vec<[u8; BLOCK]>);

impl NameBlocks {
    pub(crate) fn new(name: &str) -> Self {
        let mut bytes = name.as_bytes().to_vec();
        bytes.push(0x80);
        while bytes.len() % BLOCK != BLOCK - 8 {
            bytes.push(0);
        }
        let bits = (BLOCK + name.len()) as u64 * 8;
        bytes.extend(bits.to_be_bytes());
        Self(bytes.as_chunks::<BLOCK>().0.to_vec())
    }
}

impl HashedName {
    /// From `SALT|HASH`, both in base64 and of 20 bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.split_once('|')?;
        let (salt, hash) = (decode(salt)?, decode(hash)?);
        Some(Self {
            inner: keyed(salt, 0x36)?,
            outer: keyed(salt, 0x5c)?,
            hash: hash.map(u32::from_be_bytes),
        })
    }

    /// Whether it is this name. It is asked millions of times, in builds for development too: what looks
    /// shorter is several calls there.
    pub(crate) fn matches(&self, name: &NameBlocks) -> bool {
        let mut digest = self.inner;
        compress(&mut digest, &name.0);
        let [a, b, c, d, e] = digest;
        let mut words = OUTER;
        words[0] = a.to_be_bytes();
        words[1] = b.to_be_bytes();
        words[2] = c.to_be_bytes();
        words[3] = d.to_be_bytes();
        words[4] = e.to_be_bytes();
        hashed(self.outer, &words) == Some(self.hash)
    }
}

/// The state after one more block.
fn hashed(mut state: State, words: &Words) -> Option<State> {
    let block = words.as_flattened().first_chunk::<BLOCK>()?;
    compress(&mut state, std::slice::from_ref(block));
    Some(state)
}

/// The state after a key's block: the salt, padded with zeros, each byte changed by `pad`.
fn keyed(salt: [[u8; 4]; 5], pad: u8) -> Option<State> {
    let mut words = [[pad; 4]; 16];
    for (word, salt) in words.iter_mut().zip(salt) {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(salt)).to_ne_bytes();
    }
    hashed(START, &words)
}

/// 20 bytes in base64.
fn decode(text: &str) -> Option<[[u8; 4]; 5]> {
    // Room for what the decoder may need on its way.
    let mut bytes = [0; 24];
    let length = BASE64.decode_slice(text, &mut bytes).ok()?;
    let (words, _) = bytes.as_chunks::<4>();
    words.first_chunk::<5>().copied().filter(|_| length == 20)
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha1::Sha1;

    use super::*;

    fn line(name: &str, salt: &[u8]) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(salt).unwrap();
        mac.update(name.as_bytes());
        let hash = mac.finalize().into_bytes();
        format!("{}|{}", BASE64.encode(salt), BASE64.encode(hash))
    }

    #[test]
    fn what_is_no_hash_is_none() {
        for text in [
            "",
            "|",
            "a",
            "%|%",
            "c2FsdA==",
            "c2FsdA==|c2FsdA==",
            "oHCdbeTgVfharUHg3jNkwVnKdSY=",
            "oHCdbeTgVfharUHg3jNkwVnKdSY=|c2FsdA==",
            "c2FsdA==|oHCdbeTgVfharUHg3jNkwVnKdSY=",
        ] {
            assert_eq!(HashedName::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_hmac_sha1(
            name in "[a-z0-9.:\\[\\]-]{0,200}",
            other in "[a-z0-9.:\\[\\]-]{0,200}",
            salt: [u8; 20],
        ) {
            let one = HashedName::parse(&line(&name, &salt)).unwrap();
            prop_assert!(one.matches(&NameBlocks::new(&name)));
            prop_assert_eq!(one.matches(&NameBlocks::new(&other)), name == other);
        }
    }
}
