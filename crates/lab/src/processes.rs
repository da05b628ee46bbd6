//! The processes of a lab host, seen from outside.

use std::collections::HashMap;

use rustix::process::{Pid, Signal, kill_process};

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// The name of its program, cut to 15 bytes by the kernel.
    pub(crate) name: String,
}

/// Everything below `root`, parents before their children; not `root` itself.
pub(crate) fn descendants(root: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        // What went away meanwhile is no descendant any more.
        if let Ok(stat) = std::fs::read_to_string(entry.path().join("stat"))
            && let Some(process) = parse_stat(&stat)
        {
            children.entry(process.parent).or_default().push(process);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        for process in children.remove(&pid).unwrap_or_default() {
            next.push(process.pid);
            found.push(process);
        }
    }
    found
}

/// `PID (NAME) STATE PARENT ...`; the name may hold blanks and parentheses.
fn parse_stat(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let parent = rest.split(' ').nth(1)?;
    Some(Process {
        pid: pid.parse().ok()?,
        parent: parent.parse().ok()?,
        name: name.to_owned(),
    })
}

/// Sends a signal; a process that is gone already is no error.
pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_end_of_a_name() {
        assert_eq!(
            parse_stat("42 (a) R 1 (b) S 7 42 42 0"),
            Some(Process {
                pid: 42,
                parent: 7,
                name: "a) R 1 (b".into()
            })
        );
        assert_eq!(parse_stat("42"), None);
    }

    #[test]
    fn a_child_is_found_below_us() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(descendants(own).iter().any(|process| process.pid == pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!descendants(own).iter().any(|process| process.pid == pid));
    }
}
