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
mod shown;
mod ssh;

pub use shown::shown;

#[cfg(test)]
pub(crate) use hosts::HOST_KEYS;
#[cfg(test)]
pub(crate) use ssh::SSH_KEYS;

use std::collections::BTreeMap;

use crate::cluster::{Cluster, Spanned};
use crate::cluster_checks::check_cluster_name;
use crate::problem::Problems;
use crate::read_context::ReadContext;
use crate::secret::Secret;
use crate::shown_settings::ShownSettings;
use crate::source::{SourceFile, Span};
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
    let shown = shown(source, context.settings);
    let (root, problems) = yaml::read_shown_as(source, &shown);
    let mut reader = ClusterReader {
        reader: Reader {
            source,
            shown: shown.clone(),
            problems,
        },
        context,
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
    // One that a quote elsewhere made long is told by the reader.
    let shown = shown(source, &ShownSettings::default());
    let node = Some(node).filter(|node| shown.slice(node.span) == source.slice(node.span))?;
    let text = node.as_text(source).filter(|text| !text.is_empty())?;
    Some(Spanned {
        value: text.to_owned(),
        span: node.span,
    })
}

struct ClusterReader<'a> {
    reader: Reader<'a>,
    context: &'a ReadContext<'a>,
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
            source: self.reader.shown.clone(),
            name: name?,
            recipe: recipe?,
            release,
            ssh,
            accept,
            hosts,
            role_places,
            settings: BTreeMap::new(),
            setting_places: BTreeMap::new(),
            setting_names: BTreeMap::new(),
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
            cluster.setting_names.insert(key.text.clone(), key.span);
            if self.context.settings.is_secret(&key.text) {
                let what = format!("the secret `{}`", key.text);
                if let Some(text) = self.reader.any_text(node, &what) {
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

#[cfg(test)]
mod tests;
