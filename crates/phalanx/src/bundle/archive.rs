//! A `.tar.gz` that comes into being whole or not at all, and is the same for the same content.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

/// What is to be in an archive, by path.
pub(super) struct Contents {
    files: BTreeMap<String, Held>,
    /// Large content waits here: a file without a name, in the folder of the archive.
    spool: File,
    end: u64,
}

enum Held {
    Memory(Vec<u8>),
    Spool { from: u64, bytes: u64 },
}

/// Takes one large file's content.
pub(super) struct Spooling<'a> {
    contents: &'a mut Contents,
    from: u64,
}

impl Contents {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            files: BTreeMap::new(),
            spool: tempfile::tempfile_in(folder)?,
            end: 0,
        })
    }

    pub(super) fn add(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), Held::Memory(content.into()));
    }

    /// Begins a file of any size: what is written until it is kept.
    pub(super) fn begin(&mut self) -> Spooling<'_> {
        let from = self.end;
        Spooling {
            contents: self,
            from,
        }
    }

    /// Writes the archive: everything below `folder`, with one time for all, readable by its owner alone. A
    /// file that is there already is only replaced where `replace` says so.
    pub(super) fn write(
        mut self,
        path: &Path,
        folder: &str,
        mtime: u64,
        replace: bool,
    ) -> io::Result<u64> {
        let beside = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // 0600, and gone again where this fails.
        let mut file = NamedTempFile::new_in(beside)?;
        let mut tar = Builder::new(GzEncoder::new(&mut file, Compression::default()));
        let mut header = Header::new_gnu();
        header.set_mtime(mtime);
        header.set_mode(0o700);
        header.set_size(0);
        header.set_entry_type(EntryType::Directory);
        tar.append_data(&mut header.clone(), format!("{folder}/"), io::empty())?;
        header.set_mode(0o600);
        header.set_entry_type(EntryType::Regular);
        for (name, held) in &self.files {
            let name = format!("{folder}/{name}");
            match held {
                Held::Memory(content) => {
                    header.set_size(content.len() as u64);
                    tar.append_data(&mut header.clone(), name, content.as_slice())?;
                }
                Held::Spool { from, bytes } => {
                    header.set_size(*bytes);
                    self.spool.seek(SeekFrom::Start(*from))?;
                    let content = Read::by_ref(&mut self.spool).take(*bytes);
                    tar.append_data(&mut header.clone(), name, content)?;
                }
            }
        }
        tar.into_inner()?.finish()?.flush()?;
        file.as_file().sync_all()?;
        let kept = match replace {
            true => file.persist(path),
            false => file.persist_noclobber(path),
        };
        kept.map_err(|error| error.error)?;
        Ok(fs::metadata(path)?.len())
    }

    /// How many files.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }
}

impl Write for Spooling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.contents.spool.write(bytes)?;
        self.contents.end += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Spooling<'_> {
    /// Keeps what was written, under this path.
    pub(super) fn keep(self, path: String) {
        let held = Held::Spool {
            from: self.from,
            bytes: self.contents.end - self.from,
        };
        self.contents.files.insert(path, held);
    }
}
