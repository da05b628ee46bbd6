//! What is told of a host in notices: nothing twice, and not without end.

use std::collections::BTreeSet;

use super::Executor;

/// So many different notices of what a host said are told in a run. A script may run again every two
/// seconds, and could say something else each time.
const NOTICES_TOLD: usize = 100;

/// What was told of a host.
#[derive(Debug, Default)]
pub(super) struct Notices {
    told: BTreeSet<String>,
    is_full: bool,
}

impl Notices {
    /// What is to be told of this text: itself, or nothing, or that there are too many.
    fn take(&mut self, text: String) -> Option<String> {
        if self.is_full || self.told.contains(&text) {
            return None;
        }
        if self.told.len() < NOTICES_TOLD {
            self.told.insert(text.clone());
            return Some(text);
        }
        self.is_full = true;
        self.told.clear();
        Some(format!(
            "it gives cause for more than {NOTICES_TOLD} notices; more of them are not told"
        ))
    }
}

impl Executor {
    /// Tells something that the host's words give cause for.
    pub(super) async fn notice(&mut self, text: String) {
        if let Some(text) = self.notices.take(text) {
            self.tell_host(text).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_twice_and_there_is_an_end() {
        let mut notices = Notices::default();
        let many = (0..10_000).map(|number| format!("fact {}", number / 2));
        let told: Vec<String> = many.filter_map(|text| notices.take(text)).collect();
        assert_eq!(told.len(), NOTICES_TOLD + 1);
        assert_eq!(
            told.last().map(|last| last.contains("more than 100")),
            Some(true)
        );
    }
}
