//! A run that is over, shown again: on the screen, or as a picture that moves.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use phalanx_engine::RunFolder;
use phalanx_events::Event;
use phalanx_plan::PreparedPlan;
use phalanx_report::Charset;
use phalanx_report::live::{LiveOptions, LiveView, Moment, Seat, Wish, svg};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use crate::live_terminal::{News, Source};
use crate::run_logs::RunLogs;

/// A picture's screen, and how many there are.
const PICTURE: (u16, u16) = (100, 28);
const SCREENS: u64 = 24;
/// How long each is to be seen, and the last.
const EACH_MS: u32 = 500;
const LAST_MS: u32 = 4_000;

/// A clock that goes at another speed, and can be held.
pub(crate) struct Clock {
    /// Where it was when it was last set, and when that was.
    from_ms: u64,
    set: Instant,
    speed: f64,
    held: bool,
}

impl Clock {
    pub(crate) fn new(from_ms: u64, speed: f64) -> Self {
        Self {
            from_ms,
            set: Instant::now(),
            speed,
            held: false,
        }
    }

    fn now_ms(&self) -> u64 {
        let passed = match self.held {
            true => 0.0,
            false => self.set.elapsed().as_secs_f64() * 1_000.0 * self.speed,
        };
        self.from_ms.saturating_add(passed as u64)
    }

    /// Sets it to where it is, so that its speed may change.
    fn set(&mut self) {
        (self.from_ms, self.set) = (self.now_ms(), Instant::now());
    }

    pub(crate) fn wait_for(&self, ms: u64) {
        let ahead = ms.saturating_sub(self.now_ms());
        let ahead = Duration::try_from_secs_f64(ahead as f64 / 1_000.0 / self.speed);
        thread::sleep(ahead.unwrap_or(Duration::MAX));
    }
}

/// A run that is over, shown again.
pub(crate) struct Replay {
    events: std::vec::IntoIter<Event>,
    next: Option<Event>,
    clock: Clock,
    /// The moment that is shown, by the wall clock of then.
    moment: Rc<Cell<Option<Timestamp>>>,
    /// The last event's time of the run, and by the wall clock.
    last: (u64, Timestamp),
}

impl Replay {
    pub(crate) fn new(events: Vec<Event>, speed: f64) -> Self {
        let mut events = events.into_iter();
        let next = events.next();
        let last = next.as_ref().map(|event| (event.ms, event.at));
        let last = last.unwrap_or((0, Timestamp::UNIX_EPOCH));
        Self {
            clock: Clock::new(last.0, speed),
            moment: Rc::new(Cell::new(Some(last.1))),
            last,
            next,
            events,
        }
    }

    /// What logs are to look like.
    pub(crate) fn moment(&self) -> Rc<Cell<Option<Timestamp>>> {
        Rc::clone(&self.moment)
    }

    /// Takes in what happened up to this time of the run.
    fn take_in_up_to(&mut self, now_ms: u64, view: &mut LiveView) -> News {
        let mut news = News::None;
        while let Some(event) = self.next.take_if(|event| event.ms <= now_ms) {
            view.event(&event);
            self.last = (event.ms, event.at);
            self.next = self.events.next();
            news = News::Some;
        }
        let since = i64::try_from(now_ms.saturating_sub(self.last.0)).unwrap_or(i64::MAX);
        let now = self.last.1.checked_add(SignedDuration::from_millis(since));
        self.moment.set(Some(now.unwrap_or(Timestamp::MAX)));
        news
    }

    pub(crate) fn seat(&self) -> Seat {
        Seat::Replaying {
            speed: self.clock.speed,
            held: self.clock.held,
        }
    }
}

impl Source for Replay {
    fn take_in(&mut self, view: &mut LiveView) -> News {
        let now = self.clock.now_ms();
        self.take_in_up_to(now, view)
    }

    fn run_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn wish(&mut self, wish: Wish, view: &mut LiveView) -> bool {
        self.clock.set();
        match wish {
            Wish::Close | Wish::Interrupt => return true,
            Wish::Faster(by) => {
                self.clock.speed = (self.clock.speed * by).clamp(0.01, 100_000.0);
            }
            Wish::Hold => self.clock.held = !self.clock.held,
            Wish::Say(_) | Wish::Stop(_) => {}
        }
        view.sit(self.seat());
        false
    }
}

/// The run's time on one of the screens.
fn share(first: u64, last: u64, at: u64) -> u64 {
    let passed = u128::from(last.saturating_sub(first)) * u128::from(at) / u128::from(SCREENS);
    first.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
}

/// A run's screen as an SVG that moves: the whole of it in a quarter of a minute, over and over.
pub(crate) fn moving_picture(
    folder: &RunFolder,
    plan: Arc<PreparedPlan>,
    events: Vec<Event>,
) -> String {
    let first = events.first().map_or(0, |event| event.ms);
    // In a journal that is damaged, time may go back.
    let last = events.iter().map(|event| event.ms).max().unwrap_or(0);
    let title = format!("{} of {} on {}", plan.flow, plan.recipe, plan.cluster);
    let mut replay = Replay::new(events, 1.0);
    let options = LiveOptions {
        colour: true,
        charset: Charset::Unicode,
    };
    let mut view = LiveView::new(plan, Seat::Picture, options);
    let mut logs = RunLogs::new(folder.clone()).at_moment(replay.moment());
    let screens: Vec<(Buffer, u32)> = (1..=SCREENS)
        .map(|at| {
            let run_ms = share(first, last, at);
            replay.take_in_up_to(run_ms, &mut view);
            let mut screen = Buffer::empty(Rect::new(0, 0, PICTURE.0, PICTURE.1));
            let moment = Moment { run_ms, real_ms: 0 };
            view.frame(screen.area, moment, &mut logs).draw(&mut screen);
            let shown = if at == SCREENS { LAST_MS } else { EACH_MS };
            (screen, shown)
        })
        .collect();
    svg(&screens, &title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screens_lie_between_the_first_moment_and_the_last_whatever_these_are() {
        assert_eq!(share(100, 2_500, 1), 200);
        assert_eq!(share(100, 2_500, SCREENS), 2_500);
        assert_eq!(share(0, u64::MAX, SCREENS), u64::MAX);
        assert_eq!(share(u64::MAX, 5, 3), u64::MAX);
    }
}
