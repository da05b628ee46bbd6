//! A moment as people write it: `5m` ago, `14:30`, `2026-11-25T14:30`.

use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{DateTime, Time};
use jiff::{Timestamp, ToSpan as _, Zoned};
use phalanx_plan::duration::parse_duration;

/// A moment as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// So long ago.
    Ago(Duration),
    /// The last time that clocks here showed this.
    Clock(Time),
    /// On the calendar here.
    Here(DateTime),
    /// With its place in the world.
    Exactly(Timestamp),
}

const EXAMPLES: &str = "write `5m` or `2h` for so long ago, `14:30` for a time of day, \
     `2026-11-25T14:30`, or a time with its zone: `2026-11-25T14:30:00+01:00`";

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(span) = parse_duration(text) {
            return Ok(Self::Ago(span));
        }
        if text.contains('-') {
            // With a zone first: as a date of here, the zone would be passed over.
            let exactly = text.parse().map(Self::Exactly);
            return exactly
                .or_else(|_| text.parse().map(Self::Here))
                .map_err(|_| EXAMPLES.to_owned());
        }
        match text.parse() {
            Ok(time) if text.contains(':') => Ok(Self::Clock(time)),
            _ => Err(EXAMPLES.to_owned()),
        }
    }
}

impl When {
    /// Which moment it is, where it is `now`; `None` where it has not come yet, or there is no such one.
    pub(crate) fn before(self, now: &Zoned) -> Option<Timestamp> {
        let moment = match self {
            Self::Ago(span) => now.timestamp().checked_sub(span).ok()?,
            Self::Clock(time) => {
                let here = |date: jiff::civil::Date| {
                    let zoned = date.to_datetime(time).to_zoned(now.time_zone().clone());
                    zoned.map(|zoned| zoned.timestamp()).ok()
                };
                let today = here(now.date())?;
                match today <= now.timestamp() {
                    true => today,
                    false => here(now.date().checked_sub(1.day()).ok()?)?,
                }
            }
            Self::Here(at) => at.to_zoned(now.time_zone().clone()).ok()?.timestamp(),
            Self::Exactly(at) => at,
        };
        (moment <= now.timestamp()).then_some(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(text: &str, now: &str) -> Option<String> {
        let now: Zoned = now.parse().unwrap();
        let when: When = text.parse().unwrap();
        when.before(&now).map(|at| at.to_string())
    }

    #[test]
    fn moments_as_people_write_them() {
        let now = "2026-11-25T15:00:00+01:00[Europe/Berlin]";
        for (text, moment) in [
            ("5m", "2026-11-25T13:55:00Z"),
            ("1d2h", "2026-11-24T12:00:00Z"),
            ("14:30", "2026-11-25T13:30:00Z"),
            ("14:30:15", "2026-11-25T13:30:15Z"),
            ("15:00", "2026-11-25T14:00:00Z"),
            // Not come yet today: yesterday's.
            ("15:01", "2026-11-24T14:01:00Z"),
            ("2026-11-25T14:30", "2026-11-25T13:30:00Z"),
            ("2026-11-25 14:30", "2026-11-25T13:30:00Z"),
            ("2026-11-25", "2026-11-24T23:00:00Z"),
            ("2026-11-25T13:30:00Z", "2026-11-25T13:30:00Z"),
            ("2026-11-25T14:30:00+09:00", "2026-11-25T05:30:00Z"),
        ] {
            assert_eq!(before(text, now).as_deref(), Some(moment), "{text}");
        }
        for text in ["2026-11-25T14:30:00Z", "2026-11-25T15:01", "2026-11-26"] {
            assert_eq!(before(text, now), None, "{text} has not come yet");
        }
    }

    #[test]
    fn what_is_no_moment_is_answered_with_examples() {
        for text in [
            "",
            "5",
            "soon",
            "5 m",
            "-5m",
            "25:00",
            "14:60",
            "1430",
            "2026-13-01",
            "2026-11-25T",
            "5m ago",
            "99999999999999999999s",
            "\u{1b}[31m",
        ] {
            let told = text.parse::<When>().unwrap_err();
            assert!(told.contains("`5m`"), "{text}: {told}");
        }
    }

    #[test]
    fn an_hour_that_is_skipped_or_repeated_is_a_moment_all_the_same() {
        let summer = "2026-03-29T12:00:00+02:00[Europe/Berlin]";
        assert_eq!(before("02:30", summer).unwrap(), "2026-03-29T01:30:00Z");
        let winter = "2026-10-25T12:00:00+01:00[Europe/Berlin]";
        assert_eq!(before("02:30", winter).unwrap(), "2026-10-25T00:30:00Z");
    }
}
