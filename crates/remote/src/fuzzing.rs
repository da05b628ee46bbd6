//! What a fuzzer throws bytes at: everything that reads a host's words.

use crate::answer::{Answer, AnswerReader};
use crate::host_protocol::read_words;
use crate::result::parse_result;

/// The nonce of the request that is answered.
pub const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// Reads bytes as a host's answers, at once and in pieces of `size`, and what the answers say. Gives
/// whether both ways came to the same.
pub fn host_answer(bytes: &[u8], size: usize) -> bool {
    let whole = read(bytes, usize::MAX);
    let cut = read(bytes, size.max(1));
    for answer in &whole.0 {
        match answer {
            Answer::Head(words) | Answer::Fail(words) | Answer::File(words) => read_words(words),
            Answer::End { words, result } => {
                read_words(words);
                let _ = parse_result(result);
            }
            Answer::Output(_) | Answer::Want => {}
        }
    }
    // Where the bytes are no protocol, how far one got depends on the pieces.
    whole.1 || cut.1 || whole.0 == cut.0
}

/// The answers, pieces of output joined, and whether the bytes were no protocol.
fn read(bytes: &[u8], size: usize) -> (Vec<Answer>, bool) {
    let mut reader = AnswerReader::new(NONCE);
    let mut answers = Vec::new();
    let mut pieces = bytes.chunks(size.min(bytes.len().max(1)));
    let is_wrong = pieces.any(|piece| reader.push(piece, &mut answers).is_err());
    let mut joined: Vec<Answer> = Vec::new();
    for answer in answers {
        match (joined.last_mut(), answer) {
            (Some(Answer::Output(held)), Answer::Output(more)) => held.extend(more),
            (_, answer) => joined.push(answer),
        }
    }
    (joined, is_wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_pieces_come_to_the_same(
            words in proptest::collection::vec(
                prop_oneof![
                    Just(format!("@{NONCE} head \n")),
                    Just(format!("\n@{NONCE} end rc=0 from=1.00 to=2.00\n")),
                    Just(format!("\n@{NONCE} done\n")),
                    Just(format!("\n@{NONCE} want\n")),
                    Just("problem\tp\terror\tt\tf\n".to_owned()),
                    "[a-z@\n\t=.0-9 ]{0,40}",
                ],
                0..12,
            ),
            size in 1usize..40,
        ) {
            prop_assert!(host_answer(words.concat().as_bytes(), size));
        }
    }
}
