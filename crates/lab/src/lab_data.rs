//! What a lab is made of: a folder of plain files that says what its hosts and its internet are.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::error::LabError;
use crate::lab_name::check_name;

/// The names that a lab's cluster file may have, in its folder as in its data.
pub const CLUSTER_FILES: [&str; 3] = ["cluster.conf", "phalanx.yaml", "cluster.yaml"];
/// The most hosts that a lab can have: "public" addresses are the 254 of one documentation network,
/// and the first ten are left for others.
const MOST_HOSTS: u32 = 240;

/// A folder of plain files that says what the hosts of a lab and its internet are. The format is in
/// `docs/design/lab.md`.
#[derive(Clone, Debug)]
pub struct LabData {
    files: BTreeMap<String, Vec<u8>>,
    packages: Vec<String>,
    internet_names: Vec<String>,
    internet_addresses: Vec<Ipv4Addr>,
    plain_dirs: Vec<String>,
    login: String,
    sizes: Vec<LabSize>,
    cluster_file: Option<(String, String)>,
    stand_in_for: Option<String>,
}

/// How many hosts of which role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabSize {
    /// Its name.
    pub name: String,
    /// The roles, in the order in which the hosts are numbered, and how many hosts have each.
    pub roles: Vec<(String, u32)>,
}

impl LabSize {
    /// How many hosts it has.
    pub fn hosts(&self) -> u32 {
        self.roles.iter().map(|(_, count)| count).sum()
    }
}

impl LabData {
    /// Reads the files of a lab data folder, given by their paths in it.
    ///
    /// # Errors
    /// [`LabError::Data`] names the first file that is missing or wrong.
    pub fn read(files: BTreeMap<String, Vec<u8>>) -> Result<Self, LabError> {
        for path in files.keys() {
            if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err(wrong(path, "is no path inside a folder"));
            }
        }
        let packages = lines(&files, "packages")?;
        for package in &packages {
            let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
            if !package.chars().all(fine) || package.starts_with('-') {
                return Err(wrong(
                    "packages",
                    &format!("{package} is no package's name"),
                ));
            }
        }
        let internet_names = lines(&files, "internet/names")?;
        for name in &internet_names {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
            if !name.chars().all(fine) {
                return Err(wrong("internet/names", &format!("{name} is no host name")));
            }
        }
        let internet_addresses = lines(&files, "internet/addresses")?
            .iter()
            .map(|line| {
                line.parse()
                    .map_err(|_| wrong("internet/addresses", &format!("{line} is no IPv4 address")))
            })
            .collect::<Result<Vec<Ipv4Addr>, LabError>>()?;
        let plain_dirs = lines(&files, "plain-dirs")?;
        for dir in &plain_dirs {
            let blank = |c: char| c.is_whitespace() || ":,\\".contains(c);
            let parts = dir.strip_prefix('/').unwrap_or_default().split('/');
            if dir.contains(blank) || parts.clone().any(|part| matches!(part, "" | "." | "..")) {
                let problem =
                    format!("{dir} is no absolute path without blanks, `..` and the like");
                return Err(wrong("plain-dirs", &problem));
            }
        }
        let login = match lines(&files, "login")?.as_slice() {
            [one] => one.clone(),
            _ => return Err(wrong("login", "must hold one line, the login user's name")),
        };
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if !login.starts_with(|c: char| c.is_ascii_lowercase()) || !login.chars().all(fine) {
            return Err(wrong("login", &format!("{login} is no user's name")));
        }
        let sizes = lines(&files, "sizes")?
            .iter()
            .map(|line| size(line))
            .collect::<Result<Vec<LabSize>, LabError>>()?;
        if sizes.is_empty() {
            return Err(wrong("sizes", "must hold a line `NAME ROLE=COUNT ...`"));
        }
        let found = CLUSTER_FILES.iter().find(|name| files.contains_key(**name));
        let cluster_file = match found {
            None => None,
            Some(name) => Some(((*name).to_owned(), text(&files, name)?)),
        };
        let stand_in_for = match lines(&files, "stand-in-for")?.as_slice() {
            [] if !files.contains_key("stand-in-for") => None,
            [one] if !one.contains(char::is_control) => Some(one.clone()),
            _ => {
                let problem = "must hold one line: what the hosts install a stand-in for";
                return Err(wrong("stand-in-for", problem));
            }
        };
        Ok(Self {
            files,
            packages,
            internet_names,
            internet_addresses,
            plain_dirs,
            login,
            sizes,
            cluster_file,
            stand_in_for,
        })
    }

    /// The sizes that a lab can have, in the order of the file.
    pub fn sizes(&self) -> &[LabSize] {
        &self.sizes
    }

    /// The size of this name.
    ///
    /// # Errors
    /// There is none; the error names those that there are.
    pub fn size(&self, name: &str) -> Result<&LabSize, LabError> {
        let found = self.sizes.iter().find(|size| size.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.sizes.iter().map(|size| size.name.as_str()).collect();
            LabError::Unknown {
                what: format!("a lab has no size {name}; there are {}", names.join(", ")),
            }
        })
    }

    /// The name and the template of the file that describes the lab's hosts to the tool under test.
    pub fn cluster_file(&self) -> Option<(&str, &str)> {
        let (name, template) = self.cluster_file.as_ref()?;
        Some((name, template))
    }

    /// What the hosts install a stand-in for; nothing where they install the real thing.
    pub fn stand_in_for(&self) -> Option<&str> {
        self.stand_in_for.as_deref()
    }

    /// Who logs in.
    pub fn login(&self) -> &str {
        &self.login
    }

    /// All files by their paths.
    pub(crate) fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The Debian packages that are needed beyond the lab's own.
    pub(crate) fn packages(&self) -> &[String] {
        &self.packages
    }

    /// Host names that are the hub's.
    pub(crate) fn internet_names(&self) -> &[String] {
        &self.internet_names
    }

    /// Addresses that the hub has besides its gateway address.
    pub(crate) fn internet_addresses(&self) -> &[Ipv4Addr] {
        &self.internet_addresses
    }

    /// Folders of a host that must not lie on an overlay.
    pub(crate) fn plain_dirs(&self) -> &[String] {
        &self.plain_dirs
    }

    /// Whether the lab has an internet at all.
    pub(crate) fn has_internet(&self) -> bool {
        self.files.contains_key("internet/start.sh")
    }

    /// Whether a role has one host in every size, so that its host needs no number.
    pub(crate) fn is_single(&self, role: &str) -> bool {
        self.sizes
            .iter()
            .flat_map(|size| &size.roles)
            .all(|(name, count)| name != role || *count <= 1)
    }
}

fn wrong(path: &str, problem: &str) -> LabError {
    LabError::Data {
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

fn text(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Result<String, LabError> {
    let content = files.get(path).cloned().unwrap_or_default();
    String::from_utf8(content).map_err(|_| wrong(path, "is not UTF-8"))
}

/// The lines of a file without comments and blanks; a file that is not there has none.
fn lines(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Result<Vec<String>, LabError> {
    let content = text(files, path)?;
    let line = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    Ok(content
        .lines()
        .map(line)
        .filter(|line| !line.is_empty())
        .collect())
}

/// `NAME ROLE=COUNT ...`
fn size(line: &str) -> Result<LabSize, LabError> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default().to_owned();
    let mut roles: Vec<(String, u32)> = Vec::new();
    for word in words {
        let parsed = word
            .split_once('=')
            .and_then(|(role, count)| Some((role.to_owned(), count.parse().ok()?)));
        let Some((role, count)) = parsed else {
            return Err(wrong("sizes", &format!("{word} is not ROLE=COUNT")));
        };
        check_name("a role", &role).map_err(|error| wrong("sizes", &error.to_string()))?;
        if roles.iter().any(|(known, _)| *known == role) {
            return Err(wrong("sizes", &format!("{name} has the role {role} twice")));
        }
        roles.push((role, count));
    }
    let size = LabSize { name, roles };
    if size.hosts() == 0 || size.hosts() > MOST_HOSTS {
        let problem = format!("{} must have between 1 and {MOST_HOSTS} hosts", size.name);
        return Err(wrong("sizes", &problem));
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(more: &[(&str, &str)]) -> Result<LabData, LabError> {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (path, text) in [("login", "user\n"), ("sizes", "small one=1 two=2\n")]
            .iter()
            .chain(more)
        {
            files.insert((*path).to_owned(), text.as_bytes().to_vec());
        }
        LabData::read(files)
    }

    #[test]
    fn reads_lists_without_their_comments() {
        let data = data(&[
            (
                "packages",
                "# what hosts need\nnginx-light # the web\n\nlibc++1\n",
            ),
            ("internet/addresses", "169.254.169.254\n"),
            ("sizes", "small one=1 two=2\nlarge one=1 two=3 \n"),
            ("cluster.conf", "A={{ lab }}\n"),
            ("stand-in-for", "the product # and nothing else\n"),
        ])
        .unwrap();
        assert_eq!(data.packages(), ["nginx-light", "libc++1"]);
        assert_eq!(
            data.internet_addresses(),
            [Ipv4Addr::new(169, 254, 169, 254)]
        );
        assert_eq!(data.size("large").unwrap().hosts(), 4);
        assert!(data.is_single("one") && !data.is_single("two"));
        assert_eq!(data.cluster_file(), Some(("cluster.conf", "A={{ lab }}\n")));
        assert_eq!(data.stand_in_for(), Some("the product"));
        assert_eq!(
            data.size("huge").unwrap_err().to_string(),
            "a lab has no size huge; there are small, large"
        );
    }

    #[test]
    fn says_which_file_is_wrong() {
        for (path, text, says) in [
            ("packages", "--root", "--root is no package's name"),
            ("sizes", "small one", "one is not ROLE=COUNT"),
            ("sizes", "small One=1", "a role"),
            ("sizes", "small one=1 one=2", "twice"),
            ("sizes", "small one=0", "between 1 and"),
            ("sizes", "# none", "must hold a line"),
            ("login", "a\nb\n", "one line"),
            ("login", "Root", "no user's name"),
            ("plain-dirs", "/var/../etc", "no absolute path"),
            ("plain-dirs", "/", "no absolute path"),
            ("plain-dirs", "var", "no absolute path"),
            ("stand-in-for", "", "one line"),
            ("stand-in-for", "a\nb\n", "one line"),
            ("internet/names", "a b", "no host name"),
            ("internet/addresses", "::1", "no IPv4 address"),
            ("root/../x", "", "no path"),
        ] {
            let error = data(&[(path, text)]).unwrap_err().to_string();
            assert!(error.contains(path) && error.contains(says), "{error}");
        }
    }
}
