//! What hosts have to say beside their tasks, what several say alike once.

use std::collections::HashMap;

use phalanx_plan::HostName;

use super::model::Model;
use crate::folding::host_list;
use crate::terminal_text::harmless;

/// So many hosts are named at one note; the rest is counted.
const NAMED: usize = 4;
/// No more notes than this are looked through for equal ones.
const MOST: usize = 200;

/// Of all hosts, each as one line.
pub(super) fn notes(view: &Model) -> Vec<String> {
    let mut notes: Vec<(Vec<HostName>, String, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let said = view.plan.hosts.iter().flat_map(|host| {
        let known = view.state.hosts.get(&host.name);
        let notices = known.into_iter().flat_map(|known| &known.notices);
        notices.map(|notice| (&host.name, notice))
    });
    for (host, notice) in said.take(MOST) {
        let neutral = view.folding.neutral(host, notice);
        let place = *places.entry(neutral.clone()).or_insert(notes.len());
        match notes.get_mut(place) {
            Some((hosts, _, _)) => hosts.push(host.clone()),
            None => notes.push((vec![host.clone()], notice.clone(), neutral)),
        }
    }
    let words = |(hosts, own, neutral): (Vec<HostName>, String, String)| {
        let text = if hosts.len() == 1 { own } else { neutral };
        format!("note: {}: {}", host_list(&hosts, NAMED), harmless(&text))
    };
    notes.into_iter().map(words).collect()
}
