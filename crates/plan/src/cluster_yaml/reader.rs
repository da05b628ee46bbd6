//! From the tree of a cluster file to a cluster.

use std::collections::BTreeMap;

use super::keys::FILE_KEYS;
use super::{hosts, ssh};
use crate::cluster::{Cluster, Spanned};
use crate::cluster_checks::check_cluster_name;
use crate::read_context::ReadContext;
use crate::secret::Secret;
use crate::source::Span;
use crate::yaml::{Fields, Node, Reader};

/// Takes a cluster out of the tree, and collects what is wrong with it.
pub(super) struct ClusterReader<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) context: &'a ReadContext<'a>,
}

impl ClusterReader<'_> {
    pub(super) fn cluster(&mut self, root: &Node) -> Option<Cluster> {
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
