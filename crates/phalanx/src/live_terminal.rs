//! The screen: the terminal's other buffer, painted as often as there is something new, given back
//! whatever happens.

use std::io::{self, Stdout, Write as _};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use phalanx_report::live::{Key, LiveView, LogPort, Moment, Wish};
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::event::{
    self, Event as TerminalEvent, KeyCode, KeyEvent, KeyEventKind, KeyModifiers,
};
use ratatui_crossterm::crossterm::{cursor, execute, terminal};

/// How long a key, or something new, may wait to be seen.
const LOOK: Duration = Duration::from_millis(60);
/// The screen is painted no more often than this, and at least every [`REPAINT`]: clocks run, hosts talk.
const FASTEST: Duration = Duration::from_millis(100);
const REPAINT: Duration = Duration::from_millis(500);

/// Where what is shown comes from, and where wishes go.
pub(crate) trait Source {
    /// Takes in what is new. Gives whether that was anything.
    fn take_in(&mut self, view: &mut LiveView) -> News;
    /// Milliseconds of the run.
    fn run_ms(&self) -> u64;
    /// Does what the operator wants. Gives whether the screen is to be closed.
    fn wish(&mut self, wish: Wish, view: &mut LiveView) -> bool;
}

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing.
    None,
    /// Something.
    Some,
    /// There will be nothing more: the screen is to be closed.
    Over,
}

/// Whether the terminal is ours, and has to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();
/// The thread that paints, once one does.
static PAINTER: Mutex<Option<ThreadId>> = Mutex::new(None);
/// What other threads broke with meanwhile: said when the terminal is given back.
static BROKEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The terminal, for as long as this is there.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Where it is none, or does not let itself be taken.
    pub(crate) fn take() -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                let painter = *PAINTER.lock().unwrap_or_else(PoisonError::into_inner);
                let paints_on = painter.is_some_and(|painter| painter != thread::current().id());
                if TAKEN.load(Ordering::SeqCst) && paints_on {
                    // What broke there need not end the run; the screen is not to be written into.
                    let mut broken = BROKEN.lock().unwrap_or_else(PoisonError::into_inner);
                    broken.push(info.to_string());
                } else {
                    // Or nobody would see what it says.
                    give_back();
                    before(info);
                }
            }));
        });
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let taken = execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match taken {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Shows a run until the source says that it is over, or the operator closes the screen.
    pub(crate) fn show(
        &mut self,
        view: &mut LiveView,
        source: &mut dyn Source,
        logs: &mut dyn LogPort,
    ) -> io::Result<()> {
        *PAINTER.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
        let began = Instant::now();
        let mut painted: Option<Instant> = None;
        let mut is_due = true;
        loop {
            let news = source.take_in(view);
            is_due |= news != News::None;
            let since = painted.map(|painted| painted.elapsed());
            let repaint =
                since.is_none_or(|since| since >= REPAINT || (is_due && since >= FASTEST));
            if repaint || news == News::Over {
                let moment = Moment {
                    run_ms: source.run_ms(),
                    real_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                };
                self.terminal.draw(|screen| {
                    let buffer = screen.buffer_mut();
                    view.frame(buffer.area, moment, logs).draw(buffer);
                })?;
                (painted, is_due) = (Some(Instant::now()), false);
            }
            if news == News::Over {
                return Ok(());
            }
            let mut wait = LOOK;
            while event::poll(wait)? {
                wait = Duration::ZERO;
                match event::read()? {
                    TerminalEvent::Key(key) => {
                        // Escape and a key right after it come as one, as if Alt had been held.
                        let escape = key.modifiers.contains(KeyModifiers::ALT);
                        let escape = escape.then_some(Key::Escape);
                        for key in escape.into_iter().chain(known(key)) {
                            is_due = true;
                            // A key is answered at once.
                            painted = None;
                            if let Some(wish) = view.key(key)
                                && source.wish(wish, view)
                            {
                                return Ok(());
                            }
                        }
                    }
                    TerminalEvent::Resize(..) => painted = None,
                    _ => {}
                }
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back as it was, if it was taken.
pub(crate) fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        // A terminal that is gone needs nothing.
        let _ = execute!(out, cursor::Show, terminal::LeaveAlternateScreen);
        let _ = out.flush();
        let _ = terminal::disable_raw_mode();
        let broken = std::mem::take(&mut *BROKEN.lock().unwrap_or_else(PoisonError::into_inner));
        for text in broken {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// Lets keys make signals again, without writing: for a terminal that takes no text.
pub(crate) fn give_back_keys() {
    let _ = terminal::disable_raw_mode();
}

fn known(key: KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if is_control => Key::Interrupt,
        KeyCode::Char(_) if is_control => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run by itself, in a terminal, by the tests of the screen.
    #[test]
    #[ignore = "what_breaks_gives_the_terminal_back_first runs it in a terminal"]
    fn breaks_while_it_has_the_terminal() {
        let _screen = Screen::take().unwrap();
        panic!("broken while the screen is there");
    }
}
