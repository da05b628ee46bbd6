//! What keys do.

use phalanx_events::{CancelLevel, Control};
use phalanx_plan::{Gate, HostIx, TaskId, TaskIx};

use super::host_now::Rank;
use super::interface::{Key, Seat, Wish};
use super::log_choice::log_of;
use super::model::{Filter, Mode, Model};
use super::now::Now;

/// Takes a key; gives what the operator wants, if that is more than another view.
pub(super) fn press(view: &mut Model, now: &Now, key: Key) -> Option<Wish> {
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
            let tasks = view.plan.tasks_of_host(pane.host);
            if !pane.key(key, tasks) && matches!(key, Key::Escape | Key::Enter | Key::Char('q')) {
                return None;
            }
            view.mode = Mode::Log(pane);
            None
        }
        Mode::Overview => {
            view.message = None;
            overview(view, now, key)
        }
    }
}

/// Types a part of a host's name.
fn search(view: &mut Model, key: Key) {
    match key {
        Key::Char(c) => {
            view.filter.search.push(c);
            view.mode = Mode::Searching;
        }
        Key::Backspace => {
            view.filter.search.pop();
            view.mode = Mode::Searching;
        }
        Key::Escape => view.filter.search.clear(),
        _ => {}
    }
    view.top = 0;
}

fn overview(view: &mut Model, now: &Now, key: Key) -> Option<Wish> {
    match key {
        Key::Up | Key::Char('k') => move_by(view, now, -1),
        Key::Down | Key::Char('j') => move_by(view, now, 1),
        Key::PageUp => move_by(view, now, -(view.page as isize)),
        Key::PageDown => move_by(view, now, view.page as isize),
        Key::Home | Key::Char('g') => move_by(view, now, isize::MIN / 2),
        Key::End | Key::Char('G') => move_by(view, now, isize::MAX / 2),
        Key::Enter | Key::Right | Key::Char('l') => open_log(view, now),
        Key::Char('f') => {
            view.filter.only_failed = !view.filter.only_failed;
            view.top = 0;
        }
        Key::Char('/') => view.mode = Mode::Searching,
        Key::Escape => {
            view.selected = None;
            view.filter = Filter::default();
            view.top = 0;
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
                _ => control(view, now, key),
            };
        }
    }
    None
}

fn quit(view: &mut Model) -> Option<Wish> {
    if view.seat != Seat::Working || view.is_over() {
        return Some(Wish::Close);
    }
    let question = "leave? Scripts go on on their hosts; `phalanx resume` takes it up again";
    view.mode = Mode::Asking(question.to_owned(), Wish::Stop(CancelLevel::Leave));
    None
}

fn replay(view: &mut Model, key: Key) -> Option<Wish> {
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

fn control(view: &mut Model, now: &Now, key: Key) -> Option<Wish> {
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
            let host = view.plan.host(at).name.clone();
            match key {
                'r' => return Some(Wish::Say(Control::Retry { host })),
                's' => match task_in_question(view, now, at) {
                    Some(task) => {
                        let question =
                            format!("count {} on {host} as done without doing it?", task.stage);
                        view.mode = Mode::Asking(question, Wish::Say(Control::Skip { task }));
                    }
                    None => view.say(&format!("{host} has nothing that could be skipped")),
                },
                _ => {
                    let question = drop_question(view, at);
                    view.mode = Mode::Asking(question, Wish::Say(Control::Drop { host }));
                }
            }
            None
        }
        _ => None,
    }
}

/// What leaving a host out means for the others.
fn drop_question(view: &Model, host: HostIx) -> String {
    let plan = &view.plan;
    let is_open = |task: &TaskIx| {
        let known = view.state.tasks.get(&plan.task(*task).id);
        known.is_none_or(|known| known.end().is_none_or(|end| !end.outcome.is_done()))
    };
    let open = plan.tasks_of_host(host).iter().copied().filter(is_open);
    // A gate that this host alone can open is opened by its absence.
    let mut stages = open.map(|task| plan.task(task).stage);
    let alone = stages.find(|stage| {
        let gate = Gate::All(plan.stage(*stage).id.clone());
        let is_gate = plan.tasks.iter().any(|task| task.gates.contains(&gate));
        is_gate && plan.tasks_of_stage(*stage).len() == 1
    });
    let alone = alone.map(|stage| &plan.stage(stage).id);
    let host = &plan.host(host).name;
    match alone {
        Some(stage) => format!("drop {host}? Others NEED its {stage}, and begin without it"),
        None => format!("drop {host}? What runs there is stopped, nobody waits for it"),
    }
}

/// The task of a host that its row is about.
fn task_in_question(view: &Model, now: &Now, host: HostIx) -> Option<TaskId> {
    let host = &now.hosts[host];
    let task = view.plan.task(host.task?);
    (host.rank != Rank::Done).then(|| task.id.clone())
}

/// Chooses another host, and brings it into sight.
fn move_by(view: &mut Model, now: &Now, by: isize) {
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
    view.selected = row.map(|row| view.plan.host(row.host).name.clone());
    if to < view.top {
        view.top = to;
    } else if to >= view.top + view.page {
        view.top = to + 1 - view.page;
    }
}

fn open_log(view: &mut Model, now: &Now) {
    let Some(pane) = log_of(view, now) else {
        return;
    };
    view.selected = Some(view.plan.host(pane.host).name.clone());
    view.mode = Mode::Log(pane);
}
