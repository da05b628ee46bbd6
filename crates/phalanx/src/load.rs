//! From the command line to a cluster, its recipe and its plan. Opens files, contacts nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use phalanx_engine::RunFolder;
use phalanx_events::Origin;
use phalanx_plan::build::unknown_roles;
use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::recipe::Shell;
use phalanx_plan::{
    Cluster, FlowCommand, PlanRequest, PreparedPlan, Problems, PutSource, Recipe, Severity,
    ShownSettings, build, build_connect_only, cluster_yaml,
};
use serde_json::Value;

use crate::cli::{Extent, Global};
use crate::cluster_source;
use crate::earlier_facts::{self, KnownBy};
use crate::environment::Environment;
use crate::recipe_source;
use crate::shell::LocalShell;
use crate::trouble::Trouble;

/// A cluster file and its recipe.
pub(crate) struct Loaded {
    pub(crate) cluster: Cluster,
    pub(crate) recipe: Recipe,
    /// Where the cluster file came from.
    pub(crate) origin: Origin,
    /// The `.phalanx` folder beside the cluster file.
    pub(crate) home: PathBuf,
    /// What was told while reading and stops nothing.
    pub(crate) remarks: Problems,
}

/// Reads the cluster file that is meant, and its recipe.
pub(crate) fn load(global: &Global, environment: &Environment) -> Result<Loaded, Trouble> {
    let path = cluster_source::find(global)?;
    load_file(&path, global, environment)
}

/// Reads this cluster file, and its recipe.
pub(crate) fn load_file(
    path: &Path,
    global: &Global,
    environment: &Environment,
) -> Result<Loaded, Trouble> {
    let shell = LocalShell::default();
    let mut read = read_with(path, global, environment, Some(&shell))?;
    match read.cluster {
        Some(cluster) if !read.problems.has_errors() => {
            read.problems.extend(read.recipe_warnings);
            Ok(Loaded {
                cluster,
                recipe: read.recipe,
                origin: cluster_source::origin(path),
                home: cluster_source::folder(path).join(cluster_source::HOME),
                remarks: read.problems,
            })
        }
        cluster => {
            // A plan would tell them, and is not made.
            if let Some(cluster) = &cluster {
                read.problems.extend(unknown_roles(cluster, &read.recipe));
                read.problems.sort();
            }
            Err(Trouble::input(read.problems))
        }
    }
}

/// A cluster file as far as it can be read, and its recipe.
pub(crate) struct ReadFile {
    pub(crate) cluster: Option<Cluster>,
    pub(crate) recipe: Recipe,
    pub(crate) problems: Problems,
    /// What is likely a mistake in the recipe.
    recipe_warnings: Problems,
}

/// Reads this cluster file as far as it goes: an error in it is no reason not to know the rest.
pub(crate) fn read_file(
    path: &Path,
    global: &Global,
    environment: &Environment,
) -> Result<ReadFile, Trouble> {
    read_with(path, global, environment, None)
}

/// A recipe, and what is likely a mistake in it; notes are for `recipe lint`.
fn read_recipe(
    name: &str,
    base: &Path,
    shell: Option<&dyn Shell>,
) -> Result<(Recipe, Problems), Trouble> {
    let files = recipe_source::files(name, base)?;
    match Recipe::read_with(&files, shell) {
        (Some(recipe), problems) => Ok((recipe, problems.only(Severity::Warning))),
        (None, problems) => Err(Trouble::input(problems)),
    }
}

fn read_with(
    path: &Path,
    global: &Global,
    environment: &Environment,
    shell: Option<&dyn Shell>,
) -> Result<ReadFile, Trouble> {
    let source = cluster_source::read(path)?;
    let folder = cluster_source::folder(path);
    let yaml = cluster_source::is_yaml(path, &source);
    let document = yaml.then(|| cluster_yaml::parse(&source));
    let named = document
        .as_ref()
        .and_then(|document| Some((document, document.recipe()?)));
    let here = Path::new(".");
    let (name, (recipe, recipe_warnings)) = match (&global.recipe, &named) {
        (Some(name), _) => (name.as_str(), read_recipe(name, here, shell)?),
        (None, Some((document, named))) => {
            let recipe = read_recipe(&named.value, folder, shell).map_err(|trouble| {
                // Without its recipe nobody knows which of its settings is a secret.
                let shown = document.shown(&ShownSettings::default());
                trouble.at(&shown, named.span, "named here")
            })?;
            (named.value.as_str(), recipe)
        }
        (None, None) => {
            let name = recipe_source::default_name();
            (name, read_recipe(name, here, shell)?)
        }
    };
    let settings = recipe.shown_settings();
    let context = ReadContext {
        home: environment.home.as_deref(),
        key_file: &|path| key_file(Path::new(path)),
        settings: &settings,
        recipe: name,
    };
    let (cluster, problems) = if let Some(document) = &document {
        document.read_in_part(&context)
    } else {
        let mapping = recipe.cluster_conf.as_ref().ok_or_else(|| {
            Trouble::new(
                "cluster::no-mapping",
                format!(
                    "the recipe `{name}` does not read files such as {}",
                    path.display()
                ),
            )
            .help("write a phalanx.yaml, or name another recipe with `--recipe`")
        })?;
        phalanx_plan::cluster_conf::read_conf_in_part(&source, mapping, &context)
    };
    Ok(ReadFile {
        cluster,
        recipe,
        problems,
        recipe_warnings,
    })
}

/// What a path to a private key leads to.
fn key_file(path: &Path) -> KeyFile {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return KeyFile::Missing,
        Err(error) => return KeyFile::Unreadable(error.to_string()),
    };
    if !metadata.is_file() {
        return KeyFile::NotAFile;
    }
    let mut beginning = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut beginning));
    match read {
        Ok(_) if phalanx_remote::is_public_key(&beginning) => KeyFile::Public,
        Ok(_) => KeyFile::Readable {
            mode: metadata.permissions().mode(),
        },
        Err(error) => KeyFile::Unreadable(error.to_string()),
    }
}

impl Loaded {
    /// Whether the recipe can do anything with the cluster, whatever the flow; gives everything
    /// worth knowing that came up on the way.
    pub(crate) fn check(&self, global: &Global) -> Result<Problems, Trouble> {
        let first = self.recipe.flows.first();
        let flow = first.map_or(FlowCommand::Check.name(), |flow| flow.name.value.as_str());
        let (_, remarks) = self.plan(flow, &Extent::default(), global)?;
        Ok(remarks)
    }

    /// Makes the plan of a flow, and gives everything worth knowing that came up on the way.
    pub(crate) fn plan(
        &self,
        flow: &str,
        extent: &Extent,
        global: &Global,
    ) -> Result<(PreparedPlan, Problems), Trouble> {
        self.plan_by(flow, extent, global, None)
    }

    /// The same; of hosts that are left out, the run that is gone on with knows best.
    pub(crate) fn plan_by(
        &self,
        flow: &str,
        extent: &Extent,
        global: &Global,
        gone_on_with: Option<&RunFolder>,
    ) -> Result<(PreparedPlan, Problems), Trouble> {
        let request = PlanRequest {
            flow: flow.to_owned(),
            on: global.on.clone(),
            to: extent.to.clone(),
            lockstep: extent.lockstep,
            accept: global.accept.clone(),
            repair: extent.repair,
            manual_reboot: extent.manual_reboot,
        };
        let mut remarks = self.remarks.clone();
        let is_check = FlowCommand::of(flow) == Some(FlowCommand::Check);
        let planned = match is_check && self.recipe.flow(flow).is_none() {
            true => build_connect_only(&self.cluster, &self.recipe, &request),
            false => build(&self.cluster, &self.recipe, &request),
        };
        match planned {
            Ok((plan, problems)) => {
                remarks.extend(problems);
                let plan = self.with_uploads(plan)?;
                let known_by = KnownBy {
                    itself: gone_on_with,
                    home: &self.home,
                };
                let (plan, problems) = earlier_facts::take_in(plan, known_by)?;
                remarks.extend(problems);
                if remarks.has_errors() {
                    return Err(Trouble::input(remarks));
                }
                Ok((plan, remarks))
            }
            Err(problems) => {
                remarks.extend(problems);
                remarks.sort();
                Err(Trouble::input(remarks))
            }
        }
    }

    /// Files of this machine that a stage brings to a host have to be here; the plan is given their
    /// whole paths.
    fn with_uploads(&self, plan: PreparedPlan) -> Result<PreparedPlan, Trouble> {
        let puts = plan.stages.iter().flat_map(|stage| &stage.put);
        let settings: BTreeSet<String> = puts
            .filter_map(|put| match &put.source {
                PutSource::Upload(setting) => Some(setting.clone()),
                PutSource::File(_) | PutSource::Template(_) => None,
            })
            .collect();
        if settings.is_empty() {
            return Ok(plan);
        }
        let (mut paths, mut files) = (BTreeMap::new(), BTreeMap::new());
        for setting in settings {
            if !self.cluster.settings.contains_key(&setting) {
                let text = format!("the recipe itself says which file `{setting}` names");
                return Err(Trouble::new("settings::upload", text)
                    .help("name the file in the cluster file, if it is to be uploaded"));
            }
            let Some(Value::String(path)) = plan.settings.get(&setting) else {
                continue;
            };
            let whole = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
            let found = match fs::File::open(&whole).and_then(|file| file.metadata()) {
                Ok(metadata) if metadata.is_file() => {
                    let (bytes, seconds) = (metadata.len(), metadata.mtime());
                    let nanos = metadata.mtime_nsec();
                    let what = format!("{bytes} bytes, {seconds}.{nanos:09}");
                    files.insert(setting.clone(), what);
                    Ok(())
                }
                Ok(_) => Err("it is no regular file".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = found {
                let text = format!("`{setting}`: {} can't be read: {why}", whole.display());
                let trouble = Trouble::new("settings::upload", text)
                    .help("name a file of this machine, from the current folder on");
                return Err(match self.cluster.settings.get(&setting) {
                    Some(written) => trouble.at(&self.cluster.source, written.span, "this file"),
                    None => trouble,
                });
            }
            paths.insert(setting, whole.to_string_lossy().into_owned());
        }
        let plan = plan.into_plan().with_uploads(paths, files);
        Ok(PreparedPlan::new(plan))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_a_private_keys_mode_matters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let found = |text: &str| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            key_file(&path)
        };
        for public in [
            "ssh-ed25519 AAAA me\n",
            "ecdsa-sha2-nistp256 AAAA",
            "sk-ssh-ed25519@openssh.com AAAA",
        ] {
            assert_eq!(found(public), KeyFile::Public, "{public}");
        }
        for private in [
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\n",
            "",
        ] {
            let KeyFile::Readable { mode } = found(private) else {
                panic!("{private}");
            };
            assert_eq!(mode & 0o7777, 0o644);
        }
        assert_eq!(key_file(&folder.path().join("none")), KeyFile::Missing);
        assert_eq!(key_file(folder.path()), KeyFile::NotAFile);
    }
}
