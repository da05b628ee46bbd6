//! The machine's own Debian packages: its apt sources, in both formats, without what others added.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{LabError, at};

/// The components of a Debian or Ubuntu archive that hosts are made of. Archives of other makers have
/// none of these names, mostly.
const COMPONENTS: [&str; 2] = ["main", "universe"];

/// The release of the machine's distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Distribution {
    /// `debian`, `ubuntu`.
    pub(crate) id: String,
    /// `bookworm`, `noble`.
    pub(crate) codename: String,
}

impl Distribution {
    /// What this machine runs.
    ///
    /// # Errors
    /// It is none that is made of Debian packages.
    pub(crate) fn of_this_machine() -> Result<Self, LabError> {
        let file = Path::new("/etc/os-release");
        let text = fs::read_to_string(file).unwrap_or_default();
        Self::parse(&text).ok_or_else(|| LabError::Unsupported {
            what: format!(
                "the hosts of a lab are made of this machine's Debian packages, and {} names neither \
                 Debian nor Ubuntu",
                file.display()
            ),
        })
    }

    fn parse(os_release: &str) -> Option<Self> {
        let value = |name: &str| {
            os_release.lines().find_map(|line| {
                let value = line.strip_prefix(name)?.strip_prefix('=')?;
                Some(value.trim_matches(['"', '\'']).to_owned())
            })
        };
        let id = value("ID")?;
        let codename = value("VERSION_CODENAME")?;
        ["debian", "ubuntu"]
            .contains(&id.as_str())
            .then_some(Self { id, codename })
    }
}

/// The machine's sources of its own distribution's release, as one file in the deb822 format.
///
/// # Errors
/// There are none.
pub(crate) fn of_this_machine(distribution: &Distribution) -> Result<String, LabError> {
    let mut sources = String::new();
    for path in files()? {
        let text = at("reading", &path, fs::read_to_string(&path))?;
        let deb822 = path
            .extension()
            .is_some_and(|extension| extension == "sources");
        sources.push_str(&if deb822 {
            stanzas(&text, &distribution.codename)
        } else {
            one_line_entries(&text, &distribution.codename)
        });
    }
    if sources.is_empty() {
        return Err(LabError::Unsupported {
            what: format!(
                "neither /etc/apt/sources.list nor /etc/apt/sources.list.d has the packages of {} {}, of \
                 which the hosts of a lab are made; add its archive there",
                distribution.id, distribution.codename
            ),
        });
    }
    Ok(sources)
}

fn files() -> Result<Vec<PathBuf>, LabError> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let folder = Path::new("/etc/apt/sources.list.d");
    if folder.is_dir() {
        for entry in at("reading", folder, fs::read_dir(folder))? {
            files.push(at("reading", folder, entry)?.path());
        }
    }
    files.retain(|path| {
        let kind = path.extension().and_then(|extension| extension.to_str());
        path.is_file() && matches!(kind, Some("list" | "sources"))
    });
    files.sort_unstable();
    Ok(files)
}

/// Whether a suite is the release itself, or its updates.
fn is_wanted(suite: &str, codename: &str) -> bool {
    let suite = suite.trim_end_matches('/');
    suite
        .strip_prefix(codename)
        .is_some_and(|rest| matches!(rest, "" | "-updates" | "-security" | "/updates"))
}

fn wanted<'a>(words: impl Iterator<Item = &'a str>, want: impl Fn(&str) -> bool) -> String {
    let words: Vec<&str> = words.filter(|word| want(word)).collect();
    words.join(" ")
}

fn is_component(word: &str) -> bool {
    COMPONENTS.contains(&word)
}

/// `deb [OPTION=VALUE ...] URI SUITE COMPONENT...`
fn one_line_entries(text: &str, codename: &str) -> String {
    let mut stanzas = String::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(rest) = line
            .strip_prefix("deb")
            .filter(|rest| rest.starts_with([' ', '\t', '[']))
        else {
            continue;
        };
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').unwrap_or((rest, "")),
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let components = wanted(words, is_component);
        if !is_wanted(suite, codename) || components.is_empty() {
            continue;
        }
        stanzas.push_str(&format!(
            "Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {components}\n"
        ));
        for (name, value) in options
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
        {
            let field = match name {
                "signed-by" => "Signed-By",
                "trusted" => "Trusted",
                "check-valid-until" => "Check-Valid-Until",
                _ => continue,
            };
            stanzas.push_str(&format!("{field}: {value}\n"));
        }
        stanzas.push('\n');
    }
    stanzas
}

/// Fields, one to a line or going on in lines that begin with a blank; stanzas, with empty lines between.
fn stanzas(text: &str, codename: &str) -> String {
    let mut kept = String::new();
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for stanza in text.split(|line| line.trim().is_empty()) {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let mut disabled = false;
        let mut stanza = "Types: deb\n".to_owned();
        let mut complete = 0;
        for (name, value) in &fields {
            let (field, value) = match name.as_str() {
                "types" if !value.split_whitespace().any(|kind| kind == "deb") => {
                    disabled = true;
                    continue;
                }
                "enabled" if value.eq_ignore_ascii_case("no") => {
                    disabled = true;
                    continue;
                }
                "uris" => ("URIs", value.clone()),
                "suites" => (
                    "Suites",
                    wanted(value.split_whitespace(), |suite| is_wanted(suite, codename)),
                ),
                "components" => ("Components", wanted(value.split_whitespace(), is_component)),
                "signed-by" => ("Signed-By", value.clone()),
                "trusted" => ("Trusted", value.clone()),
                "check-valid-until" => ("Check-Valid-Until", value.clone()),
                _ => continue,
            };
            if matches!(field, "URIs" | "Suites" | "Components") && !value.is_empty() {
                complete += 1;
            }
            // A value that goes on in further lines begins with the first of them.
            let blank = if value.starts_with('\n') { "" } else { " " };
            stanza.push_str(&format!("{field}:{blank}{value}\n"));
        }
        if complete == 3 && !disabled {
            kept.push_str(&stanza);
            kept.push('\n');
        }
    }
    kept
}

/// Of what `apt-config dump` says, how packages are fetched: proxies, certificates, retries.
pub(crate) fn fetching(dump: &str) -> String {
    let kept = dump.lines().filter(|line| {
        [
            "Acquire::http",
            "Acquire::https",
            "Acquire::Check-",
            "Acquire::Retries",
            "Acquire::Force",
        ]
        .iter()
        .any(|prefix| line.starts_with(prefix))
    });
    kept.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZA: &str = "Types: deb\nURIs: http://archive.example/debian\nSuites: bookworm \
                          bookworm-updates\nComponents: main\nSigned-By: /usr/share/keyrings/k.gpg\n\n";

    #[test]
    fn stanzas_keep_the_release_and_lose_the_rest() {
        let text = "# a comment\nTypes: deb deb-src\n# within\nURIs: http://archive.example/debian\n\
                    Suites: bookworm bookworm-updates bookworm-backports\n\
                    Components: main contrib\nSigned-By: /usr/share/keyrings/k.gpg\n\n\
                    Types: deb\nURIs: http://other.example\nSuites: stable\nComponents: main\n\n\
                    Types: deb\nURIs: http://other.example\nSuites: bookworm\nComponents: stable\n\n\
                    Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n\n\
                    Types: deb-src\nURIs: http://src.example\nSuites: bookworm\nComponents: main\n";
        assert_eq!(stanzas(text, "bookworm"), STANZA);
        // What was kept is kept as it is.
        assert_eq!(stanzas(STANZA, "bookworm"), STANZA);
    }

    #[test]
    fn a_key_inside_a_stanza_stays_whole() {
        let text = "Types: deb\nURIs: http://a.example\nSuites: noble-security\nComponents: main universe\n\
                    Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n -----END PGP\n\n";
        assert_eq!(stanzas(text, "noble"), text);
    }

    #[test]
    fn one_line_entries_become_stanzas() {
        let text = "deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian bookworm main non-free # x\n\
                    deb-src http://a.example/debian bookworm main\n\
                    #deb http://b.example bookworm main\n\
                    deb http://c.example/apt sdk-bookworm main\n\
                    deb\thttp://d.example bookworm/updates main\n";
        assert_eq!(
            one_line_entries(text, "bookworm"),
            "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main\n\
             Signed-By: /k.gpg\n\n\
             Types: deb\nURIs: http://d.example\nSuites: bookworm/updates\nComponents: main\n\n"
        );
    }

    #[test]
    fn knows_the_distribution() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(
            Distribution::parse(debian),
            Some(Distribution {
                id: "debian".into(),
                codename: "bookworm".into()
            })
        );
        assert_eq!(Distribution::parse("ID=\"rocky\"\nVERSION_ID=9\n"), None);
    }

    #[test]
    fn the_proxy_stays_and_hooks_do_not() {
        let dump = "Acquire::http::Proxy \"http://proxy.example:3128\";\nDPkg::Post-Invoke:: \"x\";\n\
                    Acquire::IndexTargets \"\";\nAcquire::Retries \"3\";\n";
        assert_eq!(
            fetching(dump),
            "Acquire::http::Proxy \"http://proxy.example:3128\";\nAcquire::Retries \"3\";\n"
        );
    }
}
