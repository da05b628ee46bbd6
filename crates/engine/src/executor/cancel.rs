//! How urgently the operator wants to stop.

use phalanx_events::CancelLevel;
use tokio::sync::watch;

/// Waits until the operator is at least this urgent, but means us to stay: whoever wants to leave at
/// once wants nothing done on the hosts any more.
pub(super) async fn at_least(
    cancel: &mut watch::Receiver<Option<CancelLevel>>,
    level: CancelLevel,
) {
    // A sender that is gone can ask for nothing more.
    if cancel
        .wait_for(|now| *now >= Some(level) && *now != Some(CancelLevel::Leave))
        .await
        .is_err()
    {
        std::future::pending::<()>().await;
    }
}
