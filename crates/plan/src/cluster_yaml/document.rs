//! A cluster file of YAML, parsed once: which recipe it names is asked before it can be read as a whole, since which
//! settings are secret is the recipe's to say.

use super::reader::ClusterReader;
use super::shown;
use crate::cluster::{Cluster, Spanned};
use crate::problem::Problems;
use crate::read_context::ReadContext;
use crate::shown_settings::ShownSettings;
use crate::source::SourceFile;
use crate::yaml::{self, Parsed, Reader};

/// A cluster file of YAML that was parsed.
pub struct Document<'a> {
    source: &'a SourceFile,
    parsed: Parsed<'a>,
}

/// Parses a cluster file of YAML. One that is none is a document as well: what is wrong with it is told when it is read.
pub fn parse(source: &SourceFile) -> Document<'_> {
    Document {
        source,
        parsed: Parsed::of(source.text()),
    }
}

/// Parses and reads a cluster file, for whoever knows its recipe: see [`Document::read`].
pub fn read_yaml(source: &SourceFile, context: &ReadContext<'_>) -> (Option<Cluster>, Problems) {
    parse(source).read(context)
}

impl Document<'_> {
    /// The file without all that may be a secret. Every place in it stays where it is.
    pub fn shown(&self, settings: &ShownSettings) -> SourceFile {
        shown::shown(self.source, &self.parsed, settings)
    }

    /// The recipe that the file names.
    pub fn recipe(&self) -> Option<Spanned<String>> {
        let (root, _) = yaml::read_parsed(self.source, &self.parsed, self.source);
        let root = root?;
        let node = root.get("recipe")?;
        // One that a quote elsewhere made long is told by the reader.
        let shown = self.shown(&ShownSettings::default());
        let node = Some(node).filter(|node| !self.source.hidden_in(&shown, node.span))?;
        let text = node.as_text(self.source).filter(|text| !text.is_empty())?;
        Some(Spanned {
            value: text.to_owned(),
            span: node.span,
        })
    }

    /// Reads the cluster. It is `None` where the problems hold an error. Neither the cluster's source nor the problems'
    /// show the text of a secret.
    pub fn read(&self, context: &ReadContext<'_>) -> (Option<Cluster>, Problems) {
        let (cluster, problems) = self.read_in_part(context);
        (cluster.filter(|_| !problems.has_errors()), problems)
    }

    /// As [`Document::read`], but gives of a file with errors what could be read: not to be planned with.
    pub fn read_in_part(&self, context: &ReadContext<'_>) -> (Option<Cluster>, Problems) {
        let shown = self.shown(context.settings);
        let (root, problems) = yaml::read_parsed(self.source, &self.parsed, &shown);
        let mut reader = ClusterReader {
            reader: Reader {
                source: self.source,
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
}
