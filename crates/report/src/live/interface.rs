//! What goes into the screen, and what comes out of it: keys and log bytes, what the operator wants.

use phalanx_events::{CancelLevel, Control};
use phalanx_plan::TaskId;

use crate::table::Charset;

/// Reads what hosts said.
pub trait LogPort {
    /// How many bytes there are of an attempt's output.
    fn size(&mut self, task: &TaskId, attempt: u32) -> u64;
    /// Up to `most` of them, from this one on. What can't be read is not there.
    fn read(&mut self, task: &TaskId, attempt: u32, from: u64, most: usize) -> Vec<u8>;
}

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// One up.
    Up,
    /// One down.
    Down,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// Go in.
    Enter,
    /// Go back.
    Escape,
    /// Take a character back.
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

/// What the operator wants, out of the keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// This of the run.
    Say(Control),
    /// The run is to stop, so urgently.
    Stop(CancelLevel),
    /// What Ctrl-C means outside.
    Interrupt,
    /// The screen is to be closed; the run goes on.
    Close,
    /// A replay is to go so much faster (or slower, below 1).
    Faster(f64),
    /// A replay is to stand still, or to go on.
    Hold,
}

/// Whose screen it is, which decides what keys do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seat {
    /// The process that works on the run.
    Working,
    /// Another one, that watches.
    Watching,
    /// The run is over, and shown again.
    Replaying {
        /// So many times as fast.
        speed: f64,
        /// Whether it stands still.
        held: bool,
    },
    /// It is a picture: there are no keys.
    Picture,
}

/// What the screen can show.
#[derive(Clone, Copy, Debug)]
pub struct LiveOptions {
    /// Whether there are colours.
    pub colour: bool,
    /// Which characters there are.
    pub charset: Charset,
}

/// The moment that is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Milliseconds of the run.
    pub run_ms: u64,
    /// Milliseconds of whoever looks.
    pub real_ms: u64,
}
