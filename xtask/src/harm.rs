//! What others may do to a host, an operator or a run, and what came of it: the tests of each kind, the longest
//! of them in full. Its table goes to `docs/reliability.md`.

use std::process::{Command, Stdio};

use crate::Outcome;
use crate::table::{Table, write_between};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only print; leave docs alone.
    #[arg(long)]
    print_only: bool,
}

/// One kind of harm, and the tests that try it.
struct Kind {
    done: &'static str,
    /// How often; `{}` stands for how many tests there are of it.
    often: &'static str,
    /// The arguments of `cargo test`.
    tests: &'static [&'static str],
    /// The least number of tests that there have to be.
    least: u32,
}

/// In the order in which they are told. A row stands only where its tests have passed.
const KINDS: &[Kind] = &[
    Kind {
        done: "a file put where another user swaps names all the time: a home (the new name, the old one, both), a 0777 \
               folder, behind a linked parent; files of root's looked at, and each claim of a written file",
        often: "5 x 1000 puts",
        tests: &[
            "-p",
            "phalanx-remote",
            "--test",
            "put_race",
            "--",
            "--ignored",
        ],
        least: 1,
    },
    Kind {
        done: "a spool, its folder of jobs or a folder above that others own or may write, or that is a link of theirs",
        often: "{} ways",
        tests: &["-p", "phalanx-remote", "--test", "spool_owner"],
        least: 5,
    },
    Kind {
        done: "what DC/OS nodes install from changed, added to, taken away, or made without a list; folders above it \
               that others can change (in dash and bash; on a lab in `scenarios`, as nobody and as root)",
        often: "{} tests",
        tests: &["-p", "phalanx-recipes", "--test", "dcos_generate"],
        least: 6,
    },
    Kind {
        done: "an SSH server that floods, never answers, answers at the wrong moment, forges heads and numbers: memory, \
               time and the error's kind of each trick; another host key in mid-run",
        often: "29 tricks",
        tests: &["-p", "phalanx-remote", "--test", "hostile_host"],
        least: 2,
    },
    Kind {
        done: "one flooding host among 21: the 20 are done, memory below 200 MB, a bounded journal, no escape shown",
        often: "{} run",
        tests: &["-p", "phalanx", "--test", "hostile_host"],
        least: 1,
    },
    Kind {
        done: "journals, plans and run folders damaged, of a newer format, of others, with links and FIFOs: refused by \
               name, nobody contacted, no byte changed",
        often: "about 70 damages in {} tests",
        tests: &["-p", "phalanx", "--test", "damaged_runs"],
        least: 11,
    },
    Kind {
        done: "logins that do something else than they are asked to: start-up files that exec, read or exit, nologin, \
               forced commands, no sudo",
        often: "{} logins",
        tests: &["-p", "phalanx-remote", "--test", "login_disobeys"],
        least: 11,
    },
    Kind {
        done: "a secret in a cluster file that is misspelt, cut, badly quoted or badly indented: looked for in all that \
               is shown",
        often: "2 x 3000 files",
        tests: &[
            "-p",
            "phalanx-plan",
            "--lib",
            "no_mistyped_file_shows_its_secret",
        ],
        least: 2,
    },
    Kind {
        done: "facts of 10 000 hosts with 4 KiB each given to a job and a probe, in dash and bash; a transfer cut in the \
               middle",
        often: "{} tests",
        tests: &["-p", "phalanx-remote", "--test", "long_values"],
        least: 3,
    },
    Kind {
        done: "two and three controllers of one cluster on a scripted world: host sets, delays and failures at random",
        often: "{} tests, 3 of them of 96 worlds",
        tests: &["-p", "phalanx-engine", "--test", "two_at_once"],
        least: 16,
    },
];

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let mut table = Table::new(&["done", "tried", "lost, or harmed"]);
    for kind in KINDS {
        println!("{}", kind.done);
        let output = Command::new("cargo")
            .arg("test")
            .args(kind.tests)
            .stderr(Stdio::inherit())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let passed = passed(&said);
        if !output.status.success() || passed < kind.least {
            return Err(format!("{passed} passed of {}\n{said}", kind.tests.join(" ")).into());
        }
        table.row(vec![
            kind.done.to_owned(),
            kind.often.replace("{}", &passed.to_string()),
            "nothing".to_owned(),
        ]);
    }
    let text = format!(
        "`cargo xtask campaign harm`, {}. Two operators at once on real hosts: [two-at-once](campaigns/two-at-once.md). Any bytes \
         for what reads files and answers of others: [fuzz](campaigns/fuzz.md).\n\n{}",
        jiff::Zoned::now().date(),
        table.markdown()
    );
    println!("\n{text}");
    if !options.print_only {
        write_between("docs/reliability.md", "harm", &text)?;
    }
    Ok(())
}

/// How many tests have passed, by what cargo says.
fn passed(said: &str) -> u32 {
    said.lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "))
        .filter_map(|line| line.split_once(" passed")?.0.parse::<u32>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_passed_counts() {
        let said = "test result: ok. 3 passed; 0 failed\nx\ntest result: FAILED. 2 passed; 1 failed\n\
                    test result: ok. 10 passed; 0 failed; 1 ignored\n";
        assert_eq!(passed(said), 13);
    }
}
