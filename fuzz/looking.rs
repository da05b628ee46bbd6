//! All that is made for people out of a plan and a journal, whatever stands in them.

use std::io;
use std::sync::Arc;

use phalanx_events::{Event, RunState};
use phalanx_plan::{PreparedPlan, TaskId};
use phalanx_report::closing::{ClosingOptions, closing};
use phalanx_report::live::{LiveOptions, LiveView, LogPort, Moment, Seat};
use phalanx_report::{
    Charset, HtmlContext, Learned, LineDisplay, LineOptions, ReportContext, Verbosity, html,
    summarize,
};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

/// No logs.
struct Nothing;

impl LogPort for Nothing {
    fn size(&mut self, _: &TaskId, _: u32) -> u64 {
        0
    }

    fn read(&mut self, _: &TaskId, _: u32, _: u64, _: usize) -> Vec<u8> {
        Vec::new()
    }
}

/// Looks at a run in every way there is.
pub fn look(plan: &Arc<PreparedPlan>, events: &[Event]) {
    let state = RunState::of(events);
    for task in plan.task_ixs() {
        assert_eq!(plan.task_ix(&plan.task(task).id), Some(task));
    }
    let context = ReportContext {
        run: "20260101-000000-abcd",
        command: "phalanx",
        again: "",
        running: false,
        newer: false,
        lab: None,
        log: &|task, attempt| format!("{task}.{attempt}"),
    };
    let report = summarize(plan, events, &context);
    let text = closing(
        &report,
        ClosingOptions {
            width: 80,
            charset: Charset::Unicode,
            quiet: false,
            notices: true,
        },
    );
    let styled = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\u{1b}');
    assert!(!text.chars().any(styled), "{text:?}");
    html(plan, events, &report, &HtmlContext { log: &|_, _| None });
    let options = LineOptions {
        verbosity: Verbosity::Verbose,
        width: Some(80),
        charset: Charset::Ascii,
    };
    let mut lines = LineDisplay::new(Arc::clone(plan), io::sink(), options);
    for event in events {
        let _ = lines.event(event);
    }
    let _ = lines.heartbeat(state.ms.saturating_add(60_000));
    let learned = Learned::from_runs([events]);
    learned.forecast(plan, &state, state.ms);
    let options = LiveOptions {
        colour: true,
        charset: Charset::Unicode,
    };
    let mut view = LiveView::new(Arc::clone(plan), Seat::Watching, options);
    view.learn(learned);
    let half = events.len() / 2;
    for part in [&events[..half], &events[half..]] {
        part.iter().for_each(|event| view.event(event));
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        let moment = Moment {
            run_ms: view.state().ms,
            real_ms: 0,
        };
        let frame = view.frame(buffer.area, moment, &mut Nothing);
        frame.draw(&mut buffer);
    }
}
