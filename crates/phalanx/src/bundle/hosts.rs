//! What hosts say about themselves now. It is a help: a host that says nothing holds up nobody.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phalanx_remote::{OutputSink, Script, SshTransport, Transport as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use crate::trouble::chain;

/// Asks a host, in sh.
const SCRIPT: &str = include_str!("host_now.sh");
/// How long one host may take, connecting included.
const HOST_WITHIN: Duration = Duration::from_secs(60);
/// How long all of them may take.
const ALL_WITHIN: Duration = Duration::from_secs(180);
/// How many are asked at once.
const AT_ONCE: usize = 64;
/// More is not taken from one host.
const MOST: usize = 4 << 20;

/// What became of asking a host.
pub(super) struct Asked {
    pub(super) host: String,
    /// What it said, as far as it came.
    pub(super) said: Vec<u8>,
    /// Why that is not all.
    pub(super) trouble: Option<String>,
}

/// Keeps what a host says, up to a limit, also where nobody waits for the rest any more.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl OutputSink for Said {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() + bytes.len() > MOST {
            return Err(io::Error::other("it says too much"));
        }
        said.extend_from_slice(bytes);
        Ok(())
    }
}

/// Asks all these hosts at the same time. Changes nothing on them.
pub(super) async fn ask(transport: SshTransport, hosts: &[String]) -> Vec<Asked> {
    let transport = Arc::new(transport);
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    let mut all: Vec<Asked> = Vec::new();
    let mut sinks = Vec::new();
    for (at, host) in hosts.iter().enumerate() {
        let said = Said::default();
        sinks.push(said.clone());
        all.push(Asked {
            host: host.clone(),
            said: Vec::new(),
            trouble: Some(late(ALL_WITHIN)),
        });
        let (transport, turns, host) = (Arc::clone(&transport), Arc::clone(&turns), host.clone());
        asking.spawn(async move {
            // Never closed.
            let _turn = turns.acquire().await;
            let asked = timeout(HOST_WITHIN, ask_one(&transport, &host, said)).await;
            let trouble = match asked {
                Ok(Ok(())) => None,
                Ok(Err(why)) => Some(why),
                Err(_) => Some(late(HOST_WITHIN)),
            };
            (at, trouble)
        });
    }
    let deadline = Instant::now() + ALL_WITHIN;
    while let Ok(Some(asked)) = timeout_at(deadline, asking.join_next()).await {
        if let Ok((at, trouble)) = asked
            && let Some(asked) = all.get_mut(at)
        {
            asked.trouble = trouble;
        }
    }
    for (asked, Said(said)) in all.iter_mut().zip(sinks) {
        asked.said = std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
        if asked.trouble.is_some() {
            // The half of a line may end in the half of a password.
            let whole = asked.said.iter().rposition(|byte| *byte == b'\n');
            asked.said.truncate(whole.map_or(0, |end| end + 1));
        }
    }
    all
}

fn late(within: Duration) -> String {
    format!("it did not answer in full within {} s", within.as_secs())
}

async fn ask_one(transport: &SshTransport, host: &str, mut said: Said) -> Result<(), String> {
    let connected = transport.connect(host).await;
    let connection = connected.map_err(|error| chain(&error))?;
    let script = Script {
        text: SCRIPT.to_owned(),
        ..Script::default()
    };
    let ended = connection.probe(&script, &mut said).await;
    let ended = ended.map_err(|error| chain(&error));
    connection.close().await;
    ended.map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Output, Stdio};

    use super::*;

    /// Runs the script in dash, where there are no other programs than these.
    fn said(programs: &[(&str, &str)]) -> String {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        for (name, text) in programs {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/dash\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        // Those of this machine are not looked at.
        let here = format!("PATH={}", folder.path().display());
        let start = SCRIPT.find("PATH=").unwrap();
        let end = start + SCRIPT[start..].find('\n').unwrap();
        let script = format!("{}{here}{}", &SCRIPT[..start], &SCRIPT[end..]);
        let output = run(Command::new("/bin/dash"), &script);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn run(mut command: Command, script: &str) -> Output {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(script.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    #[test]
    fn the_script_is_sound_sh() {
        let program = phalanx_lab::program("shellcheck", "shellcheck").unwrap();
        let mut shellcheck = Command::new(program);
        shellcheck.args(["-s", "sh", "-"]);
        let output = run(shellcheck, SCRIPT);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }

    #[test]
    fn a_host_that_lacks_every_program_says_so() {
        let said = said(&[]);
        for name in ["uname", "systemctl", "journalctl", "df"] {
            assert!(
                said.contains(&format!("(there is no {name} here)")),
                "{said}"
            );
        }
    }

    #[test]
    fn a_command_that_fails_tells_its_status_and_the_next_one_comes() {
        let tail = ("tail", "exec /usr/bin/tail \"$@\"");
        let said = said(&[
            tail,
            ("uname", "echo odd; exit 3"),
            ("df", "echo 'all full'"),
        ]);
        assert!(
            said.contains("=== uname -a\nodd\n(it ended with status 3)\n"),
            "{said}"
        );
        assert!(said.ends_with("=== df -Pi\nall full\n"), "{said}");
    }

    #[test]
    fn long_output_is_kept_from_its_end_in_whole_lines() {
        let said = said(&[
            ("awk", "exec /usr/bin/awk \"$@\""),
            (
                "dmesg",
                "for i in 1 2 3 4 5 6 7 8 9; do printf '%s %050000d\\n' line$i 0; done",
            ),
        ]);
        let shown: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with("line"))
            .collect();
        assert_eq!(shown.len(), 5, "{:?}", said.len());
        assert!(shown[0].starts_with("line5 0") && shown.iter().all(|line| line.len() == 50_006));
    }
}
