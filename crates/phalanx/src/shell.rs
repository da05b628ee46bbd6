//! This machine's shell, which reads scripts and runs none.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use phalanx_plan::recipe::{Shell, Verdict};
use rustix::process::{Pid, Signal, kill_process};

/// Where shells are, the strictest first. Not where `PATH` says: that may begin with the folder of anybody.
const SHELLS: [&str; 4] = ["/bin/dash", "/usr/bin/dash", "/bin/sh", "/usr/bin/sh"];
/// For all scripts together.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much of what it says of a script is read.
const MOST_BYTES: u64 = 4096;
/// More at the same time are no faster.
const MOST_AT_ONCE: usize = 8;

/// A shell by the path of its program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalShell<'a> {
    /// The first of these that is there is asked.
    candidates: &'a [&'a str],
    patience: Duration,
}

impl Default for LocalShell<'_> {
    fn default() -> Self {
        Self {
            candidates: &SHELLS,
            patience: PATIENCE,
        }
    }
}

impl Shell for LocalShell<'_> {
    fn read(&self, scripts: &[&str]) -> Result<Vec<Verdict>, String> {
        let found = self
            .candidates
            .iter()
            .find(|path| Path::new(path).is_file());
        let program = found
            .ok_or_else(|| format!("this machine has none of {}", self.candidates.join(", ")))?;
        let scripts: Arc<[String]> = scripts.iter().map(|text| (*text).to_owned()).collect();
        let until = Instant::now() + self.patience;
        let wanted = scripts.len();
        let next = Arc::new(AtomicUsize::new(0));
        let running = Running::default();
        let (tell, told) = mpsc::channel();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores.min(MOST_AT_ONCE).min(wanted) {
            let (scripts, next, running) =
                (Arc::clone(&scripts), Arc::clone(&next), running.clone());
            let (tell, program) = (tell.clone(), (*program).to_owned());
            let look = move || {
                while let Some((at, script)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    scripts.get(at).map(|script| (at, script))
                } {
                    let verdict = ask(&program, script, &running)
                        .map_err(|error| format!("{program} can't be asked: {error}"));
                    let failed = verdict.is_err();
                    if tell.send((at, verdict)).is_err() || failed {
                        break;
                    }
                }
            };
            thread::Builder::new()
                .spawn(look)
                .map_err(|error| format!("no thread can be begun: {error}"))?;
        }
        drop(tell);
        let mut verdicts = vec![None; wanted];
        for _ in 0..wanted {
            match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((at, verdict)) => {
                    let verdict = verdict.inspect_err(|_| running.end())?;
                    if let Some(place) = verdicts.get_mut(at) {
                        *place = Some(verdict);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    running.end();
                    return Err(format!(
                        "{program} has not read them within {} s",
                        self.patience.as_secs()
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let verdicts: Option<Vec<Verdict>> = verdicts.into_iter().collect();
        verdicts.ok_or_else(|| format!("{program} has not answered for all of them"))
    }
}

/// The shells that run, and whether more may begin.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<(Vec<Pid>, bool)>>);

impl Running {
    fn start(&self, command: &mut Command) -> std::io::Result<Child> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.1 {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        let child = command.spawn()?;
        running.0.push(Pid::from_child(&child));
        Ok(child)
    }

    /// Reaps a shell that has nothing more to say. The lock is held: nobody ends a process that has its number later.
    fn reap(&self, child: &mut Child) -> std::io::Result<bool> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It has closed its output: its status is known, or it is no shell.
        child.kill()?;
        let status = child.wait()?;
        let pid = Pid::from_child(child);
        running.0.retain(|known| *known != pid);
        Ok(status.success())
    }

    /// Ends them all, for good.
    fn end(&self) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.1 = true;
        for pid in &running.0 {
            // One that has just ended on its own needs no more.
            let _ = kill_process(*pid, Signal::KILL);
        }
    }
}

/// Has the shell read a script. The text is its input, from a file without a name.
fn ask(program: &str, script: &str, running: &Running) -> std::io::Result<Verdict> {
    let mut input: File = tempfile::tempfile()?;
    input.write_all(script.as_bytes())?;
    input.rewind()?;
    let mut command = Command::new(program);
    command
        .arg0("sh")
        .arg("-n")
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = running.start(&mut command)?;
    let mut said = Vec::new();
    if let Some(output) = child.stderr.take() {
        output.take(MOST_BYTES).read_to_end(&mut said)?;
    }
    Ok(match running.reap(&mut child)? {
        true => Verdict::Good,
        false => Verdict::Bad(String::from_utf8_lossy(&said).into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn scripts_are_read_and_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let runs = format!("touch {}\n", trace.display());
        let broken = format!("touch {}\nif true; then\n", trace.display());
        let scripts: Vec<&str> = (0..40)
            .map(|at| if at == 17 { &*broken } else { &*runs })
            .collect();
        let verdicts = LocalShell::default().read(&scripts).unwrap();
        for (at, verdict) in verdicts.iter().enumerate() {
            match verdict {
                Verdict::Good => assert_ne!(at, 17),
                Verdict::Bad(said) => {
                    assert!(
                        at == 17 && said.to_lowercase().contains("end of file"),
                        "{said}"
                    );
                }
            }
        }
        assert!(!trace.exists(), "a script was run");
        assert_eq!(LocalShell::default().read(&[]), Ok(Vec::new()));
    }

    /// A program in the place of a shell.
    fn stand_in(text: &str, patience: Duration) -> Result<Vec<Verdict>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sh");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let shell = LocalShell {
            candidates: &["/nonexistent/sh", &path],
            patience,
        };
        shell.read(&["true\n", "true\n"])
    }

    #[test]
    fn a_shell_that_never_ends_or_never_stops_talking_is_ended() {
        let none = LocalShell {
            candidates: &["/nonexistent/sh"],
            patience: PATIENCE,
        };
        let refused = none.read(&["true\n"]);
        assert_eq!(
            refused,
            Err("this machine has none of /nonexistent/sh".to_owned())
        );
        let hangs = "#!/bin/sh\nexec sleep 600\n";
        let late = stand_in(hangs, Duration::from_millis(200)).unwrap_err();
        assert!(late.ends_with("has not read them within 0 s"), "{late}");
        let talks = "#!/bin/sh\nexec yes nonsense >&2\n";
        let verdicts = stand_in(talks, Duration::from_secs(60)).unwrap();
        for verdict in verdicts {
            let Verdict::Bad(said) = verdict else {
                panic!("{verdict:?}");
            };
            assert_eq!(said.len() as u64, MOST_BYTES);
        }
    }
}
