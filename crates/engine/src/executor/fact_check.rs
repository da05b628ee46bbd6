//! Facts that a script told: which are kept, and what is said of the others.

use phalanx_events::{Failure, FailureKind};
use phalanx_plan::{Facts, LONGEST_FACT};

use super::Executor;

/// How many letters of a name or a value that a host made up are told.
const LETTERS_TOLD: usize = 60;

/// That a script told a fact which is not of the kind that the recipe declares.
pub(super) struct WrongFact {
    text: String,
}

impl WrongFact {
    /// The task failed by it: what others decide by the fact would be wrong.
    pub(super) fn failure(self) -> Failure {
        Failure::new(FailureKind::Protocol, self.text).advice(
            "mend the script, or declare the fact as another kind in recipe.yaml; then run again",
        )
    }
}

impl Executor {
    /// Keeps facts that the recipe declares and that are as they may be. `from` is the script that told them. Of
    /// those that nobody asked for and of those that are too long it is said that they are passed over; the first
    /// of a wrong kind is given back, and of further ones it is said.
    pub(super) async fn take_facts(
        &mut self,
        from: &str,
        told: Vec<(String, String)>,
    ) -> (Facts, Option<WrongFact>) {
        let mut kept = Facts::new();
        let mut wrong = None;
        for (name, value) in told {
            let kind = self.shared.plan.fact_kinds.get(&name).copied();
            let text = match kind {
                None => format!(
                    "{from} told the fact `{}` as `{}`, which the recipe does not declare: it is passed over",
                    beginning(&name),
                    beginning(&value)
                ),
                Some(_) if value.len() > LONGEST_FACT => format!(
                    "{from} told the fact {name} with {} bytes, and it may have {LONGEST_FACT}: it is passed over",
                    value.len()
                ),
                Some(kind) if !kind.holds(&value) => {
                    let text = format!(
                        "{from} told the fact `{name}` as `{}`, and the recipe declares it as {}",
                        beginning(&value),
                        kind.words()
                    );
                    // Nobody goes by what the script told before.
                    kept.remove(&name);
                    if wrong.is_none() {
                        wrong = Some(WrongFact { text });
                        continue;
                    }
                    text
                }
                Some(_) => {
                    kept.insert(name, value);
                    continue;
                }
            };
            self.notice(text).await;
        }
        (kept, wrong)
    }

    /// Says what is wrong with a fact, where nothing else follows from it.
    pub(super) async fn note_wrong(&mut self, wrong: WrongFact) {
        let text = format!("{}: it is passed over", wrong.text);
        self.notice(text).await;
    }
}

/// As much of a text as is told.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(LETTERS_TOLD) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_told_of_what_is_long() {
        assert_eq!(beginning("short"), "short");
        assert_eq!(
            beginning(&"é".repeat(100)),
            format!("{}...", "é".repeat(60))
        );
    }
}
