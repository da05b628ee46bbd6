//! Equal things said by many hosts are shown once, with the hosts.

use std::collections::BTreeMap;

use phalanx_plan::{HostName, PreparedPlan};

/// Stands for a host's own name and addresses in a text that many hosts share.
pub(crate) const PLACEHOLDER: &str = "HOST";

/// Knows every host's own names, to take them out of a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folding {
    names: BTreeMap<HostName, Vec<String>>,
}

impl Folding {
    /// For the hosts of a plan.
    pub(crate) fn new(plan: &PreparedPlan) -> Self {
        let names = plan.hosts.iter().map(|host| {
            let mut names = vec![host.name.to_string(), host.address.clone()];
            names.extend(host.private_address.clone());
            names.retain(|name| !name.is_empty());
            names.sort_by_key(|name| std::cmp::Reverse(name.len()));
            names.dedup();
            (host.name.clone(), names)
        });
        Self {
            names: names.collect(),
        }
    }

    /// `text` with the host's own name and addresses replaced.
    pub(crate) fn neutral(&self, host: &HostName, text: &str) -> String {
        let Some(names) = self.names.get(host) else {
            return replace_word(text, host.as_str());
        };
        names
            .iter()
            .fold(text.to_owned(), |text, name| replace_word(&text, name))
    }
}

/// Replaces `word` where it stands by itself: `10.0.0.1` is not in `10.0.0.12`.
fn replace_word(text: &str, word: &str) -> String {
    if word.is_empty() {
        return text.to_owned();
    }
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, from) = rest.split_at(at);
        let after = from.get(word.len()..).unwrap_or_default();
        out.push_str(before);
        let alone = !out.ends_with(part_of_word) && !after.starts_with(part_of_word);
        out.push_str(if alone { PLACEHOLDER } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `w1, w2, w3 and 4 more`: at most `most` by name.
pub fn host_list<'a>(hosts: impl IntoIterator<Item = &'a HostName>, most: usize) -> String {
    let hosts: Vec<&HostName> = hosts.into_iter().collect();
    // "and 1 more" would be longer than the one name.
    let shown = if hosts.len() <= most + 1 {
        hosts.len()
    } else {
        most
    };
    let mut text = hosts
        .iter()
        .take(shown)
        .map(|host| host.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    if hosts.len() > shown {
        text.push_str(&format!(" and {} more", hosts.len() - shown));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_replaced() {
        assert_eq!(
            replace_word("w1: w12 is not w1", "w1"),
            "HOST: w12 is not HOST"
        );
        assert_eq!(
            replace_word("10.0.0.12 10.0.0.1:22", "10.0.0.1"),
            "10.0.0.12 HOST:22"
        );
        assert_eq!(replace_word("x-w1 w1.log", "w1"), "x-w1 HOST.log");
        assert_eq!(replace_word("anything", ""), "anything");
        assert_eq!(replace_word("w1w1", "w1"), "w1w1");
    }

    #[test]
    fn long_lists_are_counted() {
        let hosts: Vec<HostName> = (1..=9).map(|n| HostName::new(format!("w{n}"))).collect();
        assert_eq!(host_list(&hosts[..3], 2), "w1, w2, w3");
        assert_eq!(host_list(&hosts, 2), "w1, w2 and 7 more");
        assert_eq!(host_list([], 2), "");
    }
}
