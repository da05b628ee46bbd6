//! Keeps one host's sshd: starts it, sees it end, and starts it again after a reboot.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::error::{LabError, at};
use crate::host_builder::OnReboot;
use crate::processes::{descendants, signal};
use crate::tools::PATH;

/// How a host is started.
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// Whether the program holds a name space of processes.
    pub(crate) contained: bool,
    pub(crate) log: PathBuf,
    /// The host's boot id.
    pub(crate) boot_id: PathBuf,
    /// Is there, and says `reboot`, when the host went down because it was asked to.
    pub(crate) going_down: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Up,
    Down,
    /// Down, and nobody will ask again.
    Gone,
}

struct State {
    wanted: Wanted,
    on_reboot: OnReboot,
    pid: Option<i32>,
    boots: u32,
    /// Why it could not be started.
    failure: Option<LabError>,
}

struct Shared {
    launch: Launch,
    state: Mutex<State>,
    changed: Condvar,
}

/// Keeps one host's sshd. Dropping it takes the host down.
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// A host that is down.
    pub(crate) fn new(launch: Launch, on_reboot: OnReboot) -> Result<Self, LabError> {
        let state = State {
            wanted: Wanted::Down,
            on_reboot,
            pid: None,
            boots: 0,
            failure: None,
        };
        let shared = Arc::new(Shared {
            launch,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        // The thread starts every process itself: they are to die with their parent, and to the
        // kernel a parent is a thread.
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("lab-host".into())
            .spawn(move || theirs.keep())
            .map_err(|source| LabError::Io {
                doing: "starting a thread".into(),
                source,
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(crate) fn set_on_reboot(&self, on_reboot: OnReboot) {
        self.shared.lock().on_reboot = on_reboot;
    }

    /// The pid of what holds the host, while it is up.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.shared.lock().pid
    }

    /// How often it was started.
    pub(crate) fn boots(&self) -> u32 {
        self.shared.lock().boots
    }

    /// Starts it, if it is down, and waits until it listens.
    pub(crate) fn start(&self, within: Duration) -> Result<(), LabError> {
        let mut state = self.shared.lock();
        state.wanted = Wanted::Up;
        state.failure = None;
        self.shared.changed.notify_all();
        drop(state);
        self.wait_until_up(within)
    }

    /// Waits until it listens.
    pub(crate) fn wait_until_up(&self, within: Duration) -> Result<(), LabError> {
        let deadline = Instant::now() + within;
        loop {
            let mut state = self.shared.lock();
            if let Some(error) = state.failure.take() {
                return Err(error);
            }
            // Both under one lock: the log is asked about the boot that this pid belongs to.
            let (boots, runs) = (state.boots, state.pid.is_some());
            let down = !runs && state.wanted != Wanted::Up;
            drop(state);
            if runs && self.listens(boots) {
                return Ok(());
            }
            if down || Instant::now() > deadline {
                return Err(LabError::NotUp {
                    within,
                    log: self.end_of_log(),
                });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Takes it down by force and waits until all of it is gone.
    pub(crate) fn stop(&self) {
        let mut state = self.shared.lock();
        state.wanted = Wanted::Down;
        self.shared.changed.notify_all();
        while state.pid.is_some() {
            self.shared.end(&state);
            state = self.shared.wait_a_little(state);
        }
    }

    /// Takes it down by force, as a power cut does, and leaves the rest to [`OnReboot`].
    pub(crate) fn power_cycle(&self) -> Result<(), LabError> {
        let path = &self.shared.launch.going_down;
        at("writing", path, fs::write(path, "reboot\n"))?;
        self.shared.end(&self.shared.lock());
        Ok(())
    }

    /// Whether this boot's sshd has said that it listens.
    fn listens(&self, boots: u32) -> bool {
        let log = fs::read(&self.shared.launch.log).unwrap_or_default();
        String::from_utf8_lossy(&log)
            .rsplit_once(&boot_line(boots))
            .is_some_and(|(_, since)| since.contains("Server listening on"))
    }

    fn end_of_log(&self) -> String {
        let log = fs::read(&self.shared.launch.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(8)..)
            .unwrap_or_default()
            .join(" / ")
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.wanted = Wanted::Gone;
        self.shared.changed.notify_all();
        while state.pid.is_some() {
            self.shared.end(&state);
            state = self.shared.wait_a_little(state);
        }
        drop(state);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, but not long: who waits has more to do.
    fn wait_a_little<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let little = Duration::from_millis(50);
        self.changed
            .wait_timeout(state, little)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Kills what runs. In a name space that is its process 1: with it goes all the rest, and its
    /// parent ends when all of it is gone. Without one it is everything below us.
    fn end(&self, state: &State) {
        let Some(holder) = state.pid else { return };
        let below = descendants(holder);
        if self.launch.contained
            && let Some(init) = below.iter().find(|process| process.parent == holder)
        {
            signal(init.pid, Signal::KILL);
            return;
        }
        signal(holder, Signal::KILL);
        for process in below {
            signal(process.pid, Signal::KILL);
        }
    }

    fn keep(&self) {
        let mut state = self.lock();
        loop {
            match state.wanted {
                Wanted::Gone => return,
                Wanted::Down => {
                    state = self.wait(state);
                    continue;
                }
                Wanted::Up => {}
            }
            let mut child = match self.boot(state.boots + 1) {
                Ok(child) => child,
                Err(error) => {
                    state.failure = Some(error);
                    state.wanted = Wanted::Down;
                    continue;
                }
            };
            state.boots += 1;
            state.pid = i32::try_from(child.id()).ok();
            self.changed.notify_all();
            drop(state);
            let _ = child.wait();
            state = self.lock();
            state.pid = None;
            self.changed.notify_all();
            state = self.after(state);
        }
    }

    /// What to do once it has gone down.
    fn after<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.wanted != Wanted::Up {
            return state;
        }
        let asked = fs::read_to_string(&self.launch.going_down).unwrap_or_default();
        match (asked.trim(), state.on_reboot) {
            ("reboot", OnReboot::Returns(after)) => {
                let up_at = Instant::now() + after;
                while state.wanted == Wanted::Up {
                    let left = up_at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    state = self
                        .changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
            }
            _ => state.wanted = Wanted::Down,
        }
        state
    }

    fn boot(&self, number: u32) -> Result<Child, LabError> {
        let launch = &self.launch;
        let _ = fs::remove_file(&launch.going_down);
        let uuid = Path::new("/proc/sys/kernel/random/uuid");
        let fresh = at("reading", uuid, fs::read(uuid))?;
        at(
            "writing",
            &launch.boot_id,
            fs::write(&launch.boot_id, fresh),
        )?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&launch.log);
        let mut log = at("opening", &launch.log, log)?;
        at(
            "writing",
            &launch.log,
            log.write_all(boot_line(number).as_bytes()),
        )?;
        let stdout = at("opening", &launch.log, log.try_clone())?;
        Command::new(&launch.program)
            .args(&launch.args)
            .env_clear()
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(log)
            .spawn()
            .map_err(|source| LabError::Io {
                doing: format!("starting {}", launch.program.display()),
                source,
            })
    }
}

fn boot_line(number: u32) -> String {
    format!("-- boot {number}\n")
}
