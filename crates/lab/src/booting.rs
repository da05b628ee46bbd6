//! Waiting until a lab is up, and finding out why it is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::answering::Answering;
use crate::cgroup::ControlGroup;
use crate::error::LabError;
use crate::keeper::{self, NewKeeper};
use crate::lab_folder::LabRecord;
use crate::lab_host::LabHost;
use crate::lab_status::Boots;
use crate::tools;

/// How long hosts may take to boot: a second each, but several where the machine is busy.
const BOOT: Duration = Duration::from_secs(60);
/// How much longer for each of them.
const BOOT_EACH: Duration = Duration::from_secs(5);
/// How many lines of a log are shown.
const SHOWN: usize = 12;

/// Waits until every host answers. Gives up when one has ended, or the keeper, or the internet.
pub(crate) fn wait_until_up(
    folder: &Path,
    group: &ControlGroup,
    record: &LabRecord,
    new: &mut NewKeeper,
) -> Result<(), LabError> {
    let count = u32::try_from(record.hosts.len()).unwrap_or(u32::MAX);
    let within = BOOT + BOOT_EACH * count;
    let deadline = Instant::now() + within;
    let not_up = |what: &str, within, log: &str| {
        let log_file = folder.join(log);
        LabError::LabNotUp {
            what: what.to_owned(),
            within,
            log: end_of(&log_file),
            log_file,
        }
    };
    let pid = loop {
        if let Some(pid) = keeper::keeper_pid(group) {
            break pid;
        }
        if new.has_ended() {
            return Err(not_up("the lab", None, keeper::LOG));
        }
        if Instant::now() > deadline {
            return Err(not_up("the lab", Some(within), keeper::LOG));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let addresses: Vec<_> = record
        .hosts
        .iter()
        .map(|host| host.private_address)
        .collect();
    let answering = Answering::of(pid, &addresses)?;
    let mut missing: BTreeSet<usize> = (0..addresses.len()).collect();
    let console = |host: &LabHost| format!("hosts/{}/console.log", host.name);
    while !missing.is_empty() {
        if let Some(number) = answering.next(Duration::from_millis(100)) {
            missing.remove(&number);
            continue;
        }
        if new.has_ended() {
            return Err(not_up("the lab", None, keeper::LOG));
        }
        for host in missing
            .iter()
            .filter_map(|number| record.hosts.get(*number))
        {
            let what = format!("the host {}", host.name);
            let boots = folder.join("hosts").join(&host.name).join("boots");
            if Boots::read(&boots).ended {
                return Err(not_up(&what, None, &console(host)));
            }
            if Instant::now() > deadline {
                let mut error = not_up(&what, Some(within), &console(host));
                if let LabError::LabNotUp { log, .. } = &mut error {
                    log.push_str(&end_of_journal(group, host));
                }
                return Err(error);
            }
        }
    }
    if record.internet && keeper::internet_pid(group).is_none() {
        return Err(not_up("the lab's internet", None, "internet/log"));
    }
    Ok(())
}

fn end_of(log: &Path) -> String {
    let end = last_lines(&fs::read(log).unwrap_or_default());
    if end.is_empty() {
        "nothing".into()
    } else {
        end
    }
}

/// What a host that hangs has written to its journal last.
fn end_of_journal(group: &ControlGroup, host: &LabHost) -> String {
    let tools = tools::require([tools::TIMEOUT, tools::NSENTER]);
    let (Ok([timeout, nsenter]), Some(pid)) = (tools, keeper::host_pid(group, &host.name)) else {
        return String::new();
    };
    let output = Command::new(timeout)
        .args(["--signal=KILL", "5"])
        .arg(nsenter)
        .args(["--target", &pid.to_string(), "--all", "--"])
        .args([
            "journalctl",
            "--boot",
            "--no-pager",
            "--quiet",
            "--lines=12",
        ])
        .stdin(Stdio::null())
        .output();
    match output.map(|output| last_lines(&output.stdout)) {
        Ok(lines) if !lines.is_empty() => format!("\nand the end of its journal:\n{lines}"),
        _ => String::new(),
    }
}

fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = lines.len().saturating_sub(SHOWN);
    lines.get(first..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_last_lines_that_say_something() {
        let text: String = (1..=20)
            .map(|number| format!("line {number}\n\n"))
            .collect();
        let end = last_lines(text.as_bytes());
        assert!(
            end.starts_with("line 9\n") && end.ends_with("line 20"),
            "{end}"
        );
        assert_eq!(end_of(Path::new("/no/such/log")), "nothing");
    }
}
