//! Showing it.
//!
//! Displays of a run, all made from the same events: [`LineDisplay`] and [`live`] while it goes on, [`RunReport`]
//! once it is over (as data for `--json`, as text with [`closing`]), and [`plan_view`] before it
//! begins. Nothing here knows the engine, opens a file or asks the terminal anything: the command
//! hands over where to write, how wide it is and what it can show.

pub mod closing;
mod control_words;
mod critical_path;
pub mod data;
pub mod duration;
mod earlier_facts;
mod estimate;
mod folding;
mod heartbeat;
mod html;
mod lines;
pub mod live;
pub mod log_times;
mod matrix;
mod not_begun;
mod notices;
mod output_lines;
pub mod plan_view;
mod reason;
mod stage_colour;
mod summary;
mod table;
pub mod terminal_text;
mod timeline;

pub use data::{PlanReport, RunReport};
pub use earlier_facts::earlier_facts;
pub use estimate::Learned;
pub use folding::host_list;
pub use heartbeat::still_waiting;
pub use html::{HtmlContext, html};
pub use lines::{LineDisplay, LineOptions, Verbosity};
pub use log_times::LogTimes;
pub use summary::{ReportContext, summarize};
pub use table::Charset;
