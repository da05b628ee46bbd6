//! Numbers and ids that a host tells, taken only where they can be what they say they are.

use std::time::Duration;

use crate::port::BootIdentity;

/// Longer than this no kernel was ever up.
const LONGEST_UPTIME: Duration = Duration::from_secs(100 * 366 * 24 * 3600);
/// Linux gives no process a higher number.
const MOST_PROCESSES: u32 = 1 << 22;
/// A boot id and the start tick of process 1 are 57 letters at the most.
const LONGEST_BOOT: usize = 100;

/// Digits and nothing else (Rust takes a sign as well), up to what a shell can count.
pub(super) fn natural(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.then(|| text.parse().ok()).flatten()?;
    u64::try_from(number).ok()
}

/// An exit status: 0 to 255.
pub(super) fn status(text: &str) -> Option<i32> {
    let number = natural(text)?;
    u8::try_from(number).ok().map(i32::from)
}

/// How many processes there are.
pub(super) fn processes(text: &str) -> Option<u32> {
    let number = u32::try_from(natural(text)?).ok()?;
    (number <= MOST_PROCESSES).then_some(number)
}

/// Seconds since boot as `/proc/uptime` writes them: `1234.56`.
pub(super) fn uptime(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.')?;
    if part.len() != 2 {
        return None;
    }
    let whole = Duration::from_secs(natural(whole)?);
    let part = Duration::from_millis(natural(part)? * 10);
    whole
        .checked_add(part)
        .filter(|uptime| *uptime <= LONGEST_UPTIME)
}

/// Which boot it is.
pub(super) fn boot(text: &str) -> Option<BootIdentity> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && !text.is_empty() && text.len() <= LONGEST_BOOT).then(|| BootIdentity(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_can_be_are_taken() {
        assert_eq!(natural("9223372036854775807"), Some(i64::MAX as u64));
        for bad in [
            "",
            "-1",
            "+1",
            " 1",
            "1 ",
            "0x1",
            "9223372036854775808",
            "18446744073709551615",
        ] {
            assert_eq!(natural(bad), None, "{bad:?}");
        }
        assert_eq!(
            (status("0"), status("255"), status("256")),
            (Some(0), Some(255), None)
        );
        assert_eq!(
            (processes("4194304"), processes("4194305")),
            (Some(4_194_304), None)
        );
    }

    #[test]
    fn no_host_is_up_for_longer_than_computers_are() {
        assert_eq!(uptime("10.50"), Some(Duration::from_millis(10_500)));
        for bad in [
            "18446744073709551.61",
            "9223372036854775807.99",
            "1.5",
            "1",
            "+1.00",
            "1.+5",
        ] {
            assert_eq!(uptime(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_boot_identity_is_one_short_word() {
        let usual = "0f2c7f4a-7f9e-4a3c-9d2e-0c0f7f4a7f9e.12";
        assert_eq!(boot(usual), Some(BootIdentity(usual.into())));
        assert_eq!(boot(&"b".repeat(101)), None);
        assert_eq!(boot("\u{1b}[31m"), None);
        assert_eq!(boot(""), None);
    }
}
