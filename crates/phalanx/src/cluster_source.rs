//! Which cluster file.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use phalanx_events::Origin;
use phalanx_plan::SourceFile;

use crate::cli::Global;
use crate::environment::Environment;
use crate::inside;
use crate::lab_cluster_file;
use crate::text_file;
use crate::trouble::Trouble;

/// The YAML spelling's usual name.
pub(crate) const YAML: &str = "phalanx.yaml";
/// The article's spelling's usual name.
pub(crate) const CONF: &str = "cluster.conf";
/// What people call such a file as well. None of them is taken unasked: many tools have a `cluster.yaml`.
const OTHER_NAMES: [&str; 6] = [
    "cluster.yaml",
    "cluster.yml",
    "phalanx.yml",
    "cluster.json",
    "phalanx.json",
    "phalanx.conf",
];
/// The folder beside a cluster file where its runs live.
pub(crate) const HOME: &str = ".phalanx";

/// The cluster file that was named, else the one of the current folder, else that of the lab in whose network
/// we are.
pub(crate) fn find(global: &Global) -> Result<PathBuf, Trouble> {
    if let Some(named) = &global.cluster {
        return Ok(named.clone());
    }
    if let Some(own) = own()? {
        return Ok(own);
    }
    labs().ok_or_else(nothing)
}

/// The current folder's own cluster file.
fn own() -> Result<Option<PathBuf>, Trouble> {
    match (exists(YAML), exists(CONF)) {
        (true, false) => Ok(Some(PathBuf::from(YAML))),
        (false, true) => Ok(Some(PathBuf::from(CONF))),
        (false, false) => Ok(None),
        (true, true) => Err(Trouble::new(
            "command::two-cluster-files",
            format!("there are both {YAML} and {CONF} here"),
        )
        .help(format!("say which: `-c {YAML}` or `-c {CONF}`"))),
    }
}

/// Whether the current folder has a cluster file that is taken unasked.
pub(crate) fn is_here() -> bool {
    exists(YAML) || exists(CONF)
}

/// The cluster file of the lab that we are in.
fn labs() -> Option<PathBuf> {
    inside::lab()?.file.clone()
}

/// That the lab's own cluster file is taken, where nobody has named one and the folder has none.
pub(crate) fn taken_from_lab(global: &Global) -> Option<String> {
    if global.cluster.is_some() || is_here() {
        return None;
    }
    let (inside, file) = (inside::lab()?, labs()?);
    let beside = match other_names().first() {
        Some(other) => format!("; {other} is here, and is taken only with `-c {other}`"),
        None => String::new(),
    };
    Some(format!(
        "no {YAML} and no {CONF} is in this folder: the one of the lab {} is taken, {}{beside}",
        inside.lab,
        file.display()
    ))
}

fn nothing() -> Trouble {
    let others = other_names();
    let (here, help) = match others.first() {
        Some(first) => (
            format!(", but {}", others.join(" and ")),
            format!("name it with `-c {first}`, or rename it to {YAML}"),
        ),
        None => (
            String::new(),
            "name one with `-c FILE` (`-c -` reads standard input), or go to the folder where it is"
                .to_owned(),
        ),
    };
    Trouble::new(
        "command::no-cluster-file",
        format!("there is neither {YAML} nor {CONF} in this folder{here}"),
    )
    .help(help)
}

fn other_names() -> Vec<&'static str> {
    OTHER_NAMES
        .into_iter()
        .filter(|name| exists(name))
        .collect()
}

fn exists(name: &str) -> bool {
    Path::new(name).symlink_metadata().is_ok()
}

/// Reads the cluster file: one that comes through a pipe can be read only once.
pub(crate) fn read(path: &Path) -> Result<SourceFile, Trouble> {
    match is_stream(path) {
        true if names_standard_input(path) => text_file::standard_input(&name(path)),
        true => text_file::pipe(path, &name(path)),
        false => text_file::read(path),
    }
}

/// Whether the path names something that this program was started with, and no place in a folder.
fn is_handed_in(path: &Path) -> bool {
    let is_number = |last: &str| last.bytes().all(|byte| byte.is_ascii_digit());
    let below = |folder: &str| {
        let last = path.strip_prefix(folder).ok().and_then(Path::to_str);
        last.is_some_and(is_number)
    };
    names_standard_input(path) || below("/dev/fd") || below("/proc/self/fd")
}

/// Whether the path names standard input.
fn names_standard_input(path: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]
        .iter()
        .any(|name| path == Path::new(name))
}

fn is_stream(path: &Path) -> bool {
    is_handed_in(path) || fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

/// What a cluster file is called.
fn name(path: &Path) -> String {
    match is_handed_in(path) {
        true if names_standard_input(path) => "standard input".to_owned(),
        true => "a pipe".to_owned(),
        false => path.to_string_lossy().into_owned(),
    }
}

/// Where a cluster came from, for its runs.
pub(crate) fn origin(path: &Path) -> Origin {
    let whole = match is_handed_in(path) {
        true => None,
        false => std::path::absolute(path).ok(),
    };
    Origin {
        cluster_file: whole
            .map_or_else(|| name(path), |whole| whole.to_string_lossy().into_owned()),
        lab: inside::lab().map(|inside| inside.lab.clone()),
    }
}

/// A cluster file of a run as it is shown here: from the current folder on, where it lies there.
pub(crate) fn from_here(file: &str) -> String {
    let here = std::path::absolute(".").ok();
    let below = here.and_then(|here| Path::new(file).strip_prefix(here).ok().map(Path::to_owned));
    below.map_or_else(
        || file.to_owned(),
        |below| below.to_string_lossy().into_owned(),
    )
}

/// Whether the file is of the YAML spelling: by its name, and by what stands in it where a pipe has none.
pub(crate) fn is_yaml(path: &Path, source: &SourceFile) -> bool {
    let by_name = path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    });
    by_name || (is_stream(path) && !assigns(source.text()))
}

/// Whether the first line that says something is a shell's assignment.
fn assigns(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let first = first.unwrap_or_default();
    let first = first.strip_prefix("export ").unwrap_or(first).trim_start();
    let (name, value) = first.split_at(
        first
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(first.len()),
    );
    !name.is_empty() && value.starts_with('=')
}

/// The folder of a cluster file; for one that came through a pipe the current one.
pub(crate) fn folder(cluster_file: &Path) -> &Path {
    match cluster_file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !is_handed_in(cluster_file) => parent,
        _ => Path::new("."),
    }
}

/// The folder with the runs of the cluster file that is meant; of those in the current folder where
/// there is none.
pub(crate) fn home(global: &Global) -> PathBuf {
    let file = match &global.cluster {
        Some(named) => Some(named.clone()),
        None if is_here() => None,
        None => labs(),
    };
    let folder = file.as_deref().map_or(Path::new("."), folder);
    if folder == Path::new(".") {
        PathBuf::from(HOME)
    } else {
        folder.join(HOME)
    }
}

/// The command as it has to be typed again, outside of all labs, for the same cluster file: in the network of
/// this lab, where it is one.
pub(crate) fn command(global: &Global, environment: &Environment, lab: Option<&str>) -> String {
    let mut command = environment.program.clone();
    if let Some(lab) = lab {
        command.push_str(&format!(" lab exec --lab {lab} -- phalanx"));
    }
    if let Some(file) = &global.cluster {
        if is_handed_in(file) {
            command.push_str(" -c -");
        } else if lab.is_none() || is_here() || !lab_cluster_file::is_labs_own(file, folder(file)) {
            command.push_str(&format!(" -c {}", word(&file.to_string_lossy())));
        }
    }
    command
}

/// Commands that a text proposes, written as they have to be typed for the same cluster file.
pub(crate) fn retell(text: &str, global: &Global, environment: &Environment) -> String {
    const PLAIN: &str = "`phalanx ";
    let command = command(
        global,
        environment,
        inside::lab().map(|inside| inside.lab.as_str()),
    );
    if command == "phalanx" || !text.contains(PLAIN) {
        return text.to_owned();
    }
    let mut told = String::with_capacity(text.len());
    let mut parts = text.split(PLAIN);
    told.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let word = part.split([' ', '`']).next().unwrap_or_default();
        // The others are about no cluster.
        match matches!(
            word,
            "recipe" | "lab" | "demo" | "init" | "-c" | "--version"
        ) {
            true => told.push_str(PLAIN),
            false => {
                told.push('`');
                told.push_str(&command);
                told.push(' ');
            }
        }
        told.push_str(part);
    }
    told
}

/// A text as one word of a command line.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    match text.chars().all(plain) && !text.is_empty() {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_through_a_pipe_has_no_folder_and_a_name_for_people() {
        for (path, called) in [
            ("-", "standard input"),
            ("/dev/stdin", "standard input"),
            ("/dev/fd/0", "standard input"),
            ("/dev/fd/63", "a pipe"),
            ("/proc/self/fd/12", "a pipe"),
        ] {
            let path = Path::new(path);
            assert_eq!(name(path), called);
            assert_eq!(origin(path).cluster_file, called);
            assert_eq!(folder(path), Path::new("."));
        }
        for path in ["/dev/shm/phalanx.yaml", "/dev/fd/x/phalanx.yaml", "x/-"] {
            let path = Path::new(path);
            assert!(!is_handed_in(path));
            assert_eq!(Some(folder(path)), path.parent());
        }
    }

    #[test]
    fn the_spelling_of_what_has_no_name_shows_in_its_first_line() {
        for conf in ["A=1\n", "# x\n\n  export NODES=\"a b\"\n", "_A9='x'"] {
            assert!(assigns(conf), "{conf}");
        }
        for yaml in [
            "cluster: a\n",
            "# A=1\ncluster: a=b\n",
            "{\"cluster\": 1}",
            "---\nA=1",
            "",
        ] {
            assert!(!assigns(yaml), "{yaml}");
        }
    }

    #[test]
    fn a_command_that_is_proposed_names_the_cluster_file() {
        let environment = Environment {
            program: "phalanx".to_owned(),
            ..Environment::default()
        };
        let command = |global: &Global, lab| command(global, &environment, lab);
        let retell = |text, global: &Global| retell(text, global, &environment);
        let global = Global {
            cluster: Some("my clusters/a.yaml".into()),
            ..Global::default()
        };
        assert_eq!(command(&global, None), "phalanx -c 'my clusters/a.yaml'");
        assert_eq!(
            command(&global, Some("blue")),
            "phalanx lab exec --lab blue -- phalanx -c 'my clusters/a.yaml'"
        );
        assert_eq!(
            retell("see `phalanx runs`, or `phalanx lab up` and `x`", &global),
            "see `phalanx -c 'my clusters/a.yaml' runs`, or `phalanx lab up` and `x`"
        );
        let piped = Global {
            cluster: Some("/dev/fd/63".into()),
            ..Global::default()
        };
        assert_eq!(command(&piped, None), "phalanx -c -");
        assert_eq!(
            retell("`phalanx runs`", &Global::default()),
            "`phalanx runs`"
        );
    }
}
