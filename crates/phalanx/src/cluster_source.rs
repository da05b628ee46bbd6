//! Which cluster file.

use std::path::{Path, PathBuf};

use crate::cli::Global;
use crate::program;
use crate::trouble::Trouble;

/// The YAML spelling's usual name.
pub(crate) const YAML: &str = "phalanx.yaml";
/// The article's spelling's usual name.
pub(crate) const CONF: &str = "cluster.conf";
/// The folder beside a cluster file where its runs live.
pub(crate) const HOME: &str = ".phalanx";

/// The cluster file that was named, else the one of the current folder.
pub(crate) fn find(global: &Global) -> Result<PathBuf, Trouble> {
    if let Some(named) = &global.cluster {
        return Ok(named.clone());
    }
    let (yaml, conf) = (PathBuf::from(YAML), PathBuf::from(CONF));
    match (exists(&yaml), exists(&conf)) {
        (true, false) => Ok(yaml),
        (false, true) => Ok(conf),
        (true, true) => Err(Trouble::new(
            "command::two-cluster-files",
            format!("there are both {YAML} and {CONF} here"),
        )
        .help(format!("say which: `-c {YAML}` or `-c {CONF}`"))),
        (false, false) => Err(Trouble::new(
            "command::no-cluster-file",
            format!("there is neither {YAML} nor {CONF} in this folder"),
        )
        .help("name one with `-c FILE`, or go to the folder where it is")),
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether the file is of the YAML spelling, by its name.
pub(crate) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// The folder of a cluster file.
pub(crate) fn folder(cluster_file: &Path) -> &Path {
    match cluster_file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The folder with the runs of the cluster file that is meant; of those in the current folder where
/// none is named.
pub(crate) fn home(global: &Global) -> PathBuf {
    let folder = global.cluster.as_deref().map_or(Path::new("."), folder);
    if folder == Path::new(".") {
        PathBuf::from(HOME)
    } else {
        folder.join(HOME)
    }
}

/// The command as it has to be typed again for the same cluster file.
pub(crate) fn command(global: &Global) -> String {
    let mut command = program::name().to_owned();
    if let Some(file) = &global.cluster {
        command.push_str(&format!(" -c {}", word(&file.to_string_lossy())));
    }
    command
}

/// A text as one word of a command line.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    match text.chars().all(plain) && !text.is_empty() {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
