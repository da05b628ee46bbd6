//! A folder of its own, the built command, and a socket that counts who comes.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by unwrapping"
)]

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A folder that is both the current one and the user's home.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            // A short path on every machine: messages that name it are broken into lines alike.
            folder: TempDir::new_in("/tmp").unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Adds text to the end of a file.
    pub(crate) fn append(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        let before = fs::read_to_string(&path).unwrap();
        fs::write(&path, before + text).unwrap();
    }

    /// Writes a file with these permission bits.
    pub(crate) fn write_mode(&self, path: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.write(path, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Runs the command here, with nothing in the environment that is not said here.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.ran(self.command(args).output().unwrap())
    }

    /// The same as if it were in a lab's network.
    pub(crate) fn run_in_lab(&self, lab: &str, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        self.ran(command.env("PHALANX_LAB", lab).output().unwrap())
    }

    /// Runs the command until somebody rings at the door, then presses Ctrl-C.
    pub(crate) fn run_until_rung(&self, args: &[&str], door: &Doorbell) -> Ran {
        let mut command = self.command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        door.wait();
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::INT).unwrap();
        self.ran(child.wait_with_output().unwrap())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phalanx"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("LANG", "C.UTF-8")
            .env("COLUMNS", "100")
            .env("PHALANX_PROGRAM", "phalanx")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    fn ran(&self, output: Output) -> Ran {
        let here = self.path().to_str().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(here, "[HOME]");
        Ran {
            code: output
                .status
                .code()
                .expect("it ended by itself, not by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Copies the example recipe here, as `recipe`.
    pub(crate) fn hello(&self) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
        copy(&example, &self.path().join("recipe"));
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A socket that counts who comes.
pub(crate) struct Doorbell {
    listener: TcpListener,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    /// The host's `address: ..., port: ...`.
    pub(crate) fn at(&self) -> String {
        let at = self.listener.local_addr().unwrap();
        format!("address: {}, port: {}", at.ip(), at.port())
    }

    /// Waits until somebody comes.
    pub(crate) fn wait(&self) {
        let listener = self.listener.try_clone().unwrap();
        listener.set_nonblocking(false).unwrap();
        let (came, coming) = mpsc::channel();
        std::thread::spawn(move || came.send(listener.accept().is_ok()));
        let came = coming.recv_timeout(Duration::from_secs(60));
        self.listener.set_nonblocking(true).unwrap();
        assert!(came == Ok(true), "nobody came");
    }

    /// How many connections were made since the last call. A connection stands in the listener's
    /// queue from the moment its maker has it, so none is still to come once the maker has ended.
    pub(crate) fn rung(&self) -> usize {
        let mut rung = 0;
        loop {
            match self.listener.accept() {
                Ok(_) => rung += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return rung,
                Err(error) => panic!("{error}"),
            }
        }
    }
}
