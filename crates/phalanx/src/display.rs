//! Showing a run of this process while it goes on: a screen where there is a terminal for it, else lines.
//!
//! The display has a thread of its own. A terminal that does not take its text holds nothing up.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, mpsc as thread_mpsc};
use std::thread;
use std::time::{Duration, Instant};

use phalanx_engine::{RunFolder, RunId, Said, Told};
use phalanx_events::{CancelLevel, Event};
use phalanx_plan::PreparedPlan;
use phalanx_report::live::{LiveOptions, LiveView, Seat, Wish};
use phalanx_report::{LineDisplay, LineOptions, Verbosity};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::cli::Global;
use crate::learning::Learning;
use crate::live_terminal::{self, News, Screen, Source};
use crate::orders::{NO_ORDERS, Orders};
use crate::run_logs::RunLogs;
use crate::signals;
use crate::terminal::Terminal;

/// How often lines look at the clock.
const TICK: Duration = Duration::from_millis(250);
/// How long the display may take to show the rest.
const SHOW_WITHIN: Duration = Duration::from_secs(3);
/// So many things are taken in before the screen is painted again.
const AT_A_TIME: usize = 4_096;

/// What is shown.
pub(crate) struct Shown {
    pub(crate) plan: Arc<PreparedPlan>,
    pub(crate) home: PathBuf,
    pub(crate) run: RunId,
    /// What happened before this process.
    pub(crate) past: Vec<Event>,
}

/// The display's thread.
pub(crate) struct Display {
    /// Closed when the thread has ended.
    ended: thread_mpsc::Receiver<()>,
    is_screen: bool,
}

impl Display {
    /// Whether it has the terminal to itself.
    pub(crate) fn is_screen(&self) -> bool {
        self.is_screen
    }

    /// Waits until everything is shown, but not for a terminal that takes nothing.
    pub(crate) fn finish(self) {
        // Nothing is ever sent: this returns when the thread is gone, or time is up.
        let waited = self.ended.recv_timeout(SHOW_WITHIN);
        if self.is_screen && waited == Err(thread_mpsc::RecvTimeoutError::Timeout) {
            live_terminal::give_back_keys();
        }
    }
}

/// Whether a screen is wanted, and can be had.
pub(crate) fn wants_screen(global: &Global, terminal: &Terminal) -> bool {
    let lines = global.plain || global.quiet || global.verbose || global.json;
    terminal.screen && !lines
}

/// What a screen on this terminal may use.
pub(crate) fn live_options(terminal: &Terminal) -> LiveOptions {
    LiveOptions {
        colour: terminal.colour,
        charset: terminal.charset,
    }
}

/// Starts the display.
pub(crate) fn start(
    shown: Shown,
    global: &Global,
    terminal: &Terminal,
    orders: Orders,
    told: mpsc::Receiver<Told>,
) -> Display {
    let screen = match wants_screen(global, terminal) {
        true => Screen::take().ok(),
        false => None,
    };
    let (alive, ended) = thread_mpsc::channel();
    let is_screen = screen.is_some();
    let lines = lines(&shown, global, terminal);
    let options = live_options(terminal);
    // A display that cannot be started, or breaks, harms nothing but itself.
    let _ = thread::Builder::new()
        .name("display".into())
        .spawn(move || {
            let _alive: thread_mpsc::Sender<()> = alive;
            match screen {
                Some(screen) => show_screen(screen, shown, options, orders, told),
                None => show_lines(lines, told),
            }
        });
    Display { ended, is_screen }
}

/// A run of this process, on the screen.
struct Working {
    told: mpsc::Receiver<Told>,
    orders: Orders,
    answers: Vec<oneshot::Receiver<Said>>,
    began: Option<Instant>,
    learning: Learning,
}

impl Source for Working {
    fn take_in(&mut self, view: &mut LiveView) -> News {
        let mut news = News::None;
        self.answers.retain_mut(|answer| match answer.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => true,
            Ok(Ok(text) | Err(text)) => {
                view.say(&text);
                news = News::Some;
                false
            }
            Err(oneshot::error::TryRecvError::Closed) => {
                view.say(NO_ORDERS);
                false
            }
        });
        if self.learning.take_in(view) {
            news = News::Some;
        }
        for _ in 0..AT_A_TIME {
            match self.told.try_recv() {
                Ok(Told::Event(event)) => {
                    if self.began.is_none() {
                        self.began = Instant::now().checked_sub(Duration::from_millis(event.ms));
                    }
                    view.event(&event);
                    news = News::Some;
                }
                Ok(Told::Output { .. }) => {}
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return News::Over,
            }
        }
        news
    }

    fn run_ms(&self) -> u64 {
        let elapsed = self.began.map(|began| began.elapsed().as_millis());
        elapsed.map_or(0, |ms| u64::try_from(ms).unwrap_or(u64::MAX))
    }

    fn wish(&mut self, wish: Wish, view: &mut LiveView) -> bool {
        match wish {
            Wish::Say(control) => match self.orders.say(control) {
                Some(answer) => self.answers.push(answer),
                None => view.say(NO_ORDERS),
            },
            Wish::Stop(level) => self.stop(level, view),
            // As if the screen were not there.
            Wish::Interrupt => self.stop(signals::next(self.orders.level()), view),
            Wish::Close | Wish::Faster(_) | Wish::Hold => {}
        }
        false
    }
}

impl Working {
    fn stop(&self, level: CancelLevel, view: &mut LiveView) {
        let (Ok(text) | Err(text)) = self.orders.stop(level);
        view.say(&text);
    }
}

fn show_screen(
    mut screen: Screen,
    shown: Shown,
    options: LiveOptions,
    orders: Orders,
    told: mpsc::Receiver<Told>,
) {
    let mut view = LiveView::new(Arc::clone(&shown.plan), Seat::Working, options);
    for event in &shown.past {
        view.event(event);
    }
    let mut logs = RunLogs::new(RunFolder::at(&shown.home, &shown.run));
    let mut source = Working {
        told,
        orders,
        answers: Vec::new(),
        began: None,
        learning: Learning::start(&shown.home, &shown.run, &shown.plan),
    };
    // A terminal that is gone shows nothing, and harms nothing.
    let _ = screen.show(&mut view, &mut source, &mut logs);
    drop(screen);
    // Whatever is still told is told to nobody; the engine does not wait for it.
    let told = &mut source.told;
    while told.blocking_recv().is_some() {}
}

/// A run as lines.
fn lines(
    shown: &Shown,
    global: &Global,
    terminal: &Terminal,
) -> LineDisplay<Box<dyn Write + Send>> {
    let options = line_options(global, terminal);
    // With --json, standard output is the document's alone.
    let out: Box<dyn Write + Send> = if global.json {
        Box::new(anstream::stderr())
    } else {
        Box::new(anstream::stdout())
    };
    let mut lines = LineDisplay::new(Arc::clone(&shown.plan), out, options);
    lines.catch_up(&shown.past);
    lines
}

/// How lines are written here.
pub(crate) fn line_options(global: &Global, terminal: &Terminal) -> LineOptions {
    LineOptions {
        verbosity: match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        },
        width: terminal.is_terminal.then_some(terminal.width),
        charset: terminal.charset,
    }
}

fn show_lines<W: Write>(lines: LineDisplay<W>, told: mpsc::Receiver<Told>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    if let Ok(runtime) = runtime {
        runtime.block_on(write_lines(lines, told));
    }
}

async fn write_lines<W: Write>(mut lines: LineDisplay<W>, mut told: mpsc::Receiver<Told>) {
    let mut started: Option<Instant> = None;
    loop {
        let shown = match tokio::time::timeout(TICK, told.recv()).await {
            Ok(Some(Told::Event(event))) => {
                let begun = Instant::now().checked_sub(Duration::from_millis(event.ms));
                started = started.or(begun);
                lines.event(&event)
            }
            Ok(Some(Told::Output { task, bytes })) => lines.output(&task, &bytes),
            Ok(None) => return,
            Err(_) => match started {
                Some(started) => {
                    let now = started.elapsed().as_millis();
                    lines.heartbeat(u64::try_from(now).unwrap_or(u64::MAX))
                }
                None => Ok(()),
            },
        };
        if gone(shown) {
            return;
        }
    }
}

/// Whether nobody reads any more. Anything else (a terminal that is busy) may pass.
fn gone(shown: io::Result<()>) -> bool {
    shown.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
