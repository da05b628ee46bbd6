//! Small recipes and clusters for tests.

use std::collections::BTreeMap;

use crate::cluster::{Cluster, Host, Spanned, SshSettings};
use crate::ix::{HostIx, StageIx};
use crate::problem::Problems;
use crate::recipe::{Recipe, RecipeFiles};
use crate::secret::Secret;
use crate::source::{SourceFile, Span};
use crate::yaml;

/// A recipe's files. Scripts that are named in `recipe.yaml` and not given do nothing.
pub(crate) fn files(given: &[(&str, &str)]) -> RecipeFiles {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (_, text) in given {
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "/.-_".contains(c))) {
            if word.starts_with("scripts/") && word.ends_with(".sh") && !word.contains("none") {
                files.insert(word.to_owned(), b"true\n".to_vec());
            }
        }
    }
    for (path, text) in given {
        files.insert((*path).to_owned(), text.as_bytes().to_vec());
    }
    RecipeFiles::new("r", files)
}

/// What is wrong with a recipe of these files.
pub(crate) fn lint(given: &[(&str, &str)]) -> String {
    let (recipe, problems) = Recipe::read(&files(given));
    assert_eq!(recipe.is_none(), problems.has_errors());
    check_places(&problems);
    problems.to_plain_text()
}

/// A recipe that must be without error.
pub(crate) fn recipe(given: &[(&str, &str)]) -> Recipe {
    let (recipe, problems) = Recipe::read(&files(given));
    assert!(!problems.has_errors(), "{}", problems.to_plain_text());
    recipe.expect("a recipe")
}

/// Every label lies in its file's text.
pub(crate) fn check_places(problems: &Problems) {
    for problem in problems.iter() {
        for label in &problem.labels {
            let source = problem.source.as_ref().expect("a label has a file");
            let part = source.text().get(label.span.start..label.span.end);
            assert!(part.is_some(), "{problem}: {:?}", label.span);
        }
    }
}

/// A cluster of hosts and settings, written as
///
/// ```yaml
/// release: 1.8.8
/// hosts: { m1: leader, m2: leader }
/// settings: { port: 80 }
/// secrets: { password: x }
/// ```
///
/// The hosts' addresses are 10.0.0.1, 10.0.0.2 and so on, m1's label is `first`.
pub(crate) fn cluster(text: &str) -> Cluster {
    let source = SourceFile::new("cluster.yaml", text);
    let (root, problems) = yaml::read(&source);
    assert_eq!(problems.to_plain_text(), "");
    let root = root.expect("a mapping");
    let entries = |key: &str| {
        let map = root.get(key).and_then(yaml::Node::as_map);
        map.unwrap_or_default().to_vec()
    };
    let spanned = |value: String, span: Span| Spanned { value, span };
    let hosts = entries("hosts")
        .iter()
        .enumerate()
        .map(|(at, (name, role))| Host {
            name: Spanned {
                value: name.text.as_str().into(),
                span: name.span,
            },
            role: Spanned {
                value: role.as_text(&source).expect("a role").into(),
                span: role.span,
            },
            address: spanned(format!("54.0.{}.{}", at / 250, at % 250 + 1), name.span),
            private_address: (at % 2 == 0)
                .then(|| spanned(format!("10.0.{}.{}", at / 250, at % 250 + 1), name.span)),
            labels: (at == 0).then(|| "first".to_owned()).into_iter().collect(),
            ssh: SshSettings::default(),
            span: name.span,
        })
        .collect();
    let mut setting_places = BTreeMap::new();
    if let Some(settings) = root.get("settings") {
        setting_places.extend(settings.places());
    }
    Cluster {
        name: spanned("test".into(), Span::default()),
        recipe: spanned("r".into(), Span::default()),
        release: root.get("release").map(|node| Spanned {
            value: node.as_text(&source).expect("a release").to_owned(),
            span: node.span,
        }),
        ssh: SshSettings::default(),
        hosts,
        accept: Vec::new(),
        role_places: BTreeMap::new(),
        settings: entries("settings")
            .into_iter()
            .map(|(name, node)| {
                let value = node.to_json();
                let span = node.span;
                (name.text, Spanned { value, span })
            })
            .collect(),
        setting_places,
        setting_names: entries("settings")
            .into_iter()
            .chain(entries("secrets"))
            .map(|(name, _)| (name.text, name.span))
            .collect(),
        secrets: entries("secrets")
            .into_iter()
            .map(|(name, node)| {
                let value = Secret::new(node.as_text(&source).expect("a text"));
                let span = node.span;
                (name.text, Spanned { value, span })
            })
            .collect(),
        source,
    }
}

/// A host by its place.
pub(crate) fn host(place: usize) -> HostIx {
    HostIx::new(place)
}

/// A stage by its place.
pub(crate) fn stage(place: usize) -> StageIx {
    StageIx::new(place)
}
