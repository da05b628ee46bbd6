//! The root filesystem that the hosts of labs share: Debian packages, and a lab's data over them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::apt_sources::{self, Distribution};
use crate::error::{LabError, at};
use crate::lab_data::LabData;
use crate::lab_folder::check_filesystem;
use crate::layer::{Contents, Layer, run_script};
use crate::missing_programs::provide;
use crate::privilege::need_root;
use crate::tools::{self, Tool};

/// What every host of a lab is made of.
const PACKAGES: [&str; 15] = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "libpam-systemd",
    "openssh-server",
    "sudo",
    "iproute2",
    "iputils-ping",
    "procps",
    "kmod",
    "ca-certificates",
    "curl",
    "netbase",
    "less",
    "mount",
];

const BASE_SCRIPT: &str = include_str!("../scripts/base-layer.sh");
const DATA_SCRIPT: &str = include_str!("../scripts/data-layer.sh");

/// The programs that labs are made with.
const TOOLS: [Tool; 9] = [
    tools::SETSID,
    tools::UNSHARE,
    tools::NSENTER,
    tools::SETPRIV,
    tools::FLOCK,
    tools::MOUNT,
    tools::IP,
    tools::TAR,
    tools::SSH_KEYGEN,
];

/// A root filesystem in the cache: two layers, the slow one of Debian packages and the quick one of a
/// lab's data. As long as this is there, or a lab that was put up with it, nobody removes them.
#[derive(Debug)]
pub struct RootFilesystem {
    /// The topmost first.
    paths: Vec<PathBuf>,
    _layers: [Layer; 2],
}

impl RootFilesystem {
    /// The root filesystem for hosts with this data, from the cache or built: from the machine's own apt
    /// sources, which takes a minute, and by the data's `prepare.sh`. Installs with apt-get what labs
    /// need on this machine and is missing.
    ///
    /// Several processes can do this at the same time; one builds, and the others wait for it.
    ///
    /// # Errors
    /// See [`LabError`]; above all [`LabError::Build`], [`LabError::Missing`] and
    /// [`LabError::NeedsRoot`].
    pub fn prepare(
        cache: &Path,
        data: &LabData,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Self, LabError> {
        need_root("building root filesystems for the hosts of a lab")?;
        let distribution = Distribution::of_this_machine()?;
        provide(&TOOLS, tell)?;
        at("making", cache, fs::create_dir_all(cache))?;
        check_filesystem(cache)?;
        let cache = at("looking at", cache, fs::canonicalize(cache))?;
        let base = base_layer(&cache, &distribution, data, tell)?;
        let top = data_layer(&cache, &base, data, tell)?;
        for kind in ["base", "data"] {
            Layer::tidy(&cache, kind)?;
        }
        Ok(Self {
            paths: vec![top.path.clone(), base.path.clone()],
            _layers: [top, base],
        })
    }

    /// The layers' folders, the topmost first.
    pub(crate) fn layers(&self) -> &[PathBuf] {
        &self.paths
    }
}

fn base_layer(
    cache: &Path,
    distribution: &Distribution,
    data: &LabData,
    tell: &mut dyn FnMut(&str),
) -> Result<Layer, LabError> {
    let mut packages: Vec<&str> = PACKAGES.to_vec();
    packages.extend(data.packages().iter().map(String::as_str));
    packages.sort_unstable();
    packages.dedup();
    let packages = packages.join(",");
    let mut contents = Contents::default();
    for part in [
        BASE_SCRIPT,
        &packages,
        &distribution.id,
        &distribution.codename,
        std::env::consts::ARCH,
    ] {
        contents.add(part.as_bytes());
    }
    Layer::prepare(cache, "base", contents, tell, |part, tell| {
        provide(&[tools::MMDEBSTRAP], tell)?;
        tell(&format!(
            "building a root filesystem of {} packages; this takes a minute, once",
            distribution.codename
        ));
        let sources = part.join("machine.sources");
        let text = apt_sources::of_this_machine(distribution)?;
        at("writing", &sources, fs::write(&sources, text))?;
        let configuration = part.join("apt.conf");
        let apt_config = Path::new("/usr/bin/apt-config");
        let dump = tools::run(apt_config, &["dump"])?;
        let fetching = apt_sources::fetching(&dump);
        at(
            "writing",
            &configuration,
            fs::write(&configuration, fetching),
        )?;
        let arguments = [
            &part.join("root"),
            Path::new(&distribution.codename),
            &sources,
            &configuration,
            Path::new(&packages),
        ];
        let doing = "making a root filesystem of Debian packages with mmdebstrap";
        run_script(doing, &[], BASE_SCRIPT, &arguments, tell, |line| {
            Some(format!("  {}", line.strip_prefix("I: ")?))
        })
    })
}

fn data_layer(
    cache: &Path,
    base: &Layer,
    data: &LabData,
    tell: &mut dyn FnMut(&str),
) -> Result<Layer, LabError> {
    let mut contents = Contents::default();
    contents.add(DATA_SCRIPT.as_bytes());
    contents.add(base.path.file_name().unwrap_or_default().as_encoded_bytes());
    for (path, content) in data.files() {
        contents.add(path.as_bytes());
        contents.add(content);
    }
    Layer::prepare(cache, "data", contents, tell, |part, tell| {
        tell("preparing the root filesystem for this lab's data");
        for folder in ["root", "work", "mnt", "data"] {
            let path = part.join(folder);
            at("making", &path, fs::create_dir(&path))?;
        }
        for (path, content) in data.files() {
            write_file(&part.join("data").join(path), content)?;
        }
        let doing = "running prepare.sh of the lab's data in it";
        let namespaces = ["--net", "--ipc", "--uts"];
        let arguments = [part, &base.path];
        run_script(doing, &namespaces, DATA_SCRIPT, &arguments, tell, |line| {
            (!line.trim().is_empty()).then(|| format!("  {line}"))
        })
    })
}

/// Writes one file of a lab's data: a script is one that says what runs it.
fn write_file(path: &Path, content: &[u8]) -> Result<(), LabError> {
    if let Some(parent) = path.parent() {
        at("making", parent, fs::create_dir_all(parent))?;
    }
    at("writing", path, fs::write(path, content))?;
    let mode = if content.starts_with(b"#!") {
        0o755
    } else {
        0o644
    };
    let mode = fs::Permissions::from_mode(mode);
    at("writing", path, fs::set_permissions(path, mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scripts_are_executable() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content, mode) in [("a/script", "#!/bin/sh\n", 0o755), ("a/text", "#\n", 0o644)]
        {
            let path = folder.path().join(name);
            write_file(&path, content.as_bytes()).unwrap();
            let found = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(found & 0o777, mode, "{name}");
        }
    }
}
