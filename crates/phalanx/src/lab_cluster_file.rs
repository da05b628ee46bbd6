//! The cluster file of a lab: the recipe's template, filled in.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use phalanx_lab::{CLUSTER_FILES, Lab, LabData};
use serde::Serialize;

use crate::lab_place::trouble;
use crate::trouble::Trouble;

/// The home of whoever works in the lab, below its folder: its known hosts are not the operator's.
pub(crate) const HOME: &str = "home";

/// Writes the lab's cluster file, and a home that knows its hosts. Gives the file's path.
pub(crate) fn write(lab: &Lab, data: &LabData) -> Result<Option<PathBuf>, Trouble> {
    let failed = |path: &Path, error: &dyn std::error::Error| {
        let message = format!("{} could not be written", path.display());
        Trouble::because("lab::cluster-file", &message, error)
    };
    let ssh = lab.folder().join(HOME).join(".ssh");
    fs::create_dir_all(&ssh).map_err(|error| failed(&ssh, &error))?;
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o700))
        .map_err(|error| failed(&ssh, &error))?;
    let known = ssh.join("known_hosts");
    fs::copy(lab.known_hosts(), &known).map_err(|error| failed(&known, &error))?;

    let Some((name, template)) = data.cluster_file() else {
        return Ok(None);
    };
    let path = lab.folder().join(name);
    let prepared = lab.values().map_err(|error| trouble(&error))?;
    let text = render(lab, template, prepared).map_err(|error| {
        Trouble::new(
            "lab::cluster-file",
            format!("the lab data's {name} is no template that can be filled in: {error}"),
        )
    })?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| failed(&path, &error))?;
    file.write_all(text.as_bytes())
        .map_err(|error| failed(&path, &error))?;
    Ok(Some(path))
}

/// The cluster file in a lab's folder.
pub(crate) fn of_folder(folder: &Path) -> Option<PathBuf> {
    let files = CLUSTER_FILES.iter().map(|name| folder.join(name));
    files.into_iter().find(|file| file.is_file())
}

/// Whether this file, which is in this folder, is the cluster file that a lab was given when it came up.
pub(crate) fn is_labs_own(file: &Path, folder: &Path) -> bool {
    Lab::name_of_folder(folder).is_some() && of_folder(folder).as_deref() == Some(file)
}

#[derive(Serialize)]
struct Values<'a> {
    lab: &'a str,
    key: &'a Path,
    user: &'a str,
    hosts: Vec<Host<'a>>,
    /// What the lab data's preparation has found out.
    values: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Host<'a> {
    name: &'a str,
    role: &'a str,
    /// Counts from 1 in its role.
    number: u32,
    address: String,
    private_address: String,
}

fn render(lab: &Lab, template: &str, prepared: BTreeMap<String, String>) -> Result<String, String> {
    let hosts = lab
        .hosts()
        .iter()
        .map(|host| Host {
            name: &host.name,
            role: &host.role,
            number: host.number,
            address: host.address.to_string(),
            private_address: host.private_address.to_string(),
        })
        .collect();
    let values = Values {
        lab: lab.name(),
        key: lab.key(),
        user: lab.user(),
        hosts,
        values: prepared,
    };
    phalanx_plan::expression::render(template, values)
}
