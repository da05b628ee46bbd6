//! Which run came after which.
//!
//! A run's name is the time at which it began, by a clock that may have been set since. So each run's folder
//! has a number besides, one more than the highest there was. Runs of before there were numbers, and of an older
//! program beside this one, have none: they stand where their name puts them.

use std::io::{self, Read as _};
use std::path::Path;

use crate::plain_file;
use crate::run_id::RunId;

/// The file with the number, in the run's folder.
pub(crate) const FILE: &str = "number";
/// No number is higher: there are not that many runs.
const MOST: u64 = 1 << 53;

/// The number of the run in this folder; `None` where it has none.
///
/// # Errors
/// Where there is one, and it cannot be read.
pub(crate) fn number_in(folder: &Path) -> io::Result<Option<u64>> {
    let mut text = String::new();
    match plain_file::open(&folder.join(FILE)) {
        Ok(file) => file.take(64).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let number = text.strip_suffix('\n').unwrap_or(&text);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse() {
        Ok(number) if is_number && number <= MOST => Ok(Some(number)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it holds no number, so nobody knows which run came after which",
        )),
    }
}

/// The number that comes after all of these runs.
pub(crate) fn next(folder: &Path, runs: &[RunId]) -> u64 {
    let numbers = runs.iter().filter_map(|run| number_of(folder, run));
    // Whoever is asked to be newer than a number that cannot be read is newer than all others.
    let highest = numbers.filter(|number| *number <= MOST).max();
    highest.unwrap_or(0).saturating_add(1).min(MOST)
}

/// Sorts runs, the newest first. One whose number cannot be read comes before all others: it may be the newest.
pub(crate) fn sort(folder: &Path, runs: &mut Vec<RunId>) {
    let mut numbered: Vec<(u64, RunId)> = Vec::new();
    let mut others: Vec<RunId> = Vec::new();
    for run in runs.drain(..) {
        match number_of(folder, &run) {
            Some(number) => numbered.push((number, run)),
            None => others.push(run),
        }
    }
    numbered.sort();
    // The highest number up to each name: that of the last run which the other one can be said to follow.
    let mut by_name: Vec<(RunId, u64)> = numbered
        .iter()
        .map(|(number, run)| (run.clone(), *number))
        .collect();
    by_name.sort();
    let mut highest = 0;
    for (_, number) in &mut by_name {
        highest = highest.max(*number);
        *number = highest;
    }
    let after = |run: &RunId| {
        let earlier = by_name.partition_point(|(name, _)| name < run);
        let last = earlier.checked_sub(1).and_then(|at| by_name.get(at));
        last.map_or(0, |(_, number)| *number)
    };
    let mut all: Vec<(u64, bool, RunId)> = numbered
        .into_iter()
        .map(|(number, run)| (number, false, run))
        .collect();
    all.extend(others.into_iter().map(|run| (after(&run), true, run)));
    all.sort_by(|one, other| other.cmp(one));
    runs.extend(all.into_iter().map(|(_, _, run)| run));
}

/// A run's number; the highest where it cannot be read.
fn number_of(folder: &Path, run: &RunId) -> Option<u64> {
    number_in(&folder.join(run.as_str())).unwrap_or(Some(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sorted(runs: &[(&str, Option<&str>)]) -> (Vec<String>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let mut ids = Vec::new();
        for (run, number) in runs {
            let path = folder.path().join(run);
            fs::create_dir(&path).unwrap();
            if let Some(number) = number {
                fs::write(path.join(FILE), number).unwrap();
            }
            ids.push(RunId::new(*run));
        }
        let next = next(folder.path(), &ids);
        sort(folder.path(), &mut ids);
        (ids.iter().map(ToString::to_string).collect(), next)
    }

    #[test]
    fn the_number_decides_and_not_the_clock() {
        let (runs, next) = sorted(&[("0900-a", Some("2\n")), ("1000-b", Some("1\n"))]);
        assert_eq!(runs, ["0900-a", "1000-b"]);
        assert_eq!(next, 3);
        let (runs, next) = sorted(&[]);
        assert!(runs.is_empty());
        assert_eq!(next, 1);
    }

    #[test]
    fn runs_without_a_number_stand_where_their_name_puts_them() {
        let (runs, next) = sorted(&[("0800-a", None), ("0700-b", None)]);
        assert_eq!(runs, ["0800-a", "0700-b"]);
        assert_eq!(next, 1);
        let (runs, _) = sorted(&[
            ("0700-old", None),
            ("0800-old", None),
            ("0900-new", Some("1\n")),
            // An older program, beside this one.
            ("0930-old", None),
            ("1000-new", Some("2\n")),
            // The clock was set back.
            ("0905-new", Some("3\n")),
            ("1100-old", None),
        ]);
        assert_eq!(
            runs,
            [
                "1100-old", "0930-old", "0905-new", "1000-new", "0900-new", "0800-old", "0700-old"
            ]
        );
    }

    #[test]
    fn a_number_that_cannot_be_read_may_be_the_highest() {
        for number in [
            "",
            "x",
            "-1",
            "+4",
            "1.5",
            "1 2",
            "99999999999999999999",
            "\u{0}",
            "5\n\n",
        ] {
            let (runs, next) = sorted(&[("0900-a", Some(number)), ("1000-b", Some("7\n"))]);
            assert_eq!(runs, ["0900-a", "1000-b"], "{number:?}");
            assert_eq!(next, 8);
        }
    }
}
