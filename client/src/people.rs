//! Numbers, times and fingerprints, as people read and compare them.

use std::time::{SystemTime, UNIX_EPOCH};

pub use samar_local::numbers::{bytes, counted, thousands};

/// Seconds since 1970 UTC, by this machine's clock.
#[must_use]
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Seconds since 1970 as `2026-11-22 05:40 UTC`.
#[must_use]
pub fn time(seconds: u64) -> String {
    let (year, month, day) = date_of(seconds / 86_400);
    let minutes = seconds % 86_400 / 60;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// A wait as `40 s`, `12 min` or `18 h`, rounded up.
#[must_use]
pub fn wait(seconds: u64) -> String {
    match seconds {
        0..=120 => format!("{seconds} s"),
        121..=7_200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3_600)),
    }
}

/// Year, month and day of the civil calendar, from days since 1970. Years start in March, so that the leap day is the
/// last of its year; 146,097 days make 400 of them.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, date)
}

/// 32 bytes as 16 groups of 4 hexadecimal digits, to be read out over a telephone.
#[must_use]
pub fn fingerprint(bytes: &[u8; 32]) -> String {
    let groups = bytes.as_chunks::<2>().0.iter().map(|[a, b]| format!("{a:02x}{b:02x}"));
    groups.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!([wait(120), wait(121), wait(7_201)], ["120 s", "3 min", "3 h"]);
    }

    #[test]
    fn times_follow_the_calendar() {
        let cases = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_795_326_000, "2026-11-22 05:40 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ];
        for (seconds, text) in cases {
            assert_eq!(time(seconds), text, "{seconds}");
        }
        assert!(time(u64::MAX).ends_with("UTC"), "a manifest may claim any time");
    }

    #[test]
    fn fingerprints_are_read_in_groups() {
        let text = fingerprint(&[0xab; 32]);
        assert_eq!(text.split(' ').count(), 16);
        assert!(text.starts_with("abab abab"));
    }
}
