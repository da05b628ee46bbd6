//! A file's content on its way to a host.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::PIECE;
use crate::port::Content;

/// Content up to here is sent with the question: bytes are cheaper than a round trip.
pub(super) const EAGER: usize = 32 << 10;

/// Content with its size and checksum; the bytes are read as they are sent.
pub(super) struct Outgoing<'a> {
    pub(super) size: u64,
    /// SHA-256, in hexadecimal digits.
    pub(super) sum: String,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Here(&'a [u8]),
    File {
        path: &'a Path,
        file: File,
        left: u64,
    },
}

impl<'a> Outgoing<'a> {
    /// Looks at the content. A file is read once for its checksum, aside: it may be large.
    pub(super) async fn of(content: &'a Content) -> Result<Self, String> {
        match content {
            Content::Bytes(bytes) => Ok(Self {
                size: bytes.len() as u64,
                sum: hex(&Sha256::digest(bytes)),
                bytes: Bytes::Here(bytes),
            }),
            Content::Local(path) => {
                let read = path.clone();
                let read = tokio::task::spawn_blocking(move || look(&read)).await;
                let (file, size, sum) = read
                    .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
                    .map_err(|error| unreadable(path, &error))?;
                Ok(Self {
                    size,
                    sum,
                    bytes: Bytes::File {
                        path,
                        file,
                        left: size,
                    },
                })
            }
        }
    }

    /// What goes along with the question: all of it, or nothing.
    pub(super) fn eager(&self) -> &'a [u8] {
        match self.bytes {
            Bytes::Here(bytes) if bytes.len() <= EAGER => bytes,
            _ => &[],
        }
    }

    /// The next bytes; none when all are sent.
    pub(super) fn next_piece(&mut self) -> Result<Option<Vec<u8>>, String> {
        match &mut self.bytes {
            Bytes::Here(bytes) => {
                let (piece, rest) = bytes.split_at(bytes.len().min(PIECE));
                *bytes = rest;
                Ok((!piece.is_empty()).then(|| piece.to_vec()))
            }
            Bytes::File { path, file, left } => {
                let mut piece = Vec::with_capacity(PIECE);
                let most = (*left).min(PIECE as u64);
                let read = file.take(most).read_to_end(&mut piece);
                read.map_err(|error| unreadable(path, &error))?;
                if piece.len() as u64 != most {
                    return Err(format!(
                        "{} became shorter while it was sent",
                        path.display()
                    ));
                }
                *left -= most;
                Ok((most > 0).then_some(piece))
            }
        }
    }
}

/// How much content could go along with a question: nothing where it is read as it is sent.
pub(super) fn eager_size(content: &Content) -> Option<usize> {
    match content {
        Content::Bytes(bytes) => Some(bytes.len()),
        Content::Local(_) => None,
    }
}

/// The file, at its beginning, with its size and checksum.
fn look(path: &Path) -> io::Result<(File, u64, String)> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut digest = Sha256::new();
    let (mut size, mut piece) = (0, vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        digest.update(bytes);
        size += read as u64;
    }
    file.rewind()?;
    Ok((file, size, hex(&digest.finalize())))
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
