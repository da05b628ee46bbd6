//! `phalanx watch`: a run that somebody works on, as it goes; one that is over, again.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use phalanx_engine::{RunFolder, RunFolderError, Said};
use phalanx_events::journal::{self, Header};
use phalanx_events::{Event, EventKind, RunOutcome};
use phalanx_plan::PreparedPlan;
use phalanx_report::LineDisplay;
use phalanx_report::live::{LiveView, Seat, Wish};

use crate::cli::{Global, WatchArgs};
use crate::cluster_source;
use crate::control_socket;
use crate::display;
use crate::exit_code::Exit;
use crate::journal_tail::JournalTail;
use crate::learning::Learning;
use crate::live_terminal::{News, Screen, Source};
use crate::orders::Order;
use crate::private_file;
use crate::replay::{self, Clock, Replay};
use crate::run_list;
use crate::run_logs::RunLogs;
use crate::show;
use crate::terminal::Terminal;
use crate::trouble::Trouble;

/// The pause between two looks at a journal.
const LOOK: Duration = Duration::from_millis(200);
/// A replay takes about this long, where nobody says how fast it is to go.
const REPLAY_IN_MS: u64 = 30_000;

/// Watches a run.
pub(crate) fn watch(
    global: &Global,
    args: &WatchArgs,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let home = cluster_source::home(global);
    let folder = run_list::find(&home, args.run.as_deref())?;
    let plan = folder.plan();
    let plan = Arc::new(PreparedPlan::new(
        plan.map_err(|error| run_list::unreadable(&error))?,
    ));
    run_list::tell_newer(&folder, terminal);
    let is_running = folder.is_running();
    if is_running && args.speed.is_some() {
        let text = format!("run {} goes on, and no faster than it does", folder.id());
        return Err(Trouble::new("watch::speed", text).help("leave `--speed` away"));
    }
    if let Some(path) = &args.svg {
        return picture(&folder, plan, path, terminal);
    }
    if global.json {
        return stream(&folder);
    }
    if !display::wants_screen(global, terminal) {
        return lines(&folder, plan, args, global, terminal);
    }
    let mut screen = Screen::take().map_err(|error| {
        Trouble::because("watch::terminal", "the terminal can't be used", &error)
            .help("`--plain` writes lines")
    })?;
    let options = display::live_options(terminal);
    let outcome = if is_running {
        let mut logs = RunLogs::new(folder.clone());
        let mut view = LiveView::new(Arc::clone(&plan), Seat::Watching, options);
        let learning = Learning::start(&home, folder.id(), &plan);
        let mut source = Watching::new(folder.clone(), learning);
        let shown = screen.show(&mut view, &mut source, &mut logs);
        drop(screen);
        shown.map_err(|error| closed(&error))?;
        view.state().ended
    } else {
        let events = journal(&folder)?;
        let took = events.last().map_or(0, |event| event.ms);
        let speed = args
            .speed
            .unwrap_or_else(|| (took / REPLAY_IN_MS).max(1) as f64);
        let mut source = Replay::new(events, speed);
        let mut view = LiveView::new(plan, source.seat(), options);
        let mut logs = RunLogs::new(folder).at_moment(source.moment());
        let shown = screen.show(&mut view, &mut source, &mut logs);
        drop(screen);
        shown.map_err(|error| closed(&error))?;
        None
    };
    Ok(outcome.map_or(Exit::Done, Exit::from))
}

fn journal(folder: &RunFolder) -> Result<Vec<Event>, Trouble> {
    let journal = folder.journal();
    let journal = journal.map_err(|error| run_list::unreadable(&error))?;
    Ok(journal.events)
}

/// Writes the screen of a run as a picture that moves.
fn picture(
    folder: &RunFolder,
    plan: Arc<PreparedPlan>,
    path: &Path,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let text = replay::moving_picture(folder, plan, journal(folder)?);
    private_file::write(path, &text).map_err(|error| {
        let message = format!("{} could not be written", path.display());
        Trouble::because("watch::svg", &message, &error)
    })?;
    terminal.remark(&format!("{} shows the run", path.display()));
    Ok(Exit::Done)
}

fn closed(error: &io::Error) -> Trouble {
    Trouble::because("watch::terminal", "the terminal went away", error)
}

/// Writes the journal as it is, line by line, until nobody works on the run any more.
fn stream(folder: &RunFolder) -> Result<Exit, Trouble> {
    let mut tail = JournalTail::new(folder.journal_path());
    let mut outcome = None;
    let mut seq = 0;
    let ended = follow(folder, &mut tail, |lines| {
        let mut out = io::stdout().lock();
        for line in lines {
            // After a resumption has cut the journal they come again.
            let whole = line.strip_suffix(b"\n").unwrap_or(&line);
            if let Ok(event) = journal::event(whole) {
                if event.seq <= seq {
                    continue;
                }
                seq = event.seq;
                if let EventKind::RunEnded { outcome: ended } = event.kind {
                    outcome = Some(ended);
                }
            } else if seq > 0 || serde_json::from_slice::<Header>(whole).is_err() {
                continue;
            }
            out.write_all(&line)?;
        }
        out.flush()
    });
    end_of(ended, outcome)
}

/// Writes a run as lines.
fn lines(
    folder: &RunFolder,
    plan: Arc<PreparedPlan>,
    args: &WatchArgs,
    global: &Global,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let out = anstream::stdout();
    let options = display::line_options(global, terminal);
    let mut lines = LineDisplay::new(plan, out, options);
    let mut tail = JournalTail::new(folder.journal_path());
    let mut clock: Option<Clock> = None;
    let ended = follow(folder, &mut tail, |batch| {
        for line in batch {
            let Ok(event) = serde_json::from_slice::<Event>(&line) else {
                continue;
            };
            if let Some(speed) = args.speed {
                let clock = clock.get_or_insert_with(|| Clock::new(event.ms, speed));
                clock.wait_for(event.ms);
            }
            lines.event(&event)?;
        }
        Ok(())
    });
    let outcome = lines.state().ended;
    if ended.is_ok() && outcome.is_some() {
        let plan = folder.plan();
        let plan = PreparedPlan::new(plan.map_err(|error| run_list::unreadable(&error))?);
        let report = show::report(global, folder, &plan, &journal(folder)?);
        show::print(global, terminal, &report, show::Said::Everything)?;
    }
    end_of(ended, outcome)
}

/// What the end of a stream comes to.
fn end_of(ended: io::Result<()>, outcome: Option<RunOutcome>) -> Result<Exit, Trouble> {
    match ended {
        // Nobody reads any more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Trouble::because(
            "watch::journal",
            "the journal can't be read",
            &error,
        )),
        // Its process is gone, and has not said how it ended.
        Ok(()) => Ok(outcome.map_or(Exit::Interrupted, Exit::from)),
    }
}

/// Hands on the journal's lines until nobody works on the run any more.
fn follow(
    folder: &RunFolder,
    tail: &mut JournalTail,
    mut take: impl FnMut(Vec<Vec<u8>>) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        // Asked before the look: what was written up to the end is seen by the look after it.
        let last = !folder.is_running();
        loop {
            let lines = tail.lines()?;
            if lines.is_empty() {
                break;
            }
            take(lines)?;
        }
        if last {
            return Ok(());
        }
        thread::sleep(LOOK);
    }
}

/// A run of another process, on the screen.
struct Watching {
    folder: RunFolder,
    tail: JournalTail,
    looked: Option<Instant>,
    /// The run's time at the last event, and ours.
    last: (u64, Instant),
    answers: mpsc::Receiver<String>,
    answer: mpsc::Sender<String>,
    is_gone: bool,
    learning: Learning,
}

impl Watching {
    fn new(folder: RunFolder, learning: Learning) -> Self {
        let (answer, answers) = mpsc::channel();
        Self {
            tail: JournalTail::new(folder.journal_path()),
            folder,
            looked: None,
            last: (0, Instant::now()),
            answers,
            answer,
            is_gone: false,
            learning,
        }
    }

    fn look(&mut self, view: &mut LiveView) -> News {
        let mut news = News::None;
        loop {
            let events = match self.tail.events() {
                Ok(events) => events,
                Err(error) => {
                    view.say(&format!("the journal can't be read: {error}"));
                    return News::Some;
                }
            };
            let Some(last) = events.last() else { break };
            let ago = jiff::Timestamp::now().duration_since(last.at).as_millis();
            let ago = u64::try_from(ago).unwrap_or(0);
            self.last = (last.ms.saturating_add(ago), Instant::now());
            for event in &events {
                if let EventKind::RunResumed(resumed) = &event.kind
                    && let Ok(plan) = self.plan(resumed.plan)
                {
                    view.replan(Arc::new(plan));
                }
                view.event(event);
            }
            news = News::Some;
        }
        let is_gone = view.state().ended.is_none() && !self.folder.is_running();
        if is_gone && !self.is_gone {
            view.say(match self.folder.newer_format() {
                None => "nobody works on this run any more; `phalanx resume` takes it up again",
                Some(_) => "nobody works on this run any more",
            });
            news = News::Some;
        }
        self.is_gone = is_gone;
        news
    }

    fn plan(&self, number: u32) -> Result<PreparedPlan, RunFolderError> {
        Ok(PreparedPlan::new(self.folder.numbered_plan(number)?))
    }

    /// Says an order, beside the screen: the answer may take a moment.
    fn say(&self, order: Order) {
        let (path, answer) = (self.folder.path().to_owned(), self.answer.clone());
        thread::spawn(move || {
            let text = match control_socket::say(&path, &order) {
                Ok(Said::Ok(text) | Said::Err(text)) => text,
                Err(error) => format!("the run takes no orders: {error}"),
            };
            // The screen may be closed by now.
            let _ = answer.send(text);
        });
    }
}

impl Source for Watching {
    fn take_in(&mut self, view: &mut LiveView) -> News {
        let mut news = match self.learning.take_in(view) {
            true => News::Some,
            false => News::None,
        };
        while let Ok(text) = self.answers.try_recv() {
            view.say(&text);
            news = News::Some;
        }
        if self
            .looked
            .is_none_or(|looked| looked.elapsed() >= LOOK / 2)
        {
            self.looked = Some(Instant::now());
            if self.look(view) == News::Some {
                news = News::Some;
            }
        }
        news
    }

    fn run_ms(&self) -> u64 {
        let (ms, at) = self.last;
        let since = if self.is_gone {
            0
        } else {
            at.elapsed().as_millis()
        };
        ms.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    fn wish(&mut self, wish: Wish, _view: &mut LiveView) -> bool {
        match wish {
            Wish::Say(control) => self.say(Order::Control(control)),
            Wish::Stop(stop) => self.say(Order::Stop { stop }),
            Wish::Close | Wish::Interrupt => return true,
            Wish::Faster(_) | Wish::Hold => {}
        }
        false
    }
}
