//! What a host says: answers cut into pieces of any size, their words, and results.

#![no_main]

use libfuzzer_sys::fuzz_target;
use phalanx_remote::fuzzing::{NONCE, host_answer};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    // The fuzzer need not guess the nonce: 0xff stands for the answer's mark.
    let mark = format!("\n@{NONCE} ");
    let mut bytes = Vec::with_capacity(2 * rest.len());
    for byte in rest {
        match byte {
            0xff => bytes.extend_from_slice(mark.as_bytes()),
            byte => bytes.push(*byte),
        }
    }
    assert!(host_answer(&bytes, usize::from(*first)));
});
