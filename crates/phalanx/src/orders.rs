//! What an operator may say to a run of this process, from wherever he says it.

use std::sync::Arc;

use phalanx_engine::{ControlCall, Said};
use phalanx_events::{CancelLevel, Control};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

/// The answer where nobody takes orders any more.
pub(crate) const NO_ORDERS: &str = "the run takes no orders: it is about to end";

/// One order, as it is spelt on the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Order {
    /// The run is to stop, so urgently.
    Stop {
        /// How.
        stop: CancelLevel,
    },
    /// Something else.
    Control(Control),
}

/// The way to the engine.
#[derive(Clone)]
pub(crate) struct Orders {
    pub(crate) control: mpsc::Sender<ControlCall>,
    pub(crate) cancel: Arc<watch::Sender<Option<CancelLevel>>>,
}

impl Orders {
    /// How urgently the run is to stop by now.
    pub(crate) fn level(&self) -> Option<CancelLevel> {
        *self.cancel.borrow()
    }

    /// Raises the level; it never falls.
    pub(crate) fn stop(&self, level: CancelLevel) -> Said {
        let rose = self.cancel.send_if_modified(|now| {
            let rises = *now < Some(level);
            *now = (*now).max(Some(level));
            rises
        });
        match (rose, level) {
            (false, _) => Err("the run is stopping already".to_owned()),
            (true, CancelLevel::NoNewTasks) => {
                Ok("stopping: nothing new begins, what runs goes to its end".to_owned())
            }
            (true, CancelLevel::StopJobs) => Ok("stopping what runs on the hosts".to_owned()),
            (true, CancelLevel::Leave) => Ok("leaving: what runs goes on on its hosts".to_owned()),
        }
    }

    /// Says it to the engine; nothing where that takes no orders any more. The answer comes once what was
    /// said is written down.
    pub(crate) fn say(&self, control: Control) -> Option<oneshot::Receiver<Said>> {
        let (answer, answered) = oneshot::channel();
        let call = ControlCall { control, answer };
        self.control.try_send(call).ok().map(|()| answered)
    }

    /// Carries out an order, and waits for the answer.
    pub(crate) async fn carry_out(&self, order: Order) -> Said {
        match order {
            Order::Stop { stop } => self.stop(stop),
            Order::Control(control) => match self.say(control) {
                None => Err(NO_ORDERS.to_owned()),
                Some(answered) => answered.await.unwrap_or_else(|_| Err(NO_ORDERS.to_owned())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use phalanx_plan::TaskId;

    use super::*;

    #[test]
    fn orders_survive_the_socket() {
        for (order, text) in [
            (
                Order::Stop {
                    stop: CancelLevel::StopJobs,
                },
                r#"{"stop":"stop-jobs"}"#,
            ),
            (Order::Control(Control::Pause), r#"{"control":"pause"}"#),
            (
                Order::Control(Control::Retry { host: "w1".into() }),
                r#"{"control":"retry","host":"w1"}"#,
            ),
            (
                Order::Control(Control::Skip {
                    task: TaskId::new("docker", "w1"),
                }),
                r#"{"control":"skip","task":{"stage":"docker","host":"w1"}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&order).unwrap(), text);
            assert_eq!(serde_json::from_str::<Order>(text).unwrap(), order);
        }
        assert!(serde_json::from_str::<Order>("{\"control\":\"dance\"}").is_err());
    }

    #[test]
    fn the_level_only_rises() {
        let (control, _controls) = mpsc::channel(1);
        let (cancel, _keep) = watch::channel(None);
        let orders = Orders {
            control,
            cancel: Arc::new(cancel),
        };
        assert!(orders.stop(CancelLevel::StopJobs).is_ok());
        assert!(orders.stop(CancelLevel::NoNewTasks).is_err());
        assert_eq!(*orders.cancel.borrow(), Some(CancelLevel::StopJobs));
    }
}
