//! Reading the files that a stage brings to hosts.

use super::flows::FlowReader;
use super::foreign;
use crate::cluster::Spanned;
use crate::naming::unknown;
use crate::source::Span;
use crate::stage_parts::{PutSource, PutStep};
use crate::yaml::{Kind, Node};

impl FlowReader<'_, '_> {
    pub(super) fn put(&mut self, node: &Node) -> (Vec<Spanned<PutStep>>, Vec<Span>) {
        let items = match &node.kind {
            Kind::Map(_) => std::slice::from_ref(node),
            _ => self.yaml.list(node, "`put`").unwrap_or_default(),
        };
        items.iter().filter_map(|item| self.put_step(item)).unzip()
    }

    /// A setting whose value is the path of a file on the operator's machine.
    fn upload(&mut self, node: &Node) -> Option<PutSource> {
        let setting = self.yaml.text(node, "`upload`")?;
        let mut lines = self.settings.iter();
        if !self.unread.settings
            && !lines.any(|line| line.properties().any(|(name, _)| name == setting.value))
        {
            let lines = self.settings.iter();
            let known = lines.flat_map(|line| line.properties().map(|(name, _)| name));
            let problem = unknown(self.yaml.source, &setting, "setting", known);
            self.yaml.problems.push(problem);
        }
        // Which files of the operator's machine are read is for the operator to say.
        let with_default = self.settings.iter().find(|line| {
            line.properties()
                .any(|(name, schema)| name == setting.value && schema.get("default").is_some())
        });
        if let Some(line) = with_default {
            self.yaml.error(
                "recipe::upload-default",
                setting.span,
                format!(
                    "the setting `{}` has a default in {}, and names a file of the operator's machine",
                    setting.value,
                    line.source.name()
                ),
                "only the cluster file may name it",
                "remove the default: without a value, nothing is uploaded",
            );
        }
        Some(PutSource::Upload(setting.value))
    }

    fn put_step(&mut self, item: &Node) -> Option<(Spanned<PutStep>, Span)> {
        let known = ["file", "template", "upload", "to", "mode", "owner"];
        let fields = self
            .yaml
            .fields_or(item, "a file to put", &known, foreign::of_a_put)?;
        let (comes_by_other_name, goes_by_other_name) = foreign::put_by_other_names(item);
        let sources = ["file", "template", "upload"].map(|name| fields.get(name));
        let source = match sources {
            [Some(node), None, None] => self
                .files
                .named(self.yaml, node, "`file`", "file")
                .map(PutSource::File),
            [None, None, Some(node)] => self.upload(node),
            [None, Some(node), None] => self
                .files
                .named(self.yaml, node, "`template`", "template")
                .map(PutSource::Template),
            [None, None, None] if comes_by_other_name => None,
            _ => {
                self.yaml.error(
                    "recipe::put-source",
                    item.span,
                    "a file to put needs one of `file`, `template` and `upload`",
                    "one of the three",
                    "`file` is brought as it stands, `template` is rendered for each host, `upload` names a setting with a path",
                );
                None
            }
        };
        let mode = fields.get("mode").map(|node| self.mode(node));
        let owner = fields.get("owner").map(|node| self.owner(node));
        if fields.get("to").is_none() && goes_by_other_name {
            return None;
        }
        let Some(to) = fields.get("to") else {
            self.yaml.missing(
                item,
                "a file to put",
                "to",
                "say where it goes: `to: /etc/example.conf`",
            );
            return None;
        };
        let to = self.yaml.text(to, "`to`")?;
        if !to.value.starts_with('/') && !to.value.starts_with("{{") {
            self.yaml.error(
                "recipe::put-path",
                to.span,
                format!("`{}` is no absolute path", to.value.escape_debug()),
                "must begin with `/`",
                match to.value.starts_with(['~', '.', '$']) {
                    true => "write the whole path, such as `/etc/example.conf`: nothing stands for a folder here".to_owned(),
                    false => format!("write `/{}`", to.value),
                },
            );
        } else if to.value.ends_with('/') {
            self.yaml.error(
                "recipe::put-path",
                to.span,
                format!("`{}` names a folder", to.value.escape_debug()),
                "ends with `/`",
                "write the file's name too",
            );
        }
        let step = PutStep {
            source: source?,
            path: to.value,
            mode: match mode {
                Some(mode) => mode?,
                None => 0o644,
            },
            owner: match owner {
                Some(owner) => Some(owner?),
                None => None,
            },
        };
        let step = Spanned {
            value: step,
            span: item.span,
        };
        Some((step, to.span))
    }

    fn mode(&mut self, node: &Node) -> Option<u32> {
        // What was written counts: unquoted, 0644 would be the number 644.
        let mode = node
            .as_text(self.yaml.source)
            .filter(|text| (3..=4).contains(&text.len()))
            .and_then(|text| u32::from_str_radix(text, 8).ok());
        if mode.is_none() {
            self.yaml.expected(
                node,
                "`mode`",
                "three or four octal digits, such as `\"0644\"`",
            );
        }
        mode
    }

    fn owner(&mut self, node: &Node) -> Option<String> {
        let owner = self.yaml.text(node, "`owner`")?;
        let good = owner.value.split(':').count() <= 2 && owner.value.split(':').all(is_account);
        if !good {
            self.yaml.expected(
                node,
                "`owner`",
                "`user` or `user:group`, such as `root:root`",
            );
        }
        good.then_some(owner.value)
    }
}

/// Whether `name` can be a user or a group: also a number.
fn is_account(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
}
