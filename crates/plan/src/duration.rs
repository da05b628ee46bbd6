//! Spans of time as people write them: `10s`, `5m`, `1h30m`.

use std::time::Duration;

/// Why a text is not a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It is not made of numbers with units.
    #[error("a span of time is a number and a unit: `30s`, `10m`, `1h`")]
    Form,
    /// A number has no unit.
    #[error("the unit is missing: write `s` for seconds, `m` for minutes or `h` for hours")]
    NoUnit,
    /// A unit is none of those known.
    #[error("the units are `s`, `m`, `h` and `d`")]
    Unit,
    /// It is zero.
    #[error("it must be at least one second")]
    Zero,
    /// It is longer than a year.
    #[error("it must be at most a year")]
    TooLong,
}

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
const YEAR: u64 = 366 * 86_400;

/// Reads whole seconds, from one second to a year: numbers with the units `d`, `h`, `m` and `s`,
/// one after the other.
///
/// # Errors
///
/// Where the text is anything else.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Form);
    }
    let mut seconds: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(DurationError::Form);
        }
        let mut after = after.chars();
        let unit = after.next().ok_or(DurationError::NoUnit)?;
        rest = after.as_str();
        let (_, factor) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit)
            .ok_or(DurationError::Unit)?;
        // `500ms` is no month of seconds.
        if rest.starts_with(|c: char| !c.is_ascii_digit()) {
            return Err(DurationError::Unit);
        }
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        seconds = number
            .checked_mul(factor)
            .and_then(|part| seconds.checked_add(part))
            .filter(|seconds| *seconds <= YEAR)
            .ok_or(DurationError::TooLong)?;
    }
    match seconds {
        0 => Err(DurationError::Zero),
        _ => Ok(Duration::from_secs(seconds)),
    }
}

/// Writes a span of time as [`parse_duration`] reads it. Parts of a second are left out.
pub fn format_duration(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if seconds >= factor {
            text.push_str(&format!("{}{unit}", seconds / factor));
            seconds %= factor;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        for (text, seconds) in [
            ("10s", 10),
            ("5m", 300),
            ("1h", 3600),
            ("1h30m", 5400),
            ("2d", 172_800),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
            assert_eq!(format_duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn other_texts() {
        for (text, error) in [
            ("", DurationError::Form),
            ("s", DurationError::Form),
            ("-5s", DurationError::Form),
            ("1.5h", DurationError::Unit),
            ("10", DurationError::NoUnit),
            ("1h30", DurationError::NoUnit),
            ("500ms", DurationError::Unit),
            ("1w", DurationError::Unit),
            ("0s", DurationError::Zero),
            ("400d", DurationError::TooLong),
            ("99999999999999999999999s", DurationError::TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(error), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds in 1u64..=31_622_400) {
            let duration = Duration::from_secs(seconds);
            proptest::prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
