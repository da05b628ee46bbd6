//! One target's fuzzer: how it is run, and what it found.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// No input may take longer.
pub(super) const SECONDS: u64 = 1;
/// No target may need more memory, with the fuzzer and its corpus.
pub(super) const MEGABYTES: u64 = 200;

/// How often a target is continued after an input that was slow only because the machine was busy.
const MOST_STALLS: u32 = 20;

/// The builds of one target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Programs<'a> {
    /// In this one the fuzzer sees what is compared with what.
    pub(super) seeing: &'a Path,
    /// For the executions after the first, where there are many.
    pub(super) quick: Option<&'a Path>,
}

/// One target's run: a place for its corpus, and one for what it finds.
struct Run<'a> {
    target: &'a str,
    corpus: PathBuf,
    artifacts: PathBuf,
    log: PathBuf,
}

/// How far a target is tried, and by which inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) executions: u64,
    pub(super) seconds: Option<usize>,
    pub(super) seed: u32,
    /// How many executions are those of the build that sees comparisons.
    pub(super) seeing: u64,
}

/// Runs a target's programs from these files on, to the limits or until something is found.
pub(super) fn fuzz(
    target: &str,
    programs: &Programs<'_>,
    seeds: &[PathBuf],
    scratch: &Path,
    limits: Limits,
) -> Outcome<Findings> {
    let run = Run {
        target,
        corpus: scratch.join(target),
        artifacts: Path::new("fuzz/artifacts").join(target),
        log: scratch.join(format!("{target}.log")),
    };
    fs::create_dir(&run.corpus)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::copy(seed, run.corpus.join(format!("seed-{number}")))?;
    }
    fs::create_dir_all(&run.artifacts)?;
    let began = Instant::now();
    let mut findings = Findings::default();
    let parts = match programs.quick {
        Some(quick) => vec![
            (programs.seeing, limits.seeing.min(limits.executions)),
            (quick, limits.executions),
        ],
        None => vec![(programs.seeing, limits.executions)],
    };
    let mut parts = parts.into_iter();
    let mut part = parts.next();
    let mut stalls = 0;
    while let Some((program, until)) = part {
        let took = usize::try_from(began.elapsed().as_secs())?;
        let left = |seconds: usize| seconds.saturating_sub(took).max(1);
        let ended = run.once(
            program,
            Limits {
                executions: until.saturating_sub(findings.executions).max(1),
                seconds: limits.seconds.map(left),
                seed: limits.seed.wrapping_add(stalls),
                ..limits
            },
        )?;
        findings.add(Findings::read(&ended.said, ended.well)?);
        if findings.result() == WELL {
            part = parts.next();
            continue;
        }
        if stalls == MOST_STALLS || !Run::stalled(program, &ended.said)? {
            break;
        }
        stalls += 1;
        println!("{target}: an input was slow once and not again: this machine was busy");
        findings.ended_by = None;
    }
    findings.took = began.elapsed();
    Ok(findings)
}

/// How one process of the fuzzer ended.
struct Ended {
    said: String,
    well: bool,
}

impl Run<'_> {
    fn once(&self, program: &Path, limits: Limits) -> Outcome<Ended> {
        let output = File::create(&self.log)?;
        let status = Command::new(program)
            .arg(&self.corpus)
            .arg(format!("-runs={}", limits.executions))
            .arg(format!("-max_total_time={}", limits.seconds.unwrap_or(0)))
            .arg(format!("-seed={}", limits.seed))
            .arg(format!("-timeout={SECONDS}"))
            .arg(format!("-rss_limit_mb={MEGABYTES}"))
            .arg("-print_final_stats=1")
            .arg(format!("-artifact_prefix={}/", self.artifacts.display()))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .status()?;
        let said = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        if !status.success() {
            // The end says it; before that are lines about the fuzzer's progress.
            let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with('#')).collect();
            let tail = lines.len().saturating_sub(60);
            println!("{} said:\n{}", self.target, lines[tail..].join("\n"));
        }
        let well = status.success();
        Ok(Ended { said, well })
    }

    /// Whether the fuzzer ended by an input that is not slow at all: then it was the machine that had other
    /// work. Removes what it has written about it.
    fn stalled(program: &Path, said: &str) -> Outcome<bool> {
        let input = said
            .lines()
            .find_map(|line| line.split_once("Test unit written to "))
            .map(|(_, path)| PathBuf::from(path));
        let Some(input) = input.filter(|_| said.contains("SUMMARY: libFuzzer: timeout")) else {
            return Ok(false);
        };
        let again = Command::new(program)
            .arg(&input)
            .arg("-runs=10")
            .arg(format!("-timeout={SECONDS}"))
            .arg(format!("-rss_limit_mb={MEGABYTES}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if again.success() {
            fs::remove_file(&input)?;
        }
        Ok(again.success())
    }
}

/// What a target's result is when nothing was found.
pub(super) const WELL: &str = "nothing found";

/// What came of one target.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) executions: u64,
    pub(super) took: Duration,
    pub(super) megabytes: u64,
    slowest_seconds: u64,
    /// How libFuzzer calls what ended it.
    ended_by: Option<String>,
}

impl Findings {
    /// From what libFuzzer said.
    fn read(said: &str, ended_well: bool) -> Outcome<Self> {
        let stat = |name: &str| -> Outcome<u64> {
            let line = said.lines().rev().find_map(|line| {
                let (found, value) = line.strip_prefix("stat::")?.split_once(':')?;
                (found == name).then_some(value.trim())
            });
            let value = line.ok_or_else(|| format!("the fuzzer told no {name}:\n{said}"))?;
            Ok(value.parse()?)
        };
        let summary = said
            .lines()
            .find_map(|line| line.strip_prefix("SUMMARY: libFuzzer: "));
        let ended_by = match (summary, ended_well) {
            (Some(summary), _) => Some(summary.to_owned()),
            (None, true) => None,
            (None, false) => Some("ended early".to_owned()),
        };
        Ok(Self {
            executions: stat("number_of_executed_units")?,
            took: Duration::ZERO,
            megabytes: stat("peak_rss_mb")?,
            slowest_seconds: stat("slowest_unit_time_sec")?,
            ended_by,
        })
    }

    /// What another process of the same target has found.
    fn add(&mut self, other: Self) {
        self.executions += other.executions;
        self.megabytes = self.megabytes.max(other.megabytes);
        self.slowest_seconds = self.slowest_seconds.max(other.slowest_seconds);
        self.ended_by = self.ended_by.take().or(other.ended_by);
    }

    pub(super) fn slowest(&self) -> String {
        match self.slowest_seconds {
            0 => "under 1 s".to_owned(),
            seconds => format!("{seconds} s"),
        }
    }

    pub(super) fn result(&self) -> &str {
        match &self.ended_by {
            Some(what) => what,
            // libFuzzer looks once a second: what came and went in between is in its last word only.
            None if self.megabytes > MEGABYTES => "too much memory",
            None if self.slowest_seconds > SECONDS => "too slow",
            None => WELL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: &str = "Done 213385 runs in 16 second(s)\nstat::number_of_executed_units: 213385\n\
                         stat::average_exec_per_sec:     13336\nstat::new_units_added:          2072\n\
                         stat::slowest_unit_time_sec:    0\nstat::peak_rss_mb:              32\n";

    fn findings(said: &str, ended_well: bool) -> Findings {
        Findings::read(said, ended_well).unwrap()
    }

    #[test]
    fn what_the_fuzzer_counts_is_read() {
        let read = findings(ENDED, true);
        assert_eq!((read.executions, read.megabytes), (213_385, 32));
        assert_eq!((read.result(), &*read.slowest()), (WELL, "under 1 s"));
        assert!(Findings::read("Killed\n", false).is_err());
    }

    #[test]
    fn nothing_that_is_found_passes() {
        let said = format!("==7== ERROR: libFuzzer: timeout\nSUMMARY: libFuzzer: timeout\n{ENDED}");
        assert_eq!(findings(&said, false).result(), "timeout");
        assert_eq!(findings(ENDED, false).result(), "ended early");
        let much = ENDED.replace("mb:              32", "mb: 201");
        assert_eq!(findings(&much, true).result(), "too much memory");
        let slow = ENDED.replace("sec:    0", "sec: 2");
        assert_eq!(findings(&slow, true).result(), "too slow");
        let mut both = findings(&much, true);
        both.add(findings(&said, false));
        both.add(findings(ENDED, true));
        assert_eq!((both.executions, both.result()), (640_155, "timeout"));
        assert_eq!(both.megabytes, 201);
    }
}
