//! When which byte of a log came: the reading half of the file of times beside it.

use jiff::Timestamp;

/// When the bytes of one log came to this machine, as far as that was written down.
///
/// The file of times has a line an entry, `OFFSET UNIX_MS`: from this byte on, it came at that time. What
/// came within a tenth of a second after it has no entry of its own. It is a help, not a record: a line that
/// is torn, foreign, or goes back in time says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTimes {
    /// Offsets rise, times never fall.
    entries: Vec<Entry>,
    log_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    offset: u64,
    at: Timestamp,
}

impl LogTimes {
    /// Reads a file of times. What is no entry is passed over, and so is a last line without its end.
    pub fn parse(text: &str) -> Self {
        let whole = text.rfind('\n').and_then(|end| text.get(..end));
        let mut entries: Vec<Entry> = Vec::new();
        for entry in whole.unwrap_or_default().split('\n').filter_map(entry) {
            if entries.last().is_some_and(|last| entry.at < last.at) {
                continue;
            }
            // A log that lost its end to a power loss was gone on with from an earlier byte: what was
            // said of the bytes behind that one is of bytes that are there no more.
            while entries.pop_if(|last| last.offset >= entry.offset).is_some() {}
            entries.push(entry);
        }
        Self {
            entries,
            log_bytes: u64::MAX,
        }
    }

    /// The times of a log that has so many bytes: entries of bytes that it has not are dropped.
    #[must_use]
    pub fn within(mut self, log_bytes: u64) -> Self {
        self.entries.retain(|entry| entry.offset < log_bytes);
        self.log_bytes = log_bytes;
        self
    }

    /// Whether no time at all is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When this byte came; `None` where that is not known.
    pub fn time_at(&self, offset: u64) -> Option<Timestamp> {
        let after = self.entries.partition_point(|entry| entry.offset <= offset);
        let entry = self.entries.get(after.checked_sub(1)?)?;
        (offset < self.log_bytes).then_some(entry.at)
    }

    /// How many bytes had surely come by then; all that the log has ([`LogTimes::within`], else
    /// `u64::MAX`) from the last entry's time on. 0 where no time is known.
    pub fn offset_at(&self, time: Timestamp) -> u64 {
        let come = self.entries.partition_point(|entry| entry.at <= time);
        if come == 0 {
            return 0;
        }
        let next = self.entries.get(come);
        next.map_or(self.log_bytes, |entry| entry.offset)
    }
}

/// One line's entry.
fn entry(line: &str) -> Option<Entry> {
    let (offset, ms) = line.split_once(' ')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(offset) || !is_number(ms) {
        return None;
    }
    Some(Entry {
        offset: offset.parse().ok()?,
        at: Timestamp::from_millisecond(ms.parse().ok()?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn a_byte_came_when_the_entry_before_it_says() {
        let times = LogTimes::parse("0 1000\n10 1200\n30 5000\n").within(40);
        let at = |offset| times.time_at(offset);
        assert_eq!((at(0), at(9)), (Some(ms(1000)), Some(ms(1000))));
        assert_eq!((at(10), at(29)), (Some(ms(1200)), Some(ms(1200))));
        assert_eq!((at(39), at(40)), (Some(ms(5000)), None));
        let by = |time| times.offset_at(ms(time));
        assert_eq!((by(999), by(1000), by(1199)), (0, 10, 10));
        assert_eq!((by(1200), by(4999), by(5000)), (30, 30, 40));
    }

    #[test]
    fn nothing_is_known_without_an_entry_and_before_the_first() {
        let none = LogTimes::parse("");
        assert!(none.is_empty());
        assert_eq!((none.time_at(0), none.offset_at(ms(5))), (None, 0));
        // A log that began without a file of times.
        let late = LogTimes::parse("100 2000\n").within(200);
        assert_eq!(
            (late.time_at(99), late.time_at(100)),
            (None, Some(ms(2000)))
        );
        assert_eq!(
            (late.offset_at(ms(1999)), late.offset_at(ms(2000))),
            (0, 200)
        );
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        let good = LogTimes::parse("0 1000\n10 2000\n");
        for text in [
            "0 1000\n10 2000\n20 30",   // torn
            "0 1000\n\n10 2000\n",      // gone on with
            "0 1000\nhello\n10 2000\n", // foreign
            "0 1000\n5 6 7\n+6 1500\n10 2000\n",
            "0 1000\n10 2000\n15 900\n",                 // back in time
            "0 1000\n7 99999999999999999999\n10 2000\n", // no time
            "0 1000\n8 9223372036854775807\n10 2000\n",
        ] {
            assert_eq!(LogTimes::parse(text), good, "{text:?}");
        }
        let beyond = LogTimes::parse("0 1000\n10 2000\n50 3000\n").within(20);
        assert_eq!(beyond, good.within(20));
    }

    #[test]
    fn a_log_that_lost_its_end_is_told_anew() {
        let times = LogTimes::parse("0 1000\n10 2000\n90 2500\n\n12 9000\n").within(100);
        assert_eq!(times.time_at(11), Some(ms(2000)));
        assert_eq!(
            times.time_at(95),
            Some(ms(9000)),
            "not that of what was lost"
        );
    }

    fn entries() -> impl Strategy<Value = Vec<(u64, i64)>> {
        prop::collection::vec((1..50u64, 0..300i64), 0..40).prop_map(|steps| {
            let mut at = (0, 1_700_000_000_000);
            let rising = steps.into_iter().map(|(bytes, ms)| {
                let entry = at;
                at = (at.0 + bytes, at.1 + ms);
                entry
            });
            rising.collect()
        })
    }

    fn text(entries: &[(u64, i64)]) -> String {
        let lines = entries
            .iter()
            .map(|(offset, ms)| format!("{offset} {ms}\n"));
        lines.collect()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(entries in entries(), offset in 0..3000u64) {
            let times = LogTimes::parse(&text(&entries));
            let before = entries.iter().rev().find(|entry| entry.0 <= offset);
            prop_assert_eq!(times.time_at(offset), before.map(|entry| ms(entry.1)));
        }

        #[test]
        fn a_byte_has_come_by_then_if_its_time_is_not_later(
            entries in entries(),
            offset in 0..3000u64,
            after in -10..9000i64,
            bytes in 0..2500u64,
        ) {
            let times = LogTimes::parse(&text(&entries)).within(bytes);
            let then = ms(1_700_000_000_000 + after);
            match times.time_at(offset) {
                Some(came) => prop_assert_eq!(offset < times.offset_at(then), came <= then),
                None => prop_assert!(times.is_empty() || offset >= bytes),
            }
            prop_assert!(times.offset_at(then) <= bytes);
        }

        #[test]
        fn a_text_that_is_cut_knows_less_and_nothing_else(entries in entries(), cut in 0..2000usize) {
            let text = text(&entries);
            let cut = cut.min(text.len());
            let lines = text[..cut].matches('\n').count();
            prop_assert_eq!(LogTimes::parse(&text[..cut]), LogTimes::parse(&self::text(&entries[..lines])));
        }

        #[test]
        fn no_text_breaks_it_and_order_holds(
            lines in prop::collection::vec("[0-9]{0,4} [0-9]{0,4}|[ 0-9a-z+-]{0,12}|\\PC{0,8}", 0..30),
            offset in 0..9999u64,
            time in 0..9999i64,
        ) {
            let times = LogTimes::parse(&(lines.join("\n") + "\n"));
            prop_assert!(times.time_at(offset) <= times.time_at(offset + 1));
            prop_assert!(times.offset_at(ms(time)) <= times.offset_at(ms(time + 1)));
        }
    }
}
