//! Where the facts of hosts that take no part are from, in words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use phalanx_plan::sentence::count;
use phalanx_plan::{HostName, PreparedPlan};

use crate::data::NoticeReport;
use crate::folding::host_list;
use crate::terminal_text::harmless;

/// So many hosts are named.
const NAMED: usize = 8;

/// Facts that are from one run, of hosts of which it told the same ones.
struct Source<'p> {
    facts: BTreeSet<&'p str>,
    run: &'p str,
    /// When the first of them was told.
    told_ms: i64,
    hosts: Vec<HostName>,
}

fn sources(plan: &PreparedPlan) -> Vec<Source<'_>> {
    let mut sources: Vec<Source<'_>> = Vec::new();
    // In the cluster file's order.
    for host in plan.left_out() {
        let mut by_run: BTreeMap<&str, (BTreeSet<&str>, i64)> = BTreeMap::new();
        for (fact, known) in plan.earlier_facts.get(&host.name).into_iter().flatten() {
            let of_run = by_run.entry(&known.run);
            let (facts, told_ms) = of_run.or_insert((BTreeSet::new(), known.told_ms));
            facts.insert(fact);
            *told_ms = known.told_ms.min(*told_ms);
        }
        for (run, (facts, told_ms)) in by_run {
            match sources
                .iter_mut()
                .find(|known| known.run == run && known.facts == facts)
            {
                Some(known) => {
                    known.told_ms = known.told_ms.min(told_ms);
                    known.hosts.push(host.name.clone());
                }
                None => sources.push(Source {
                    facts,
                    run,
                    told_ms,
                    hosts: vec![host.name.clone()],
                }),
            }
        }
    }
    sources
}

impl Source<'_> {
    /// `(member) are from run X, 3 days earlier`.
    fn words(&self, now: Option<Timestamp>) -> String {
        let facts: Vec<&str> = self.facts.iter().copied().collect();
        let age = now.map(|now| age(now.as_millisecond().saturating_sub(self.told_ms)));
        let age = age.map(|age| format!(", {age}")).unwrap_or_default();
        harmless(&format!(
            "({}) are from run {}{age}",
            facts.join(", "),
            self.run
        ))
    }
}

/// `facts of etcd1, etcd2 (member) are from run X, 3 days earlier`: a line for each run, by the clock of `now`.
pub fn earlier_facts(plan: &PreparedPlan, now: Option<Timestamp>) -> Vec<String> {
    let line = |source: &Source<'_>| {
        let hosts = host_list(&source.hosts, NAMED);
        format!("facts of {hosts} {}", source.words(now))
    };
    sources(plan).iter().map(line).collect()
}

/// The same as notices of the hosts.
pub(crate) fn notices(plan: &PreparedPlan, now: Option<Timestamp>) -> Vec<NoticeReport> {
    let notice = |source: Source<'_>| NoticeReport {
        text: format!("left out by --on; its facts {}", source.words(now)),
        hosts: source.hosts,
    };
    sources(plan).into_iter().map(notice).collect()
}

/// How long ago, roughly; a clock may have been set since.
fn age(ms: i64) -> String {
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let (unit, word) = match ms {
        ..0 => return "later by this machine's clock".to_owned(),
        0..MINUTE => return "less than a minute earlier".to_owned(),
        MINUTE..HOUR => (MINUTE, "minute"),
        HOUR..DAY => (HOUR, "hour"),
        _ => (DAY, "day"),
    };
    format!("{} earlier", count(ms / unit, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_roughly() {
        for (ms, told) in [
            (-1, "later by this machine's clock"),
            (59_999, "less than a minute earlier"),
            (60_000, "1 minute earlier"),
            (7_200_000, "2 hours earlier"),
            (3 * 86_400_000 + 5, "3 days earlier"),
        ] {
            assert_eq!(age(ms), told);
        }
        assert!(age(i64::MAX).ends_with("days earlier"));
    }
}
