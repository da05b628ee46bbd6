//! Reading a file that a person wrote.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use phalanx_plan::read::{MAX_BYTES, decode, too_large};
use phalanx_plan::{Problem, SourceFile};
use rustix::fs::{Mode, OFlags};

use crate::trouble::Trouble;

/// What comes through a pipe has to come within this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a file as text. What is no file, too large or no text is refused; one that is too large
/// by its size alone, without reading it.
pub(crate) fn read(path: &Path) -> Result<SourceFile, Trouble> {
    let name = path.to_string_lossy().into_owned();
    decode(&name, &bytes(path)?).map_err(|problem| Trouble::input(*problem))
}

/// Reads as text what comes through standard input, as [`pipe`] does. A terminal is refused.
pub(crate) fn standard_input(name: &str) -> Result<SourceFile, Trouble> {
    if io::stdin().is_terminal() {
        let message = "the cluster file was to come through standard input, and that is a terminal";
        let trouble = unreadable(name, message.to_owned());
        return Err(trouble.help("write `< FILE` behind the command"));
    }
    stream(name, |most, bytes| {
        io::stdin().lock().take(most).read_to_end(bytes)
    })
}

/// Reads as text what comes through a pipe: once, to its end, of a bounded length and within a bounded time.
/// `name` is what it is called in messages.
pub(crate) fn pipe(path: &Path, name: &str) -> Result<SourceFile, Trouble> {
    let path = path.to_owned();
    stream(name, move |most, bytes| {
        File::open(path).and_then(|file| file.take(most).read_to_end(bytes))
    })
}

/// Reads with `read`, which is given how many bytes to read at most, and where to.
fn stream(
    name: &str,
    read: impl FnOnce(u64, &mut Vec<u8>) -> io::Result<usize> + Send + 'static,
) -> Result<SourceFile, Trouble> {
    let (tell, told) = mpsc::channel();
    // Opening waits for somebody to write, as reading does: who never does must not hold the command for ever.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = read(MAX_BYTES as u64 + 1, &mut bytes);
        // Nobody listens any more where it took too long.
        let _ = tell.send(read.map(|_| bytes));
    });
    match told.recv_timeout(PATIENCE) {
        Ok(Ok(bytes)) if bytes.len() > MAX_BYTES => {
            Err(Trouble::input(too_large(name, bytes.len() as u64)))
        }
        Ok(Ok(bytes)) => decode(name, &bytes).map_err(|problem| Trouble::input(*problem)),
        Ok(Err(error)) => {
            let message = format!("the file can't be read: {error}");
            Err(unreadable(name, message))
        }
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            let message = format!("the cluster file did not come to an end within {seconds} s");
            let trouble = unreadable(name, message);
            Err(trouble.help("whatever writes it has to end, and to close the pipe"))
        }
    }
}

fn unreadable(name: &str, message: String) -> Trouble {
    let source = SourceFile::new(name, "");
    Trouble::input(Problem::error("file::unreadable", message).in_file(&source))
}

/// Reads a file of at most [`MAX_BYTES`].
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Trouble> {
    let name = path.to_string_lossy().into_owned();
    let in_file = |code, message: String| {
        Trouble::input(Problem::error(code, message).in_file(&SourceFile::new(name.clone(), "")))
    };
    let failed = |error: std::io::Error| {
        let trouble = in_file(
            "file::unreadable",
            format!("the file can't be read: {error}"),
        );
        match error.kind() {
            ErrorKind::NotFound => {
                trouble.help("check the name; it is taken from the current folder on")
            }
            ErrorKind::PermissionDenied => trouble.help("check its owner and permissions"),
            _ => trouble,
        }
    };
    // Without NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file =
        rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let mut file = File::from(file);
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() {
            "a folder"
        } else {
            "not a regular file"
        };
        return Err(in_file("file::not-a-file", format!("this is {what}")));
    }
    if metadata.len() > MAX_BYTES as u64 {
        return Err(Trouble::input(too_large(&name, metadata.len())));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    let most = MAX_BYTES as u64 + 1;
    file.by_ref()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > MAX_BYTES {
        return Err(Trouble::input(too_large(&name, bytes.len() as u64)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        let trouble = bytes(path).unwrap_err();
        let problem = trouble.problems.iter().next().unwrap();
        format!("{}: {}", problem.code, problem.message)
    }

    #[test]
    fn what_is_no_readable_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refused(folder.path()), "file::not-a-file: this is a folder");
        assert_eq!(
            refused(&folder.path().join("none")),
            "file::unreadable: the file can't be read: No such file or directory (os error 2)"
        );
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(
            refused(&fifo),
            "file::not-a-file: this is not a regular file"
        );
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(
            refused(&large),
            "file::too-large: the file has 1099511627776 bytes: at most 1048576 (1 MiB) are read"
        );
        let fine = folder.path().join("fine");
        std::fs::write(&fine, "x").unwrap();
        assert_eq!(bytes(&fine).unwrap(), b"x");
    }
}
