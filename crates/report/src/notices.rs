//! Notices that are held back a moment, so that what many hosts say at the same time is one line.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anstyle::Style;
use phalanx_plan::{HostName, PreparedPlan, StageId, TaskId};

use crate::folding::{Folding, host_list};
use crate::terminal_text::harmless;

/// Equal notices that come within this time are one.
const FOLD_MS: u64 = 1_000;
/// More than so many different ones are not held.
const MOST: usize = 500;

/// What is held back.
pub(crate) struct HeldNotices {
    folding: Folding,
    /// The hosts' places in the plan.
    notices: Vec<Notice>,
    /// The notices' places, by what makes two of them equal.
    places: HashMap<Key, usize>,
    since: u64,
}

/// Word, subject and neutral text.
type Key = (&'static str, String, String);

/// Something that a host says.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) word: &'static str,
    pub(crate) style: Style,
    pub(crate) subject: Option<&'a StageId>,
    pub(crate) host: &'a HostName,
    pub(crate) text: &'a str,
    pub(crate) advice: Option<&'a str>,
}

/// Something that one or more hosts say.
pub(crate) struct Notice {
    pub(crate) word: &'static str,
    pub(crate) style: Style,
    /// Stands before the hosts: the stage, or nothing.
    subject: String,
    /// What is said, the host's own names taken out: what makes two notices equal.
    neutral: String,
    /// What the first host said.
    text: String,
    pub(crate) advice: Option<String>,
    hosts: Vec<HostName>,
}

impl<'a> Said<'a> {
    pub(crate) fn of_host(
        word: &'static str,
        style: Style,
        host: &'a HostName,
        text: &'a str,
    ) -> Self {
        Self {
            word,
            style,
            subject: None,
            host,
            text,
            advice: None,
        }
    }

    pub(crate) fn of_task(
        word: &'static str,
        style: Style,
        task: &'a TaskId,
        text: &'a str,
    ) -> Self {
        Self {
            subject: Some(&task.stage),
            ..Self::of_host(word, style, &task.host, text)
        }
    }
}

impl HeldNotices {
    pub(crate) fn new(plan: &PreparedPlan) -> Self {
        Self {
            folding: Folding::new(plan),
            notices: Vec::new(),
            places: HashMap::new(),
            since: 0,
        }
    }

    pub(crate) fn add(&mut self, now: u64, said: Said<'_>) {
        let Said {
            word,
            style,
            subject,
            host,
            text,
            advice,
        } = said;
        let subject = subject.map(ToString::to_string).unwrap_or_default();
        if self.notices.is_empty() {
            self.since = now;
        }
        let neutral = self.folding.neutral(host, text);
        match self.places.entry((word, subject, neutral)) {
            Entry::Occupied(known) => {
                if let Some(known) = self.notices.get_mut(*known.get()) {
                    known.hosts.push(host.clone());
                }
            }
            Entry::Vacant(new) => {
                let (_, subject, neutral) = new.key().clone();
                new.insert(self.notices.len());
                self.notices.push(Notice {
                    word,
                    style,
                    subject,
                    neutral,
                    text: text.to_owned(),
                    advice: advice.map(str::to_owned),
                    hosts: vec![host.clone()],
                });
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    /// Since when the oldest is held.
    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    /// Whether they have been held long enough, or are too many to find equal ones among.
    pub(crate) fn is_ripe(&self, now: u64) -> bool {
        let is_old = now.saturating_sub(self.since) >= FOLD_MS;
        !self.is_empty() && (is_old || self.notices.len() >= MOST)
    }

    /// All of them, each one's hosts in the plan's order. A failed host takes its later stages with it: stages that did not run on the
    /// same hosts are one notice, with the first one's reason.
    pub(crate) fn take(&mut self, plan: &PreparedPlan) -> Vec<Notice> {
        let mut joined: Vec<Notice> = Vec::new();
        let mut not_run: HashMap<Vec<HostName>, usize> = HashMap::new();
        self.places.clear();
        for mut next in std::mem::take(&mut self.notices) {
            next.hosts.sort_by_key(|host| plan.host_ix(host));
            let before = match next.word {
                "not run" => not_run.get(&next.hosts).and_then(|at| joined.get_mut(*at)),
                _ => None,
            };
            match before {
                Some(before) => {
                    before.subject.push_str(", ");
                    before.subject.push_str(&next.subject);
                }
                None => {
                    if next.word == "not run" {
                        not_run.insert(next.hosts.clone(), joined.len());
                    }
                    joined.push(next);
                }
            }
        }
        joined
    }
}

impl Notice {
    /// `join on w1, w2: it waits for serve`, at most `named` hosts by name.
    pub(crate) fn words(&self, named: usize) -> String {
        let mut words = self.subject.clone();
        if !words.is_empty() {
            words.push_str(" on ");
        }
        words.push_str(&host_list(&self.hosts, named));
        let text = if self.hosts.len() == 1 {
            &self.text
        } else {
            &self.neutral
        };
        if !text.is_empty() {
            words.push_str(": ");
            words.push_str(&harmless(text));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_more_are_held_than_equal_ones_can_be_found_among() {
        let plan =
            serde_json::from_str(include_str!("../../../fuzz/seeds/plan/plan.json")).unwrap();
        let plan = PreparedPlan::new(plan);
        let mut held = HeldNotices::new(&plan);
        let host = HostName::from("w1");
        let mut most = 0;
        for number in 0..5_000 {
            if held.is_ripe(0) {
                most = most.max(held.take(&plan).len());
            }
            let text = format!("notice {number}");
            held.add(0, Said::of_host("note", Style::new(), &host, &text));
        }
        assert_eq!(most, MOST);
    }
}
