//! From bytes to text: what is no text, or too much of it, is refused before anything reads it.

use crate::problem::Problem;
use crate::source::SourceFile;

/// The largest file that is read, in bytes. A cluster of ten thousand hosts fits.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Takes a file's bytes as text. A byte order mark is left out.
///
/// # Errors
///
/// A problem that names the file, where it is larger than [`MAX_BYTES`], where it is not UTF-8 or
/// holds a NUL (with the byte's offset). Whoever opens the file need not read more than
/// `MAX_BYTES + 1` bytes of it: see [`too_large`].
pub fn decode(name: &str, bytes: &[u8]) -> Result<SourceFile, Box<Problem>> {
    if bytes.len() > MAX_BYTES {
        return Err(Box::new(too_large(name, bytes.len() as u64)));
    }
    let refuse = |offset: usize, what: &str| {
        let line = bytes
            .iter()
            .take(offset)
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        let file = SourceFile::new(name, "");
        Box::new(
            Problem::error(
                "file::not-text",
                format!("this is not a text file: {what} at byte {offset}, in line {line}"),
            )
            .in_file(&file)
            .help("is this the right file? It must be plain text, encoded as UTF-8"),
        )
    };
    if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
        return Err(refuse(offset, "a NUL"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(SourceFile::new(
            name,
            text.strip_prefix('\u{feff}').unwrap_or(text),
        )),
        Err(error) => {
            let offset = error.valid_up_to();
            let byte = bytes.get(offset).copied().unwrap_or_default();
            Err(refuse(offset, &format!("invalid UTF-8 (0x{byte:02x})")))
        }
    }
}

/// That a file of this many bytes is not read.
pub fn too_large(name: &str, bytes: u64) -> Problem {
    Problem::error(
        "file::too-large",
        format!("the file has {bytes} bytes: at most {MAX_BYTES} (1 MiB) are read",),
    )
    .in_file(&SourceFile::new(name, ""))
    .help("is this the right file?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        match decode("x", bytes) {
            Ok(file) => panic!("was read: {:?}", file.text()),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn text_is_taken() {
        for (bytes, text) in [
            (&b"a\xc3\xa9"[..], "aé"),
            (b"\xef\xbb\xbfa", "a"),
            (b"", ""),
        ] {
            assert_eq!(decode("x", bytes).expect("text").text(), text);
        }
        assert!(decode("x", &vec![b'a'; MAX_BYTES]).is_ok());
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(
            refused(b"a=1\nb\0"),
            "x: this is not a text file: a NUL at byte 5, in line 2"
        );
        assert_eq!(
            refused(b"\x89PNG"),
            "x: this is not a text file: invalid UTF-8 (0x89) at byte 0, in line 1"
        );
        assert_eq!(
            refused(b"ab\xc3"),
            "x: this is not a text file: invalid UTF-8 (0xc3) at byte 2, in line 1"
        );
        assert_eq!(
            refused(&vec![b'a'; 50 * MAX_BYTES]),
            "x: the file has 52428800 bytes: at most 1048576 (1 MiB) are read"
        );
    }
}
