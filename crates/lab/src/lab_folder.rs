//! The folder of one lab: what is written there before its first process starts.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::FsWord;
use serde::{Deserialize, Serialize};

use crate::error::{LabError, at};
use crate::keeper::write_private;
use crate::keys::{KeyFormat, KeyKind, KeyPair};
use crate::lab_data::LabData;
use crate::lab_host::{HUB, LabHost};

/// The folder of a host on which jobs are kept: it lies on a plain folder in every lab.
const SPOOL: &str = "/var/lib/phalanx";
/// What overlayfs calls itself to statfs.
const OVERLAYFS: FsWord = 0x794c_7630;
/// The version of `lab.json`.
const FORMAT: u32 = 1;

/// What is to be known of a lab that is up: `lab.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LabRecord {
    pub(crate) format: u32,
    pub(crate) name: String,
    pub(crate) size: String,
    pub(crate) user: String,
    pub(crate) internet: bool,
    pub(crate) hosts: Vec<LabHost>,
    /// The layers of the hosts' root filesystem, the topmost first.
    pub(crate) layers: Vec<PathBuf>,
}

impl LabRecord {
    /// Reads it from a lab's folder; nothing where there is no lab, or one that never was up.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, LabError> {
        let file = folder.join("lab.json");
        let text = match fs::read(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => at("reading", &file, read)?,
        };
        let record: Self = serde_json::from_slice(&text).map_err(|error| LabError::Io {
            doing: format!("reading {}", file.display()),
            source: error.into(),
        })?;
        if record.format != FORMAT {
            return Err(LabError::Unsupported {
                what: format!(
                    "{} has format {}, and this phalanx reads format {FORMAT}: take the lab down and \
                     put it up again",
                    file.display(),
                    record.format
                ),
            });
        }
        Ok(Some(record))
    }

    /// Writes it, all at once.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), LabError> {
        let file = folder.join("lab.json");
        let text = serde_json::to_vec_pretty(self).map_err(|error| LabError::Io {
            doing: format!("writing {}", file.display()),
            source: error.into(),
        })?;
        let part = folder.join("lab.json.part");
        write_private(&part, &text)?;
        at("writing", &file, fs::rename(&part, &file))
    }
}

/// Makes the folder of a lab with everything that the keeper and the hosts read.
pub(crate) fn make(
    folder: &Path,
    name: &str,
    size: &str,
    data: &LabData,
    layers: &[PathBuf],
) -> Result<LabRecord, LabError> {
    let record = LabRecord {
        format: FORMAT,
        name: name.to_owned(),
        size: size.to_owned(),
        user: data.login().to_owned(),
        internet: data.has_internet(),
        hosts: LabHost::all(data, data.size(size)?),
        layers: layers.to_vec(),
    };
    let made = fs::DirBuilder::new().mode(0o700).create(folder);
    at("making", folder, made)?;
    for inner in ["run", "internet"] {
        let path = folder.join(inner);
        at("making", &path, fs::create_dir(&path))?;
    }
    KeyPair::generate(&folder.join("key"), KeyKind::Ed25519, KeyFormat::OpenSsh)?;

    let hosts_file = hosts_file(&record.hosts, data);
    let mut plain_dirs = vec![SPOOL.to_owned()];
    plain_dirs.extend(
        data.plain_dirs()
            .iter()
            .filter(|dir| *dir != SPOOL)
            .cloned(),
    );
    let mut config = vec![
        ("hub", format!("{HUB}\n")),
        (
            "layers",
            lines(layers.iter().map(|layer| layer.display().to_string())),
        ),
        ("plain-dirs", lines(plain_dirs.iter().cloned())),
        ("login", format!("{}\n", record.user)),
        ("etc-hosts", hosts_file.clone()),
        (
            "internet-addresses",
            lines(data.internet_addresses().iter().map(Ipv4Addr::to_string)),
        ),
        (
            "hosts",
            lines(record.hosts.iter().map(|host| {
                let (private, public) = (host.private_address, host.address);
                format!("{} {private} {public} {}", host.name, host.mac())
            })),
        ),
    ];
    if record.internet {
        config.push(("has-internet", String::new()));
    }
    for (file, text) in config {
        write_private(&folder.join("config").join(file), text.as_bytes())?;
    }

    let mut known_hosts = String::new();
    for host in &record.hosts {
        let key = make_host(folder, host, &hosts_file, plain_dirs.len())?;
        known_hosts.push_str(&format!(
            "{},{},{} {}\n",
            host.address,
            host.private_address,
            host.name,
            key.algorithm_and_key()
        ));
    }
    write_private(&folder.join("known_hosts"), known_hosts.as_bytes())?;
    Ok(record)
}

/// Makes the folder of one host. Gives its host key.
fn make_host(
    folder: &Path,
    host: &LabHost,
    hosts_file: &str,
    plain_dirs: usize,
) -> Result<KeyPair, LabError> {
    let folder = folder.join("hosts").join(&host.name);
    let mut inner = vec!["upper".to_owned(), "work".to_owned()];
    inner.extend((1..=plain_dirs).map(|number| format!("plain/{number}")));
    for path in inner.iter().map(|inner| folder.join(inner)) {
        at("making", &path, fs::create_dir_all(&path))?;
    }
    // Jobs hold what nobody else is to read.
    let spool = folder.join("plain/1");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    at("making", &spool, fs::set_permissions(&spool, mode))?;

    // What makes one host differ from the others; it is laid over the root filesystem at its first boot.
    // Without a machine id systemd would take that boot for the first after an installation, and enable
    // every service that there is. Without a name server a lookup fails at once instead of after seconds.
    let first_boot = folder.join("first-boot/etc");
    at(
        "making",
        &first_boot,
        fs::create_dir_all(first_boot.join("ssh")),
    )?;
    let uuid = Path::new("/proc/sys/kernel/random/uuid");
    let machine_id = at("reading", uuid, fs::read_to_string(uuid))?.replace('-', "");
    for (file, text) in [
        ("hostname", format!("{}\n", host.name).as_str()),
        ("hosts", hosts_file),
        ("machine-id", &machine_id),
        (
            "resolv.conf",
            "# The hosts of a lab know each other by /etc/hosts.\n",
        ),
    ] {
        let path = first_boot.join(file);
        at("writing", &path, fs::write(&path, text))?;
    }
    let key = first_boot.join("ssh/ssh_host_ed25519_key");
    KeyPair::generate(&key, KeyKind::Ed25519, KeyFormat::OpenSsh)
}

/// The hosts file of all hosts, and of the internet.
fn hosts_file(hosts: &[LabHost], data: &LabData) -> String {
    let mut text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n".to_owned();
    for host in hosts {
        text.push_str(&format!("{} {}\n", host.private_address, host.name));
    }
    for name in data.internet_names() {
        text.push_str(&format!("{HUB} {name}\n"));
    }
    text
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// Says so where a folder cannot carry the overlays of hosts.
pub(crate) fn check_filesystem(folder: &Path) -> Result<(), LabError> {
    let found = rustix::fs::statfs(folder).map_err(std::io::Error::from);
    if at("looking at the filesystem of", folder, found)?.f_type == OVERLAYFS {
        return Err(LabError::Unsupported {
            what: format!(
                "{} lies on overlayfs (as in a container), on which the root filesystem of a host \
                 cannot be laid; name a folder on ext4, xfs, btrfs or tmpfs",
                folder.display()
            ),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_folder_holds_what_hosts_read_at_their_first_boot() {
        let files = [
            ("login", "user"),
            ("sizes", "small node=2"),
            ("plain-dirs", "/var/lib/docker\n"),
            ("internet/names", "example.org\n"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let data = LabData::read(BTreeMap::from(files)).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("lab");
        let layers = [PathBuf::from("/layers/data"), PathBuf::from("/layers/base")];
        let record = make(&folder, "one", "small", &data, &layers).unwrap();
        let read = |path: &str| fs::read_to_string(folder.join(path)).unwrap();

        assert_eq!(LabRecord::read(&folder).unwrap(), None);
        record.write(&folder).unwrap();
        assert_eq!(LabRecord::read(&folder).unwrap(), Some(record));

        assert_eq!(
            read("config/hosts"),
            "node1 10.77.0.11 203.0.113.11 02:77:00:00:00:0b\n\
             node2 10.77.0.12 203.0.113.12 02:77:00:00:00:0c\n"
        );
        assert_eq!(read("config/layers"), "/layers/data\n/layers/base\n");
        assert_eq!(
            read("config/plain-dirs"),
            "/var/lib/phalanx\n/var/lib/docker\n"
        );
        assert!(!folder.join("config/has-internet").exists());
        let etc = "hosts/node2/first-boot/etc";
        assert!(
            read(&format!("{etc}/hosts")).ends_with("10.77.0.12 node2\n10.77.0.1 example.org\n")
        );
        assert_eq!(read(&format!("{etc}/hostname")), "node2\n");
        let id = read(&format!("{etc}/machine-id"));
        assert!(
            id.len() == 33 && id.trim().chars().all(|c| c.is_ascii_hexdigit()),
            "{id}"
        );
        let public = read(&format!("{etc}/ssh/ssh_host_ed25519_key.pub"));
        let key = public.trim().trim_end_matches(" lab");
        assert!(read("known_hosts").contains(&format!("203.0.113.12,10.77.0.12,node2 {key}\n")));
    }
}
