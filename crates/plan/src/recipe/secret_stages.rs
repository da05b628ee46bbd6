//! Whether secrets are handed to stages that can take them.

use super::Flow;
use super::unread::Unread;
use crate::cluster::Spanned;
use crate::naming::unknown;
use crate::problem::{Problem, Problems};
use crate::settings::SettingsLine;
use crate::stage_parts::Action;

/// Secrets are handed to stages that exist and run a job: nobody else is given any.
pub(super) fn check_secret_stages(
    settings: &[SettingsLine],
    flows: &[Flow],
    unread: &Unread,
    problems: &mut Problems,
) {
    let stages = || flows.iter().flat_map(|flow| &flow.stages);
    for line in settings {
        for stage in line.secrets.values().flat_map(|handed| &handed.stages) {
            let mut named = stages()
                .filter(|known| known.id.value == stage.value)
                .peekable();
            let is_unread = unread.flows || unread.stages.contains(stage.value.as_str());
            if named.peek().is_none() && is_unread {
                // It may be there.
            } else if named.peek().is_none() {
                let name = Spanned {
                    value: stage.value.to_string(),
                    span: stage.span,
                };
                let known = stages().map(|stage| stage.id.value.as_str());
                problems.push(unknown(&line.source, &name, "stage", known));
            } else if !named.any(|known| matches!(known.action, Action::Run(_))) {
                problems.push(
                    Problem::error(
                        "recipe::secret-stage",
                        format!("the stage `{}` can't be handed a secret", stage.value),
                    )
                    .at(&line.source, stage.span, "runs no job")
                    .help("only a stage with `run` is handed secrets"),
                );
            }
        }
    }
}
