//! What the operator has said to the run, as one line.

use phalanx_events::Control;

/// What was said, and what follows.
pub(crate) fn control_words(control: &Control) -> String {
    match control {
        Control::Pause => "paused: nothing new begins until the run is told to go on".to_owned(),
        Control::Continue => "the run goes on".to_owned(),
        Control::Retry { host } => format!("{host} is tried again, as the operator wanted"),
        Control::Skip { task } => format!("{task} is skipped, as the operator wanted"),
        Control::Drop { host } => format!("{host} is left out, as the operator wanted"),
    }
}
