//! Where labs are, and what they are made of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use phalanx_lab::{Lab, LabData, LabError};

use crate::cli::Global;
use crate::environment::Environment;
use crate::recipe_source;
use crate::trouble::{Trouble, chain};

/// The folder of a recipe that says what its lab is like.
const DATA: &str = "lab/";

/// What the recipe says about its lab.
pub(crate) fn data(global: &Global) -> Result<LabData, Trouble> {
    LabData::read(files(global)?).map_err(|error| trouble(&error))
}

/// One file of what the recipe says about its lab.
pub(crate) fn file(global: &Global, path: &str) -> Result<Option<String>, Trouble> {
    let content = files(global)?.remove(path);
    Ok(content.map(|content| String::from_utf8_lossy(&content).into_owned()))
}

fn files(global: &Global) -> Result<BTreeMap<String, Vec<u8>>, Trouble> {
    let recipe = global
        .recipe
        .as_deref()
        .unwrap_or_else(|| recipe_source::default_name());
    let files = recipe_source::files(recipe, std::path::Path::new("."))?;
    let files: BTreeMap<String, Vec<u8>> = files
        .paths()
        .filter_map(|path| {
            let below = path.strip_prefix(DATA)?;
            Some((below.to_owned(), files.get(path)?.to_vec()))
        })
        .collect();
    if files.is_empty() {
        return Err(Trouble::new(
            "lab::no-data",
            format!("the recipe `{recipe}` has no folder {DATA}, which says what its lab is like"),
        )
        .help("name another recipe with `--recipe`"));
    }
    Ok(files)
}

/// Where root filesystems are kept: below `XDG_CACHE_HOME`, else `~/.cache`.
pub(crate) fn cache(environment: &Environment) -> Result<PathBuf, Trouble> {
    below_home(environment.cache.as_ref(), ".cache", environment)
}

/// Where labs live: below `XDG_STATE_HOME`, else `~/.local/state`.
pub(crate) fn labs(environment: &Environment) -> Result<PathBuf, Trouble> {
    Ok(below_home(environment.state.as_ref(), ".local/state", environment)?.join("labs"))
}

fn below_home(
    named: Option<&PathBuf>,
    usual: &str,
    environment: &Environment,
) -> Result<PathBuf, Trouble> {
    let base = match (named, &environment.home) {
        (Some(named), _) => named.clone(),
        (None, Some(home)) => PathBuf::from(home).join(usual),
        (None, None) => {
            return Err(
                Trouble::new("lab::no-home", "there is no home folder to keep a lab in")
                    .help("set HOME"),
            );
        }
    };
    Ok(base.join("phalanx"))
}

/// The lab of that name, which has to be there.
pub(crate) fn open(name: &str, environment: &Environment) -> Result<Lab, Trouble> {
    let labs = labs(environment)?;
    match Lab::open(&labs, name).map_err(|error| trouble(&error))? {
        Some(lab) => Ok(lab),
        None => {
            let known = Lab::list(&labs).map_err(|error| trouble(&error))?;
            let help = if known.is_empty() {
                "`phalanx lab up` starts one".to_owned()
            } else {
                format!("there are: {}", known.join(", "))
            };
            Err(Trouble::new("lab::unknown", format!("there is no lab `{name}`")).help(help))
        }
    }
}

/// What a lab could not do.
pub(crate) fn trouble(error: &LabError) -> Trouble {
    Trouble::new("lab::failed", chain(error))
}
