//! What the operator says to a run that is under way, and the way back.

use phalanx_events::Control;
use tokio::sync::oneshot;

/// What follows from a control, or why it can't be.
pub type Said = Result<String, String>;

/// One thing that the operator wants, from whoever took it from him.
#[derive(Debug)]
pub struct ControlCall {
    /// What.
    pub control: Control,
    /// Answered once it is written down.
    pub answer: oneshot::Sender<Said>,
}
