//! How a lab is doing.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// How a lab is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabStatus {
    /// Whether the lab is there at all; where it is not, its keeper was killed.
    pub running: bool,
    /// Whether it is frozen.
    pub frozen: bool,
    /// Whether the lab's internet runs; also where the lab has none.
    pub internet: bool,
    /// The hosts, in the order of [`Lab::hosts`](crate::Lab::hosts).
    pub hosts: Vec<HostStatus>,
}

/// How a host is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostStatus {
    /// Its name.
    pub name: String,
    /// Whether it is up.
    pub state: HostState,
    /// How often it was booted.
    pub boots: u64,
}

/// Whether a host is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostState {
    /// Its sshd answers. In a frozen lab: it was booted.
    Up,
    /// It is on its way up, or down for a reboot.
    Booting,
    /// It was halted, or it could not be booted.
    Off,
}

/// What the file says that a host's supervisor writes a line to at every start and every end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Boots {
    /// How often the host was booted.
    pub(crate) count: u64,
    /// Whether its supervisor has given it up.
    pub(crate) ended: bool,
}

impl Boots {
    /// Reads the file; where there is none, nothing has happened.
    pub(crate) fn read(file: &Path) -> Self {
        Self::parse(&fs::read_to_string(file).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut boots = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                [_, "up"] => {
                    boots.count += 1;
                    boots.ended = false;
                }
                [_, "down", status] => boots.ended = *status != "129",
                // A line that is half written.
                _ => {}
            }
        }
        boots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reboot_is_no_end() {
        let boots = |text| {
            let Boots { count, ended } = Boots::parse(text);
            (count, ended)
        };
        assert_eq!(boots(""), (0, false));
        assert_eq!(boots("1.5 up\n2.5 down 129\n2.6 up\n"), (2, false));
        assert_eq!(boots("1.5 up\n2.5 down 129\n"), (1, false));
        assert_eq!(boots("1.5 up\n2.5 down 130\n"), (1, true));
        assert_eq!(boots("1.5 up\n2.5 down 1\n2.7"), (1, true));
    }
}
