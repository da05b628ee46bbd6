//! Every fuzz target, each for as many executions: what readers of others' files make of any bytes.
//!
//! The targets are the files of `fuzz/fuzz_targets`. What they begin with is in `fuzz/seeds`: a folder
//! `TARGET` of files, and `TARGET.txt`, which names files and folders of this repository, one a line.

mod target_run;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::Outcome;
use crate::table::Table;
use target_run::{Findings, Limits, MEGABYTES, Programs, SECONDS, WELL, fuzz};

/// What libFuzzer has to see of a target, as cargo-fuzz asks for it. All of it is known to a stable compiler.
/// There is no sanitizer: what it looks for is for languages that let it happen, and memory would be its own.
const FLAGS: [&str; 8] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// Lets libFuzzer see what is compared with what as well, from which it learns words and numbers that the code looks
/// for. That is half of the time or more, so only the first executions are so.
const SEES_COMPARISONS: &str = "-Cllvm-args=-sanitizer-coverage-trace-compares";
/// How many executions of a target see comparisons; the corpus that they find is what the others begin with.
const SEEING: u64 = 1_000_000;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many executions of each target.
    #[arg(long, default_value_t = 10_000_000)]
    executions: u64,
    /// Take about so many seconds for all targets, however many executions that is; writes no page.
    #[arg(long)]
    seconds: Option<usize>,
    /// Only these targets; the page says so.
    #[arg(long, value_name = "TARGET")]
    only: Vec<String>,
    /// How many targets run beside each other; as many as there are processors where not given.
    #[arg(long)]
    beside: Option<usize>,
    /// What the inputs come from.
    #[arg(long, default_value_t = 20_261_128, value_parser = clap::value_parser!(u32).range(1..))]
    seed: u32,
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let targets = targets(&options.only)?;
    let seeing = build("fuzz/target", &[SEES_COMPARISONS])?;
    let many = options.seconds.is_none() && options.executions > SEEING;
    let quick = if many {
        build("fuzz/target/quick", &[])?
    } else {
        BTreeMap::new()
    };
    let jobs = targets
        .iter()
        .map(|target| {
            let program = seeing.get(target).ok_or_else(|| {
                format!("fuzz/Cargo.toml has no [[bin]] for fuzz/fuzz_targets/{target}.rs")
            })?;
            let programs = Programs {
                seeing: program,
                quick: quick.get(target).map(PathBuf::as_path),
            };
            let seeds = seeds(Path::new("fuzz/seeds"), Path::new("."), target)?;
            Ok((target, programs, seeds))
        })
        .collect::<Outcome<Vec<_>>>()?;

    let scratch = tempfile::tempdir()?;
    let beside = options
        .beside
        .map_or_else(thread::available_parallelism, |count| {
            count.try_into().map_err(io::Error::other)
        })?;
    let limits = Limits {
        executions: options.executions,
        seconds: options
            .seconds
            .map(|all| seconds_each(all, beside.get(), jobs.len())),
        seed: options.seed,
        seeing: SEEING,
    };
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(usize, Result<Findings, String>)> {
        let mut found = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((target, programs, seeds)) = jobs.get(number) else {
                return found;
            };
            println!("{target}: begins with {} files", seeds.len());
            let findings = fuzz(target, programs, seeds, scratch.path(), limits);
            match &findings {
                Ok(findings) => println!(
                    "{target}: {} executions, {}",
                    findings.executions,
                    findings.result()
                ),
                Err(error) => println!("{target}: {error}"),
            }
            found.push((number, findings.map_err(|error| error.to_string())));
        }
    };
    let mut found: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..beside.get()).map(|_| scope.spawn(work)).collect();
        let ends = workers.into_iter().map(thread::ScopedJoinHandle::join);
        ends.flatten().flatten().collect()
    });
    found.sort_by_key(|(number, _)| *number);
    report(&targets, found, options)
}

fn report(
    targets: &[String],
    found: Vec<(usize, Result<Findings, String>)>,
    options: &Options,
) -> Outcome<()> {
    let mut table = Table::new(&[
        "target",
        "executions",
        "executions/s",
        "peak memory MB",
        "slowest input",
        "result",
    ]);
    let mut failed = Vec::new();
    let mut whole = options.seconds.is_none();
    if found.len() != targets.len() {
        return Err("not every target was tried".into());
    }
    for (target, (_, findings)) in targets.iter().zip(found) {
        let findings = findings.map_err(|error| format!("{target}: {error}"))?;
        whole &= findings.executions >= options.executions;
        table.row(vec![
            target.clone(),
            findings.executions.to_string(),
            format!(
                "{:.0}",
                findings.executions as f64 / findings.took.as_secs_f64()
            ),
            findings.megabytes.to_string(),
            findings.slowest(),
            findings.result().to_owned(),
        ]);
        if findings.result() != WELL {
            failed.push(target.as_str());
        }
    }
    let others: Vec<String> = self::targets(&[])?
        .into_iter()
        .filter(|target| !targets.contains(target))
        .map(|target| format!("`{target}`"))
        .collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!(" The others, {}, were not part of it.", others.join(", ")),
    };
    let text = format!(
        "# Fuzzing\n\n\
         What comes from outside is read by code that has to take any bytes: each target of the table, by its name in \
         `fuzz/fuzz_targets`, was given inputs that libFuzzer makes, from the files of this repository that `fuzz/seeds` names. None may panic (integers \
         that overflow do), take more than {SECONDS} s, or bring the process above {MEGABYTES} MB, in which the fuzzer has \
         its own part. Inputs have up to 4096 bytes, or as many as the target's longest seed. The slowest input is measured \
         in whole seconds. Of each target's executions the first {SEEING} also let the fuzzer see what is compared with what.{others}\n\n\
         `cargo xtask campaign fuzz --executions {} --seed {}{}`, {}.\n\n{}",
        options.executions,
        options.seed,
        options
            .only
            .iter()
            .map(|target| format!(" --only {target}"))
            .collect::<String>(),
        jiff::Zoned::now().date(),
        table.markdown(),
    );
    println!("\n{text}");
    if !failed.is_empty() {
        return Err(format!(
            "found something in {}; the inputs are in fuzz/artifacts, and what was said is above",
            failed.join(", ")
        )
        .into());
    }
    if whole && !options.print_only {
        fs::create_dir_all("docs/campaigns")?;
        fs::write("docs/campaigns/fuzz.md", text)?;
    }
    Ok(())
}

/// The names of all targets, or of those that were asked for.
fn targets(only: &[String]) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir("fuzz/fuzz_targets")? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    if let Some(unknown) = only.iter().find(|name| !names.contains(name)) {
        return Err(format!("there is no fuzz/fuzz_targets/{unknown}.rs").into());
    }
    if !only.is_empty() {
        names.retain(|name| only.contains(name));
    }
    Ok(names)
}

/// Builds all targets with these flags besides; gives the program of each.
fn build(folder: &str, more: &[&str]) -> Outcome<BTreeMap<String, PathBuf>> {
    // With a target, the flags are not for build scripts and macros.
    let version = Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8(version.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet", "--bins"])
        .args(["--manifest-path", "fuzz/Cargo.toml"])
        .args(["--target-dir", folder])
        .args(["--target", host.ok_or("rustc names no host")?])
        .arg("--message-format=json-render-diagnostics")
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            [&FLAGS, more].concat().join("\x1f"),
        )
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        return Err("the fuzz targets can't be built".into());
    }
    let mut programs = BTreeMap::new();
    for line in String::from_utf8(built.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        let name = message["target"]["name"].as_str();
        if let (Some(name), Some(path)) = (name, message["executable"].as_str()) {
            programs.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(programs)
}

/// How long each target may take so that all of them take so many seconds; to the fuzzer, 0 is for ever.
fn seconds_each(all: usize, beside: usize, targets: usize) -> usize {
    (all / targets.div_ceil(beside).max(1)).max(1)
}

/// The files that a target begins with.
fn seeds(folder: &Path, repository: &Path, target: &str) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    let own = folder.join(target);
    if own.is_dir() {
        add_files(&own, &mut found)?;
    }
    let list = folder.join(target).with_extension("txt");
    if list.is_file() {
        for line in fs::read_to_string(&list)?.lines() {
            let path = repository.join(line);
            add_files(&path, &mut found).map_err(|error| {
                format!("{} names {line}, and reading that: {error}", list.display())
            })?;
        }
    }
    Ok(found)
}

/// The file, or all files of the folder.
fn add_files(path: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort_unstable();
    for path in paths {
        add_files(&path, found)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_shared() {
        assert_eq!(seconds_each(45, 2, 7), 11);
        assert_eq!(seconds_each(45, 8, 7), 45);
        assert_eq!(seconds_each(3, 2, 20), 1);
    }

    #[test]
    fn every_seed_that_is_named_is_there() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = repository.join("fuzz/seeds");
        for list in fs::read_dir(&folder).unwrap() {
            let path = list.unwrap().path();
            let target = path.file_stem().unwrap().to_str().unwrap();
            let code = repository.join(format!("fuzz/fuzz_targets/{target}.rs"));
            assert!(code.is_file(), "{target} is no target");
            let seeds = seeds(&folder, &repository, target).unwrap();
            assert!(!seeds.is_empty(), "{target}");
        }
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("t.txt"), "no/such/file\n").unwrap();
        let error = seeds(scratch.path(), &repository, "t").unwrap_err();
        assert!(error.to_string().contains("t.txt names no/such/file"));
    }
}
