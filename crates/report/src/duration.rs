//! Spans of time for people.

/// A place in time since a run's start: `0:07`, `12:40`, `1:02:03`.
pub fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// How long something took: `0.34 s`, `2.3 s`, `42 s`, `1:20 min`, `1:02:03 h`.
pub fn took(ms: u64) -> String {
    match ms {
        0..1_000 => format!("0.{:02} s", ms / 10),
        1_000..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} min", clock(ms)),
        _ => format!("{} h", clock(ms)),
    }
}

/// A time limit as a recipe writes it: `10m`, `90s`, `2h`.
pub fn limit(seconds: f64) -> String {
    let whole = seconds.max(0.0).round();
    if (seconds - whole).abs() > 0.0005 {
        format!("{seconds:.3}s")
    } else if whole >= 3_600.0 && whole % 3_600.0 == 0.0 {
        format!("{}h", whole / 3_600.0)
    } else if whole >= 60.0 && whole % 60.0 == 0.0 {
        format!("{}m", whole / 60.0)
    } else {
        format!("{whole}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        for (ms, text) in [
            (0, "0:00"),
            (7_999, "0:07"),
            (100_000, "1:40"),
            (3_723_000, "1:02:03"),
        ] {
            assert_eq!(clock(ms), text);
        }
    }

    #[test]
    fn spans() {
        for (ms, text) in [
            (0, "0.00 s"),
            (345, "0.34 s"),
            (2_390, "2.3 s"),
            (42_900, "42 s"),
            (80_000, "1:20 min"),
            (3_723_000, "1:02:03 h"),
            (u64::MAX, "5124095576030:25:51 h"),
        ] {
            assert_eq!(took(ms), text);
        }
    }

    #[test]
    fn limits() {
        for (seconds, text) in [
            (90.0, "90s"),
            (600.0, "10m"),
            (7_200.0, "2h"),
            (0.25, "0.250s"),
        ] {
            assert_eq!(limit(seconds), text);
        }
    }
}
