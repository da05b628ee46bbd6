//! The cluster file as YAML: `phalanx.yaml`.
//!
//! ```yaml
//! cluster: lab
//! recipe: small
//! release: 1.0.0
//! ssh: { user: admin, key: ~/.ssh/lab.pem }
//! hosts:
//!   - { name: leader1, role: leader, address: 192.0.2.10, private_address: 10.0.0.10 }
//!   - { role: worker, address: 192.0.2.11 }
//! settings:
//!   port: 9999
//! ```

mod hosts;
mod ssh;

#[cfg(test)]
pub(crate) use hosts::HOST_KEYS;
#[cfg(test)]
pub(crate) use ssh::SSH_KEYS;

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Cluster, Spanned};
use crate::cluster_checks::check_cluster_name;
use crate::problem::Problems;
use crate::read_context::ReadContext;
use crate::secret::Secret;
use crate::source::{SourceFile, Span};
use crate::suggest::did_you_mean;
use crate::yaml::{self, Fields, Node, Reader};

/// The keys of the file.
pub(crate) const FILE_KEYS: [&str; 7] = [
    "cluster", "recipe", "release", "ssh", "accept", "hosts", "settings",
];

/// Reads a cluster file of YAML. The cluster is `None` where the problems hold an error. Neither
/// the cluster's source nor the problems' show the text of a secret.
pub fn read_yaml(source: &SourceFile, context: &ReadContext<'_>) -> (Option<Cluster>, Problems) {
    let (cluster, problems) = read_yaml_in_part(source, context);
    (cluster.filter(|_| !problems.has_errors()), problems)
}

/// As [`read_yaml`], but gives of a file with errors what could be read: not to be planned with.
pub fn read_yaml_in_part(
    source: &SourceFile,
    context: &ReadContext<'_>,
) -> (Option<Cluster>, Problems) {
    let (root, problems) = yaml::read(source);
    let shown = source.without(&secret_places(source, context.secret_names));
    let mut reader = ClusterReader {
        reader: Reader { source, problems },
        context,
        shown: shown.clone(),
    };
    let cluster = root.as_ref().and_then(|root| reader.cluster(root));
    let mut problems = reader.reader.problems.shown_in(&shown);
    problems.sort();
    (cluster, problems)
}

/// The recipe that a cluster file of YAML names, before the file as a whole can be read: which
/// settings are secret is the recipe's to say.
pub fn peek_recipe(source: &SourceFile) -> Option<Spanned<String>> {
    let (root, _) = yaml::read(source);
    let root = root?;
    let node = root.get("recipe")?;
    let text = node.as_text(source).filter(|text| !text.is_empty())?;
    Some(Spanned {
        value: text.to_owned(),
        span: node.span,
    })
}

struct ClusterReader<'a> {
    reader: Reader<'a>,
    context: &'a ReadContext<'a>,
    /// The file without its secrets.
    shown: SourceFile,
}

impl ClusterReader<'_> {
    fn cluster(&mut self, root: &Node) -> Option<Cluster> {
        let fields = self.reader.fields(root, "the cluster file", &FILE_KEYS)?;
        let name = self.name(fields);
        let recipe = match fields.get("recipe") {
            Some(node) => self.reader.text(node, "`recipe`"),
            None => Some(Spanned {
                value: self.context.recipe.to_owned(),
                span: Span::default(),
            }),
        };
        let release = fields
            .get("release")
            .and_then(|node| self.reader.text(node, "`release`"));
        let ssh = ssh::read(&mut self.reader, self.context, fields.get("ssh"));
        let accept = fields
            .get("accept")
            .and_then(|node| self.reader.texts(node, "`accept`"))
            .unwrap_or_default();
        let (hosts, role_places) = hosts::read(&mut self.reader, fields, &ssh);
        let mut cluster = Cluster {
            source: self.shown.clone(),
            name: name?,
            recipe: recipe?,
            release,
            ssh,
            accept,
            hosts,
            role_places,
            settings: BTreeMap::new(),
            setting_places: BTreeMap::new(),
            secrets: BTreeMap::new(),
        };
        if let Some(settings) = fields.get("settings") {
            self.settings(settings, &mut cluster);
        }
        Some(cluster)
    }

    fn name(&mut self, fields: Fields<'_>) -> Option<Spanned<String>> {
        let Some(node) = fields.get("cluster") else {
            self.reader.missing(
                fields.node,
                "the cluster file",
                "cluster",
                "write the cluster's name: `cluster: my-cluster`",
            );
            return None;
        };
        let name = self.reader.text(node, "`cluster`")?;
        check_cluster_name(self.reader.source, &name, &mut self.reader.problems);
        Some(name)
    }

    fn settings(&mut self, node: &Node, cluster: &mut Cluster) {
        let Some(entries) = self.reader.map(node, "`settings`") else {
            return;
        };
        for (key, node) in entries {
            if node.is_null() {
                continue;
            }
            if self.context.secret_names.contains(&key.text) {
                let what = format!("the secret `{}`", key.text);
                if let Some(text) = self.reader.text(node, &what) {
                    let secret = Spanned {
                        value: Secret::new(text.value),
                        span: text.span,
                    };
                    cluster.secrets.insert(key.text.clone(), secret);
                }
                continue;
            }
            let name = key.text.replace('~', "~0").replace('/', "~1");
            for (pointer, span) in node.places() {
                cluster
                    .setting_places
                    .insert(format!("/{name}{pointer}"), span);
            }
            let setting = Spanned {
                value: node.to_json(),
                span: node.span,
            };
            cluster.settings.insert(key.text.clone(), setting);
        }
    }
}

/// Where the values of secrets stand. Found without the tree: a file that is no YAML shows them no
/// less.
fn secret_places(source: &SourceFile, names: &BTreeSet<String>) -> Vec<Span> {
    let mut places = Vec::new();
    if names.is_empty() {
        return places;
    }
    // How far the line is indented whose value goes on in the lines below.
    let mut open: Option<usize> = None;
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let content = line.trim_end();
        let indent = content.len() - content.trim_start().len();
        if open.is_some_and(|open| indent > open || content.is_empty()) {
            places.push(Span::new(start, start + content.len()));
        } else {
            open = secret_value(content, names).map(|offset| {
                places.push(Span::new(start + offset, start + content.len()));
                indent
            });
        }
        start += line.len();
    }
    places
}

/// Where in this line the value of a secret starts.
fn secret_value(line: &str, names: &BTreeSet<String>) -> Option<usize> {
    let named = names
        .iter()
        .filter_map(|name| {
            let found = line.find(name.as_str())? + name.len();
            let rest = line.get(found..)?;
            let colon = rest.find(|c: char| !matches!(c, '"' | '\'' | ' ' | '\t'))?;
            rest.get(colon..)?
                .starts_with(':')
                .then_some(found + colon + 1)
        })
        .min();
    // A key that was most likely meant to be one of them.
    let misspelt = || {
        let (key, _) = line.split_once(':')?;
        let key =
            key.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | '-'));
        did_you_mean(key, names.iter().map(String::as_str))?;
        line.find(':').map(|colon| colon + 1)
    };
    named.or_else(misspelt)
}

#[cfg(test)]
mod tests;
