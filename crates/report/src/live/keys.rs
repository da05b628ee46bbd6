//! What keys do.

use phalanx_events::{CancelLevel, Control};
use phalanx_plan::{Gate, HostName, TaskId};

use super::host_now::Rank;
use super::interface::{Key, Seat, Wish};
use super::model::{LiveView, Mode};

/// Takes a key; gives what the operator wants, if that is more than another view.
pub(super) fn press(view: &mut LiveView, key: Key) -> Option<Wish> {
    if key == Key::Interrupt {
        return Some(match view.seat {
            Seat::Working if !view.is_over() => Wish::Interrupt,
            _ => Wish::Close,
        });
    }
    match std::mem::replace(&mut view.mode, Mode::Overview) {
        Mode::Asking(question, wish) => match key {
            Key::Char('y' | 'Y') => {
                view.message = None;
                Some(wish)
            }
            Key::Char('n' | 'N' | 'q') | Key::Escape => {
                view.message = None;
                None
            }
            // A key that is no answer is none.
            _ => {
                view.mode = Mode::Asking(question, wish);
                None
            }
        },
        Mode::Searching => {
            search(view, key);
            None
        }
        Mode::Help => None,
        Mode::Log(mut pane) => {
            let tasks = view
                .index
                .of_host
                .get(pane.host)
                .cloned()
                .unwrap_or_default();
            if !pane.key(key, &tasks) && matches!(key, Key::Escape | Key::Enter | Key::Char('q')) {
                return None;
            }
            view.mode = Mode::Log(pane);
            None
        }
        Mode::Overview => {
            view.message = None;
            overview(view, key)
        }
    }
}

/// Types a part of a host's name.
fn search(view: &mut LiveView, key: Key) {
    match key {
        Key::Char(c) => {
            view.search.push(c);
            view.mode = Mode::Searching;
        }
        Key::Backspace => {
            view.search.pop();
            view.mode = Mode::Searching;
        }
        Key::Escape => view.search.clear(),
        _ => {}
    }
    view.top = 0;
    view.now = None;
}

fn overview(view: &mut LiveView, key: Key) -> Option<Wish> {
    match key {
        Key::Up | Key::Char('k') => move_by(view, -1),
        Key::Down | Key::Char('j') => move_by(view, 1),
        Key::PageUp => move_by(view, -(view.page as isize)),
        Key::PageDown => move_by(view, view.page as isize),
        Key::Home | Key::Char('g') => move_by(view, isize::MIN / 2),
        Key::End | Key::Char('G') => move_by(view, isize::MAX / 2),
        Key::Enter | Key::Right | Key::Char('l') => open_log(view),
        Key::Char('f') => {
            view.only_failed = !view.only_failed;
            view.top = 0;
            view.now = None;
        }
        Key::Char('/') => view.mode = Mode::Searching,
        Key::Escape => {
            view.selected = None;
            view.search.clear();
            view.only_failed = false;
            view.top = 0;
            view.now = None;
        }
        Key::Char('?') => view.mode = Mode::Help,
        Key::Char('q') => return quit(view),
        key => {
            return match view.seat {
                Seat::Replaying { .. } => replay(view, key),
                _ if view.is_over() => {
                    view.say("the run is over; q closes this screen");
                    None
                }
                _ => control(view, key),
            };
        }
    }
    None
}

fn quit(view: &mut LiveView) -> Option<Wish> {
    if view.seat != Seat::Working || view.is_over() {
        return Some(Wish::Close);
    }
    let question = "leave? Scripts go on on their hosts; `phalanx resume` takes it up again";
    view.mode = Mode::Asking(question.to_owned(), Wish::Stop(CancelLevel::Leave));
    None
}

fn replay(view: &mut LiveView, key: Key) -> Option<Wish> {
    match key {
        Key::Char('+' | '=') => Some(Wish::Faster(2.0)),
        Key::Char('-') => Some(Wish::Faster(0.5)),
        Key::Char(' ' | 'p') => Some(Wish::Hold),
        Key::Char('r' | 's' | 'd' | 'x') => {
            view.say("this run is over and shown again: it takes no orders");
            None
        }
        _ => None,
    }
}

fn control(view: &mut LiveView, key: Key) -> Option<Wish> {
    match key {
        Key::Char('p') if view.state.paused => Some(Wish::Say(Control::Continue)),
        Key::Char('p') => Some(Wish::Say(Control::Pause)),
        Key::Char('x') => {
            let (question, level) = match view.state.cancel {
                None => (
                    "stop? Nothing new begins, scripts that run go to their end",
                    CancelLevel::NoNewTasks,
                ),
                Some(_) => (
                    "stop what runs on the hosts as well?",
                    CancelLevel::StopJobs,
                ),
            };
            view.mode = Mode::Asking(question.to_owned(), Wish::Stop(level));
            None
        }
        Key::Char(key @ ('r' | 's' | 'd')) => {
            let Some(at) = view.selected_host() else {
                view.say("which host? Choose one with the arrow keys first");
                return None;
            };
            let host = view.plan.hosts.get(at)?.name.clone();
            match key {
                'r' => return Some(Wish::Say(Control::Retry { host })),
                's' => match task_in_question(view, at) {
                    Some(task) => {
                        let question =
                            format!("count {} on {host} as done without doing it?", task.stage);
                        view.mode = Mode::Asking(question, Wish::Say(Control::Skip { task }));
                    }
                    None => view.say(&format!("{host} has nothing that could be skipped")),
                },
                _ => {
                    let question = drop_question(view, at, &host);
                    view.mode = Mode::Asking(question, Wish::Say(Control::Drop { host }));
                }
            }
            None
        }
        _ => None,
    }
}

/// What leaving a host out means for the others.
fn drop_question(view: &LiveView, at: usize, host: &HostName) -> String {
    let open = |task: &usize| {
        let id = view.plan.tasks.get(*task).map(|task| &task.id);
        let known = id.and_then(|id| view.state.tasks.get(id));
        known.is_none_or(|known| known.end().is_none_or(|end| !end.outcome.is_done()))
    };
    let tasks = view.index.of_host.get(at).into_iter().flatten();
    let mut stages = tasks
        .filter(|task| open(task))
        .filter_map(|task| Some(&view.plan.tasks.get(*task)?.id.stage));
    // A gate that this host alone can open is opened by its absence.
    let alone = stages.find(|stage| {
        let mut of_stage = view
            .plan
            .tasks
            .iter()
            .filter(|task| task.id.stage == **stage);
        let gate = Gate::All((*stage).clone());
        let is_gate = view
            .plan
            .tasks
            .iter()
            .any(|task| task.gates.contains(&gate));
        is_gate && of_stage.all(|task| task.host == at)
    });
    match alone {
        Some(stage) => format!("drop {host}? Others NEED its {stage}, and begin without it"),
        None => format!("drop {host}? What runs there is stopped, nobody waits for it"),
    }
}

/// The task of a host that its row is about.
fn task_in_question(view: &LiveView, host: usize) -> Option<TaskId> {
    let now = view.now.as_ref()?.hosts.get(host)?;
    let task = now.task.and_then(|task| view.plan.tasks.get(task))?;
    (now.rank != Rank::Done).then(|| task.id.clone())
}

/// Chooses another host, and brings it into sight.
fn move_by(view: &mut LiveView, by: isize) {
    let Some(now) = &view.now else { return };
    let Some(last) = now.order.len().checked_sub(1) else {
        return;
    };
    let selected = view.selected_host();
    let at = selected.and_then(|selected| now.order.iter().position(|row| row.host == selected));
    let to = match at {
        Some(at) => at.saturating_add_signed(by).min(last),
        None if by > 1 => last.min(by.unsigned_abs()),
        None => 0,
    };
    let row = now.order.get(to);
    let host = row.and_then(|row| view.plan.hosts.get(row.host));
    view.selected = host.map(|host| host.name.clone());
    if to < view.top {
        view.top = to;
    } else if to >= view.top + view.page {
        view.top = to + 1 - view.page;
    }
}

fn open_log(view: &mut LiveView) {
    let Some(pane) = view.now.as_ref().and_then(|now| view.log_of(now)) else {
        return;
    };
    if let Some(planned) = view.plan.hosts.get(pane.host) {
        view.selected = Some(planned.name.clone());
    }
    view.mode = Mode::Log(pane);
}
