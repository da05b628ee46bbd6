//! A name for this process that no other has, ever and anywhere; and whether the process of such a name
//! is known to be dead.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// This process: `KERNEL.NAMESPACE.PID.START`, by the kernel's boot, the namespace of process ids, the id,
/// and the tick at which it began. `None` where /proc does not tell.
pub(crate) fn own() -> Option<String> {
    let pid = std::process::id();
    Some(format!("{}.{pid}.{}", place()?, start_of(pid)?))
}

/// A number drawn by lot, by which two that take hosts at the same moment know who of them stays: 63 bits,
/// since hosts count with a sign.
pub(crate) fn rank() -> u64 {
    // Where the system has no random numbers, a tie is decided by the process.
    getrandom::u64().unwrap_or_default() >> 1
}

/// Whether the process of this name is known to be dead: it was one of this kernel and namespace, and is
/// not there any more. Of others nothing is known.
pub(crate) fn is_dead(token: &str) -> bool {
    let Some(here) = place() else {
        return false;
    };
    let Some((pid, start)) = token
        .strip_prefix(&here)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.split_once('.'))
    else {
        return false;
    };
    match pid.parse() {
        // What cannot be read, as another user's process where /proc hides those, may live.
        Ok(pid) => match start_of(pid) {
            Some(now) => now != start,
            None => is_gone(pid),
        },
        Err(_) => false,
    }
}

/// Whether the kernel knows of no process with this id.
fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// The kernel's boot and the namespace of process ids.
fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let namespace: String = namespace
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    Some(format!("{}.{namespace}", boot.trim()))
}

/// The tick at which a process began: field 22 of its stat. Its name, field 2, may hold anything.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_live_and_who_has_our_number_but_not_our_birth_does_not() {
        let own = own().unwrap();
        assert!(!is_dead(&own));
        let (place_and_pid, _) = own.rsplit_once('.').unwrap();
        assert!(is_dead(&format!("{place_and_pid}.1")));
        let (place, _) = place_and_pid.rsplit_once('.').unwrap();
        assert!(is_dead(&format!("{place}.4194999.77")));
    }

    #[test]
    fn of_another_machine_nothing_is_known() {
        for token in [
            "",
            "x",
            "other.4026531836.1.5",
            "a.b.c.d",
            &format!("{}x", place().unwrap()),
        ] {
            assert!(!is_dead(token), "{token}");
        }
    }
}
