//! A lab of two hosts that is about nothing, for the tests of labs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use phalanx_lab::{Lab, LabData, RootFilesystem};

const PREPARE: &str = "#!/bin/sh
set -eu
useradd --create-home --shell /bin/sh somebody
echo 'somebody ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/somebody
chmod 440 /etc/sudoers.d/somebody
echo hello from the internet > /srv/lab/internet/hello
echo word=a=b > /srv/lab/values
# There is no network here.
if curl -sS --max-time 2 http://10.77.0.1/ 2> /dev/null; then exit 1; fi
";

const START: &str = "#!/bin/sh
echo the internet starts
exec busybox httpd -f -p 80 -h /srv/lab/internet
";

/// The packages of whatever labs this checkout has, so that all of its tests share one base layer; and
/// a web server.
fn packages() -> String {
    let mut packages = "busybox-static\n".to_owned();
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    for recipe in fs::read_dir(recipes).into_iter().flatten().flatten() {
        let file = recipe.path().join("lab/packages");
        packages += &fs::read_to_string(file).unwrap_or_default();
    }
    packages
}

/// The lab's data.
pub(crate) fn data() -> LabData {
    let packages = packages();
    let files = [
        ("packages", packages.as_str()),
        ("login", "somebody\n"),
        ("sizes", "two one=1 other=1\nmany one=1 other=7\n"),
        ("prepare.sh", PREPARE),
        ("internet/start.sh", START),
        ("internet/names", "hello.example\n"),
        ("internet/addresses", "169.254.169.254\n"),
        ("plain-dirs", "/var/lib/plain\n"),
        ("root/etc/lab-test", "laid over\n"),
        (
            "root/usr/local/bin/laid-over",
            "#!/bin/sh\necho laid over\n",
        ),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    LabData::read(BTreeMap::from(files)).unwrap()
}

/// The root filesystem of its hosts, from where the command keeps it as well: the slow part of it is
/// the same.
#[allow(clippy::disallowed_methods, clippy::panic)]
pub(crate) fn root_filesystem() -> RootFilesystem {
    let cache = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => PathBuf::from(home).join(".cache"),
        (None, None) => panic!("neither HOME nor XDG_CACHE_HOME is set"),
    };
    RootFilesystem::prepare(&cache.join("phalanx"), &data(), &mut |text| {
        println!("{text}")
    })
    .unwrap()
}

/// A folder for labs. What a test that failed leaves in it is taken down with it.
pub(crate) struct Labs(tempfile::TempDir);

impl Labs {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Labs {
    fn drop(&mut self) {
        for name in Lab::list(self.path()).unwrap_or_default() {
            let _ = Lab::clean_up(self.path(), &name);
        }
    }
}

/// Runs a command line in the lab's network as its login on one of the hosts' addresses.
pub(crate) fn ssh(lab: &Lab, address: impl ToString, line: &str) -> std::process::Output {
    let known_hosts = format!("UserKnownHostsFile={}", lab.known_hosts().display());
    lab.command("ssh")
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"])
        .args(["-o", &known_hosts, "-o", "GlobalKnownHostsFile=none"])
        .args(["-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=2"])
        .arg("-i")
        .arg(lab.key())
        .args(["-l", lab.user(), &address.to_string(), line])
        .output()
        .unwrap()
}
