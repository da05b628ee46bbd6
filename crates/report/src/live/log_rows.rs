//! One task's output, as rows.

use ratatui_core::buffer::Buffer;

use super::about;
use super::log_page::LogPage;
use super::paint::Paint;

/// Paints a heading, what there is to know of the host, and the log.
pub(super) fn draw(paint: Paint, page: &LogPage, buffer: &mut Buffer) {
    let area = page.area;
    if area.height == 0 {
        return;
    }
    let at = (area.x, area.y);
    let behind = paint.put(buffer, at, area.width, &page.title, paint.strong());
    let more = paint.pick("…", "...");
    about::draw(paint, buffer, page.about_area, &page.about, more);
    let body = page.body;
    if let Some(silence) = page.silence {
        let at = (body.x, body.y);
        paint.put(buffer, at, body.width, silence, paint.dim());
    }
    for (line, y) in page.lines.iter().zip(body.y..) {
        paint.put(buffer, (body.x, y), body.width, line, paint.plain());
    }
    let place = page.place.as_deref().unwrap_or_default();
    let wide = u16::try_from(place.len()).unwrap_or(0);
    if behind + wide < area.right() {
        paint.put_right(buffer, at, area.width, place, paint.dim());
    }
}
