//! `phalanx init`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use phalanx_plan::cluster_write::to_yaml;

use crate::cli::{Global, InitArgs};
use crate::cluster_source::{self, YAML};
use crate::diagnostics;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::load::load_file;
use crate::recipe_source;
use crate::terminal::Terminal;
use crate::trouble::Trouble;

/// Writes a phalanx.yaml from a cluster.conf, once that would make a plan.
pub(crate) fn init(
    global: &Global,
    args: &InitArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let mut loaded = load_file(&args.from, global, environment)?;
    let remarks = loaded.check(global)?;
    diagnostics::show(&remarks, terminal);
    let recipe = &mut loaded.cluster.recipe.value;
    if !recipe_source::is_built_in(recipe) {
        // The file may be written elsewhere.
        if let Ok(folder) = std::fs::canonicalize(&*recipe) {
            *recipe = folder.to_string_lossy().into_owned();
        }
    }
    let text = to_yaml(&loaded.cluster, environment.home.as_deref());
    let output = match &args.output {
        Some(output) if output == Path::new("-") => {
            terminal.print(&text);
            return Ok(Exit::Done);
        }
        Some(output) => output.clone(),
        None => beside(&args.from),
    };
    write_new(&output, &text)?;
    terminal.remark(&format!("wrote {}", output.display()));
    for name in loaded.cluster.secrets.keys() {
        terminal.remark(&format!(
            "the value of `{name}` was not copied: {} says where to put it",
            output.display()
        ));
    }
    terminal.remark(&format!("next: phalanx -c {} plan", output.display()));
    Ok(Exit::Done)
}

fn beside(from: &Path) -> PathBuf {
    match cluster_source::folder(from) {
        folder if folder == Path::new(".") => PathBuf::from(YAML),
        folder => folder.join(YAML),
    }
}

/// Writes a file that must not exist.
fn write_new(path: &Path, text: &str) -> Result<(), Trouble> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        });
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Trouble::new("init::exists", format!("{} exists already", path.display()))
                .help("remove it, or name another file with `-o`")
        }
        _ => Trouble::because(
            "init::write",
            &format!("{} can't be written", path.display()),
            &error,
        ),
    })
}
