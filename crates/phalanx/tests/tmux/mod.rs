//! A real terminal to try a screen in: tmux, with a server of its own.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::ffi::OsStr;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take to be seen.
const WITHIN: Duration = Duration::from_secs(30);

/// One terminal, with one command in it.
pub(crate) struct Pane {
    folder: tempfile::TempDir,
}

impl Pane {
    /// Starts a command in a terminal of this size; what it leaves stays to be seen.
    pub(crate) fn start(command: &Command, (width, height): (u16, u16), after: &str) -> Self {
        let pane = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut line = String::from("env");
        let unset = command.get_envs().filter(|(_, value)| value.is_none());
        for (name, _) in unset {
            line.push_str(&format!(" -u {}", quoted(name)));
        }
        line.push_str(" LANG=C.UTF-8");
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                line.push_str(&format!(" {}={}", quoted(name), quoted(value)));
            }
        }
        line.push_str(&format!(" {}", quoted(command.get_program())));
        for argument in command.get_args() {
            line.push_str(&format!(" {}", quoted(argument)));
        }
        let folder = command.get_current_dir().unwrap().display();
        let whole = format!("cd '{folder}' && {line}; echo \"code $?\"; {after}; sleep 1000");
        let size = [width.to_string(), height.to_string()];
        pane.tmux(&["new-session", "-d", "-x", &size[0], "-y", &size[1], &whole]);
        pane
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(phalanx_lab::program("tmux", "tmux").unwrap())
            .arg("-S")
            .arg(self.folder.path().join("socket"))
            .args(["-f", "/dev/null"])
            .args(arguments)
            .env_remove("TMUX")
            .output()
            .unwrap()
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// Presses keys, by tmux's names for them.
    pub(crate) fn press(&self, keys: &[&str]) {
        for key in keys {
            self.tmux(&["send-keys", key]);
        }
    }

    /// What is to be seen.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until all of this is to be seen; gives the screen.
    #[track_caller]
    pub(crate) fn sees(&self, texts: &[&str]) -> String {
        let deadline = Instant::now() + WITHIN;
        loop {
            let screen = self.screen();
            if texts.iter().all(|text| screen.contains(text)) {
                return screen;
            }
            assert!(
                Instant::now() < deadline,
                "never saw {texts:?} in\n{screen}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn resize(&self, (width, height): (u16, u16)) {
        let size = [width.to_string(), height.to_string()];
        self.tmux(&["resize-window", "-x", &size[0], "-y", &size[1]]);
    }

    /// Whether a screen has taken the terminal: its other buffer is shown.
    pub(crate) fn is_taken(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{alternate_on}"])
            .trim()
            == "1"
    }

    /// Waits for the command's exit code, and makes sure that the terminal is as it was.
    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> String {
        let screen = self.sees(&[&format!("code {code}")]);
        assert!(!self.is_taken(), "the screen was not given back:\n{screen}");
        let cursor = self.tmux(&["display-message", "-p", "#{cursor_flag}"]);
        assert_eq!(cursor.trim(), "1", "the cursor is hidden");
        screen
    }

    /// The terminal goes away, as when its window is closed.
    pub(crate) fn close(&self) {
        self.tmux(&["kill-session"]);
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.run(&["kill-server"]);
    }
}

fn quoted(text: &OsStr) -> String {
    format!("'{}'", text.to_str().unwrap().replace('\'', "'\\''"))
}
