//! Reading the files that `recipe.yaml` names for what hosts do not see: releases, causes, and what a `cluster.conf` means.

use std::collections::BTreeMap;

use super::Role;
use super::causes_file;
use super::reader::RecipeReader;
use crate::cause::Cause;
use crate::cluster::Spanned;
use crate::cluster_conf::{ConfMapping, Meaning};
use crate::naming::unknown;
use crate::settings::SettingsLine;
use crate::source::{SourceFile, Span};
use crate::yaml::{self, Fields, Kind, Node, Reader};

/// Of each release, names and texts.
type ReleaseValues = BTreeMap<String, BTreeMap<String, String>>;

impl RecipeReader<'_> {
    /// The releases, and what is known of each: a list of names, or a file that says more.
    pub(super) fn releases(&mut self, fields: Fields<'_>) -> (Vec<Spanned<String>>, ReleaseValues) {
        self.unread.releases = Self::is_misspelt(fields, "releases");
        let Some(node) = fields.get("releases") else {
            return Default::default();
        };
        if matches!(node.kind, Kind::Text(_)) {
            let read = self.releases_file(node);
            self.unread.releases = read.is_none();
            return read.unwrap_or_default();
        }
        self.unread.releases = node.as_list().is_none();
        let items = self.yaml.list(node, "`releases`").unwrap_or_default();
        let texts = items.iter();
        let texts = texts.filter_map(|item| self.yaml.text(item, "a release"));
        (texts.collect(), ReleaseValues::new())
    }

    /// A file of the recipe: releases, and of each names and texts.
    fn releases_file(&mut self, node: &Node) -> Option<(Vec<Spanned<String>>, ReleaseValues)> {
        let path = self
            .files
            .named(&mut self.yaml, node, "`releases`", "file")?;
        let source = self.files.text(&path)?.ok()?;
        let (root, problems) = yaml::read(&source);
        let mut reader = Reader::after(&source, problems);
        let mut releases = Vec::new();
        let mut all = ReleaseValues::new();
        let root = root.as_ref();
        let Some(entries) = root.and_then(|root| reader.map(root, "the releases")) else {
            self.yaml.problems.extend(reader.problems);
            return None;
        };
        for (release, node) in entries {
            let what = format!("the release `{}`", release.text.escape_debug());
            let mut values = BTreeMap::new();
            for (name, node) in reader.map(node, &what).unwrap_or_default() {
                if let Some(text) = reader.text(node, &format!("`{}`", name.text.escape_debug())) {
                    values.insert(name.text.clone(), text.value);
                }
            }
            releases.push(Spanned {
                value: release.text.clone(),
                span: release.span,
            });
            all.insert(release.text.clone(), values);
        }
        self.yaml.problems.extend(reader.problems);
        Some((releases, all))
    }

    pub(super) fn causes(&mut self, fields: Fields<'_>) -> Option<Vec<Cause>> {
        let path = self
            .files
            .named(&mut self.yaml, fields.get("causes")?, "`causes`", "file")?;
        let source = self.files.text(&path)?.ok()?;
        let (causes, problems) = causes_file::read(&source);
        self.yaml.problems.extend(problems);
        Some(causes)
    }

    pub(super) fn cluster_conf(
        &mut self,
        fields: Fields<'_>,
        roles: &[Role],
        settings: &[SettingsLine],
    ) -> Option<ConfMapping> {
        let path = self.files.named(
            &mut self.yaml,
            fields.get("cluster_conf")?,
            "`cluster_conf`",
            "file",
        )?;
        let source = self.files.text(&path)?.ok()?;
        let (mapping, problems) = ConfMapping::read(&source);
        self.yaml.problems.extend(problems);
        let mapping = mapping?;
        for name in &mapping.names {
            let at = |value: &str| Spanned {
                value: value.to_owned(),
                span: place_in_mapping(&source, &name.name, value),
            };
            match &name.meaning {
                Meaning::Addresses(role) | Meaning::PrivateAddresses(role)
                    if !self.unread.roles && !roles.iter().any(|known| known.name == *role) =>
                {
                    self.yaml.problems.push(unknown(
                        &source,
                        &at(role.as_str()),
                        "role",
                        roles.iter().map(|role| role.name.as_str()),
                    ));
                }
                Meaning::Setting { name: setting, .. } | Meaning::Secret(setting) => {
                    let known = || {
                        settings
                            .iter()
                            .flat_map(SettingsLine::properties)
                            .map(|(name, _)| name)
                    };
                    if !self.unread.settings && !known().any(|known| known == setting) {
                        let problem = unknown(&source, &at(setting), "setting", known());
                        self.yaml.problems.push(problem);
                    }
                }
                _ => {}
            }
        }
        Some(mapping)
    }
}

/// Where the mapping says that the name means `value`. It keeps no places itself: names and what they mean stand in
/// the file as they are.
fn place_in_mapping(source: &SourceFile, name: &str, value: &str) -> Span {
    let text = source.text();
    let start = text.find(name).unwrap_or_default();
    let behind = start + name.len();
    let rest = text.get(behind..).unwrap_or_default();
    let entry = rest
        .get(..rest.find("\n  ").unwrap_or(rest.len()))
        .unwrap_or_default();
    match entry.find(value) {
        Some(at) => Span::new(behind + at, behind + at + value.len()),
        None => Span::new(start, behind),
    }
}
