//! Reads a host's in-band answers out of the bytes of its stdout.
//!
//! Pure and incremental: the same answers come out however the bytes are cut. Of the output only
//! those bytes are held back that may be the beginning of an answer.

use thiserror::Error;

use crate::result::RESULT_KEPT;

/// The longest answer line that is taken.
const LINE_LIMIT: usize = 8 << 10;
/// The longest result that is read to its end. Of a long one, only [`RESULT_KEPT`] bytes are kept.
const RESULT_LIMIT: usize = 4 << 20;
/// How much noise in front of the first answer is kept, for messages.
const NOISE_KEPT: usize = 4 << 10;

/// One thing that the host said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It will do it; bytes of output follow. The words after `head`.
    Head(String),
    /// It will not do it, for this reason. The words after `fail`.
    Fail(String),
    /// Bytes of output.
    Output(Vec<u8>),
    /// It wants the content.
    Want,
    /// One of several files is done. The words after `file`.
    File(String),
    /// It is over. The words after `end`, and the result lines.
    End {
        /// The words.
        words: String,
        /// The result lines.
        result: String,
    },
}

/// The host said something that is not the protocol.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum AnswerError {
    /// A line or a result without an end.
    #[error("an answer is too long")]
    TooLong,
    /// A word that is not known.
    #[error("unknown answer {0:?}")]
    Unknown(String),
}

/// The value of `name=value` among words.
pub(crate) fn field<'a>(words: &'a str, name: &str) -> Option<&'a str> {
    words
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// The incremental reader.
#[derive(Debug)]
pub(crate) struct AnswerReader {
    stage: Stage,
    /// `@NONCE ` until the head was read, then `\n@MARK `.
    pattern: Vec<u8>,
    /// What was gathered: noise, a line, the last bytes of a result.
    gathered: Vec<u8>,
    /// The result's bytes before those, as far as they are kept.
    result: Vec<u8>,
    /// How many bytes of the result came.
    result_size: usize,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Before the first answer: a login may say things.
    Noise,
    /// The line of the first answer.
    FirstLine,
    /// Output; so many bytes of the pattern were seen just now.
    Body(usize),
    /// The line of an answer after the output.
    Line,
    /// The result after this `end` line.
    Result(String),
    /// The last answer was read.
    Over,
}

impl AnswerReader {
    /// A reader for the request with this nonce.
    pub(crate) fn new(nonce: &str) -> Self {
        Self {
            stage: Stage::Noise,
            pattern: format!("@{nonce} ").into_bytes(),
            gathered: Vec::new(),
            result: Vec::new(),
            result_size: 0,
        }
    }

    /// What came before the first answer, or instead of it.
    pub(crate) fn noise(&self) -> &[u8] {
        if matches!(self.stage, Stage::Noise) {
            &self.gathered
        } else {
            &[]
        }
    }

    /// Takes the next bytes; the answers go to `answers`.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        answers: &mut impl Extend<Answer>,
    ) -> Result<(), AnswerError> {
        while !bytes.is_empty() {
            let (rest, answer) = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Noise => (self.noise_bytes(bytes), None),
                Stage::FirstLine => self.line_bytes(bytes, true)?,
                Stage::Body(matched) => self.body_bytes(bytes, matched),
                Stage::Line => self.line_bytes(bytes, false)?,
                Stage::Result(words) => self.result_bytes(bytes, words)?,
                Stage::Over => return Ok(()),
            };
            answers.extend(answer);
            bytes = rest;
        }
        Ok(())
    }

    fn noise_bytes<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // The head may come without a line of its own, after noise that has no line end.
        let before = self.gathered.len();
        self.gathered.extend_from_slice(bytes);
        let from = before.saturating_sub(self.pattern.len());
        let found = self
            .gathered
            .get(from..)
            .and_then(|tail| find(tail, &self.pattern));
        if let Some(at) = found {
            let used = from + at + self.pattern.len() - before;
            self.gathered.clear();
            self.stage = Stage::FirstLine;
            return bytes.get(used..).unwrap_or_default();
        }
        let surplus = self.gathered.len().saturating_sub(NOISE_KEPT);
        self.gathered.drain(..surplus);
        self.stage = Stage::Noise;
        &[]
    }

    /// Gathers up to the line's end, then takes the line for what it is.
    fn line_bytes<'a>(
        &mut self,
        bytes: &'a [u8],
        first: bool,
    ) -> Result<(&'a [u8], Option<Answer>), AnswerError> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.gathered.extend_from_slice(part);
        if self.gathered.len() > LINE_LIMIT {
            return Err(AnswerError::TooLong);
        }
        if end.is_none() {
            self.stage = if first { Stage::FirstLine } else { Stage::Line };
            return Ok((rest, None));
        }
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.gathered)).into_owned();
        let (word, words) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match word {
            "head" if first => {
                let mark = field(words, "mark").map(str::to_owned);
                self.pattern = match mark {
                    Some(mark) => format!("\n@{mark} ").into_bytes(),
                    None => [b"\n", self.pattern.as_slice()].concat(),
                };
                self.stage = Stage::Body(0);
                Some(Answer::Head(words.to_owned()))
            }
            "want" if !first => {
                self.stage = Stage::Body(0);
                Some(Answer::Want)
            }
            "file" if !first => {
                self.stage = Stage::Body(0);
                Some(Answer::File(words.to_owned()))
            }
            "fail" => Some(Answer::Fail(words.to_owned())),
            "end" if !first => {
                self.stage = Stage::Result(words.to_owned());
                None
            }
            _ => return Err(AnswerError::Unknown(line)),
        };
        Ok((rest.get(1..).unwrap_or_default(), answer))
    }

    /// Passes on output up to the pattern's end, without what may be a part of it.
    fn body_bytes<'a>(
        &mut self,
        bytes: &'a [u8],
        mut matched: usize,
    ) -> (&'a [u8], Option<Answer>) {
        let mut output = Vec::new();
        let mut rest = bytes;
        loop {
            if matched == 0 {
                // The pattern begins with a line end and has no other: only there it can begin.
                let start = rest
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .unwrap_or(rest.len());
                let (passed, from) = rest.split_at(start);
                output.extend_from_slice(passed);
                rest = from;
            }
            let wanted = self.pattern.get(matched..).unwrap_or_default();
            let agree = rest.iter().zip(wanted).take_while(|(a, b)| a == b).count();
            matched += agree;
            rest = rest.get(agree..).unwrap_or_default();
            if matched == self.pattern.len() {
                self.stage = Stage::Line;
                break;
            }
            if rest.is_empty() {
                self.stage = Stage::Body(matched);
                break;
            }
            output.extend_from_slice(self.pattern.get(..matched).unwrap_or_default());
            matched = 0;
        }
        (rest, (!output.is_empty()).then_some(Answer::Output(output)))
    }

    fn result_bytes<'a>(
        &mut self,
        bytes: &'a [u8],
        words: String,
    ) -> Result<(&'a [u8], Option<Answer>), AnswerError> {
        self.gathered.extend_from_slice(bytes);
        self.result_size += bytes.len();
        let closing = [self.pattern.as_slice(), b"done\n"].concat();
        let found = find(&self.gathered, &closing);
        // Without an end, all but what may be the beginning of one.
        let passed = found.unwrap_or((self.gathered.len() + 1).saturating_sub(closing.len()));
        let room = RESULT_KEPT.saturating_sub(self.result.len()).min(passed);
        self.result
            .extend_from_slice(self.gathered.get(..room).unwrap_or_default());
        self.gathered.drain(..passed);
        if found.is_none() {
            if self.result_size > RESULT_LIMIT {
                return Err(AnswerError::TooLong);
            }
            self.stage = Stage::Result(words);
            return Ok((&[], None));
        }
        self.gathered = Vec::new();
        let result = String::from_utf8_lossy(&std::mem::take(&mut self.result)).into_owned();
        Ok((&[], Some(Answer::End { words, result })))
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";
    const MARK: &str = "feedfeedfeedfeedfeedfeedfeedfeed";

    /// Reads `bytes` cut into pieces of these sizes; output is joined.
    fn read(bytes: &[u8], sizes: &[usize]) -> Vec<Answer> {
        let mut reader = AnswerReader::new(NONCE);
        let mut answers = Vec::new();
        let mut rest = bytes;
        let mut sizes = sizes.iter().copied().cycle();
        while !rest.is_empty() {
            let size = sizes.next().unwrap_or(1).clamp(1, rest.len());
            let (piece, more) = rest.split_at(size);
            reader
                .push(piece, &mut answers)
                .expect("the bytes are the protocol");
            rest = more;
        }
        let mut joined: Vec<Answer> = Vec::new();
        for answer in answers {
            match (joined.last_mut(), answer) {
                (Some(Answer::Output(held)), Answer::Output(more)) => held.extend(more),
                (_, answer) => joined.push(answer),
            }
        }
        joined
    }

    fn told(noise: &[u8], output: &[u8], result: &str) -> Vec<u8> {
        let mut bytes = noise.to_vec();
        bytes.extend(format!("@{NONCE} head mark={MARK}\n").bytes());
        bytes.extend(output);
        bytes.extend(format!("\n@{MARK} end ended rc=3\n{result}\n@{MARK} done\n").bytes());
        bytes.extend(b"what comes later is not ours");
        bytes
    }

    fn expected(output: &[u8], result: &str) -> Vec<Answer> {
        let mut answers = vec![Answer::Head(format!("mark={MARK}"))];
        if !output.is_empty() {
            answers.push(Answer::Output(output.to_vec()));
        }
        answers.push(Answer::End {
            words: "ended rc=3".into(),
            result: result.into(),
        });
        answers
    }

    /// Output made of any bytes and of everything that looks like a trailer.
    fn output() -> impl Strategy<Value = Vec<u8>> {
        let look_alike = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\n@".to_vec()),
            Just(format!("\n@{NONCE} end\n").into_bytes()),
            Just(format!("@{MARK} end ended rc=0\n").into_bytes()),
            (0..MARK.len()).prop_map(|n| format!("\n@{}", &MARK[..n]).into_bytes()),
            Just(format!("\n@{MARK}end ended\n").into_bytes()),
            proptest::collection::vec(any::<u8>(), 0..40),
        ];
        // A line break in between: two look-alikes may not make a true one together.
        proptest::collection::vec(look_alike, 0..12).prop_map(|parts| parts.join(&b'.'))
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(
            output in output(),
            noise in "[ -~\n]{0,60}",
            result in "([a-z\t]{1,20}\n){0,5}",
            sizes in proptest::collection::vec(1usize..50, 1..6),
        ) {
            let bytes = told(noise.as_bytes(), &output, &result);
            let expected = expected(&output, &result);
            prop_assert_eq!(&read(&bytes, &[usize::MAX]), &expected);
            prop_assert_eq!(&read(&bytes, &[1]), &expected);
            prop_assert_eq!(&read(&bytes, &sizes), &expected);
        }

        #[test]
        fn any_bytes_are_survived(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            cut in 0usize..400,
        ) {
            let mut reader = AnswerReader::new(NONCE);
            let mut answers = Vec::new();
            let (one, two) = bytes.split_at(cut.min(bytes.len()));
            let _ = reader.push(one, &mut answers).and_then(|()| reader.push(two, &mut answers));
            prop_assert!(answers.is_empty());
        }
    }

    #[test]
    fn output_is_passed_on_at_once_but_for_what_may_be_the_trailer() {
        let mut reader = AnswerReader::new(NONCE);
        let mut answers = Vec::new();
        let head = format!("@{NONCE} head mark={MARK}\n");
        reader.push(head.as_bytes(), &mut answers).unwrap();
        reader.push(b"line\n", &mut answers).unwrap();
        assert_eq!(answers.pop(), Some(Answer::Output(b"line".to_vec())));
        reader.push(b"next", &mut answers).unwrap();
        assert_eq!(answers.pop(), Some(Answer::Output(b"\nnext".to_vec())));
    }

    #[test]
    fn a_question_may_come_before_the_end() {
        let bytes = format!("@{NONCE} head \n\n@{NONCE} want\n\n@{NONCE} fail write no room\n");
        let expected = vec![
            Answer::Head(String::new()),
            Answer::Want,
            Answer::Fail("write no room".into()),
        ];
        assert_eq!(read(bytes.as_bytes(), &[1]), expected);
        assert_eq!(read(bytes.as_bytes(), &[usize::MAX]), expected);
    }

    #[test]
    fn noise_is_kept_for_the_message() {
        let mut reader = AnswerReader::new(NONCE);
        reader
            .push(b"This account is not available.\n", &mut Vec::new())
            .unwrap();
        assert_eq!(reader.noise(), b"This account is not available.\n");
    }

    #[test]
    fn of_a_long_result_the_first_bytes_are_kept() {
        let line = "changed\tsomething\n";
        let long = line.repeat(2 * RESULT_KEPT / line.len());
        for sizes in [&[usize::MAX][..], &[1_000, 7]] {
            let answers = read(&told(b"", b"", &long), sizes);
            let Some(Answer::End { result, .. }) = answers.last() else {
                panic!("it has an end");
            };
            assert_eq!(result.as_str(), &long[..RESULT_KEPT]);
        }
        let mut reader = AnswerReader::new(NONCE);
        let head = format!("@{NONCE} head mark={MARK}\n\n@{MARK} end ended rc=0\n");
        reader.push(head.as_bytes(), &mut Vec::new()).unwrap();
        let pushes = (0..).map(|_| reader.push(&[b'x'; 32 << 10], &mut Vec::new()));
        let mut pushes = pushes.take_while(Result::is_ok).take(1_000);
        assert!(pushes.by_ref().count() < 200, "it is given up");
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let mut reader = AnswerReader::new(NONCE);
        reader
            .push(format!("@{NONCE} head").as_bytes(), &mut Vec::new())
            .unwrap();
        let long = reader.push(&[b' '; LINE_LIMIT + 1], &mut Vec::new());
        assert_eq!(long, Err(AnswerError::TooLong));
        let mut reader = AnswerReader::new(NONCE);
        let unknown = reader.push(format!("@{NONCE} what\n").as_bytes(), &mut Vec::new());
        assert_eq!(unknown, Err(AnswerError::Unknown("what".into())));
    }
}
