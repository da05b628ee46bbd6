//! Hosts as rows: those that matter most first, each with what it does and says.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::host_now::{HostNow, Rank};
use super::model::Model;
use super::now::Now;
use super::paint::Paint;
use crate::duration::clock;
use crate::timeline::TaskTimes;

const LONGEST_NAME: usize = 24;
const LONGEST_STAGE: usize = 12;
/// The column of times, with the space behind it.
const TIME: u16 = 8;

/// How wide the columns of names and stages are, and where the text begins.
fn columns(view: &Model, width: u16) -> (u16, u16, u16) {
    let widest = |names: &mut dyn Iterator<Item = usize>, most| names.max().unwrap_or(4).min(most);
    let name = widest(
        &mut view.plan.hosts.iter().map(|host| host.name.as_str().len()),
        LONGEST_NAME,
    );
    let stage = widest(
        &mut view.plan.stages.iter().map(|stage| stage.id.as_str().len()),
        LONGEST_STAGE,
    );
    let (name, stage) = (
        u16::try_from(name).unwrap_or(24),
        u16::try_from(stage).unwrap_or(12),
    );
    let (name, stage) = match width {
        0..50 => (name.min(14), 0),
        _ => (name, stage),
    };
    let behind_stage = if stage > 0 { stage + 1 } else { 0 };
    (name, stage, 2 + name + 1 + behind_stage + TIME)
}

/// Whether a row of this width cuts what there is to say of a host.
pub(super) fn is_cut(view: &Model, host: &HostNow, width: u16) -> bool {
    let (_, _, from) = columns(view, width);
    let text = host.text.as_deref().unwrap_or_default();
    unicode_width::UnicodeWidthStr::width(text) > usize::from(width.saturating_sub(from))
}

/// Paints the rows that fit; `texts` are what hosts have to say, row by row.
pub(super) fn draw(
    view: &Model,
    now: &Now,
    buffer: &mut Buffer,
    area: Rect,
    run_ms: u64,
    texts: &[String],
) {
    let paint = Paint::new(view.options);
    let (name, stage, text_from) = columns(view, area.width);
    let rows = usize::from(area.height);
    for (row, shown) in now.order.iter().skip(view.top).take(rows).enumerate() {
        let (host, planned) = (&now.hosts[shown.host], view.plan.host(shown.host));
        let y = area.y + u16::try_from(row).unwrap_or(0);
        let (mark, style) = match host.rank {
            Rank::Failed => (paint.pick("✗", "!"), paint.bad()),
            Rank::Working => (paint.pick("▶", ">"), paint.working()),
            Rank::Waiting => (paint.pick("·", "."), paint.dim()),
            Rank::Done => (paint.pick("✓", "+"), paint.good()),
        };
        let is_selected = view.selected.as_ref() == Some(&planned.name);
        paint.put(buffer, (area.x, y), 1, mark, style);
        let name_style = if is_selected { paint.cursor() } else { style };
        let names = (area.x + 2, y);
        paint.put(buffer, names, name, planned.name.as_str(), name_style);
        let task = host.task.map(|task| view.plan.task(task));
        if stage > 0 {
            let text = task.map_or("", |task| task.id.stage.as_str());
            let stages = (area.x + 2 + name + 1, y);
            paint.put(buffer, stages, stage, text, paint.plain());
        }
        let x = area.x + text_from;
        let time = host.since_ms.map(|since| match host.rank {
            // How long it took until it failed.
            Rank::Failed => {
                let known = task.and_then(|task| view.timeline.tasks.get(&task.id));
                clock(known.map_or(0, TaskTimes::worked))
            }
            _ => clock(run_ms.saturating_sub(since)),
        });
        let times = (x - TIME, y);
        paint.put_right(
            buffer,
            times,
            TIME - 1,
            &time.unwrap_or_default(),
            paint.dim(),
        );
        let style = match host.rank {
            Rank::Failed => paint.bad(),
            Rank::Working => paint.plain(),
            Rank::Waiting | Rank::Done => paint.dim(),
        };
        let width = area.right().saturating_sub(x);
        let more = match shown.more {
            0 => String::new(),
            more => format!("and {more} more: "),
        };
        let text = match &host.reason {
            Some(reason) => {
                let room = usize::from(width).saturating_sub(more.len());
                reason.within(room, paint.pick("…", "~"))
            }
            None => texts.get(row).cloned().unwrap_or_default(),
        };
        paint.put(buffer, (x, y), width, &format!("{more}{text}"), style);
    }
}
