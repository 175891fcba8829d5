//! Numbers, times and fingerprints, as people read and compare them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::exit::print;

/// Seconds since 1970 UTC, by this machine's clock.
#[must_use]
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun: `1 row`, `2,000 rows`, `2 breaches`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let end = match number {
        1 => "",
        _ if noun.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {noun}{end}", thousands(number))
}

/// Bytes as `1.4 GB` (decimal, like the sizes of disks and links).
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => {
            let tenths = u128::from(number) * 10 / u128::from(*size);
            format!("{}.{} {unit}", thousands(u64::try_from(tenths / 10).unwrap_or(u64::MAX)), tenths % 10)
        }
        None => counted(number, "byte"),
    }
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
pub(crate) fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, date)
}

/// What fits a terminal.
const COLUMNS: usize = 80;

/// `name` and `text`, broken between words at 80 columns and set in below itself. Without the end of its last line.
#[must_use]
pub fn wrapped(name: &str, text: &str) -> String {
    const INDENT: usize = 12;
    // A name as long as the indent has a space after it.
    let mut lines = format!("{name:<width$} ", width = INDENT - 1);
    let column = lines.chars().count();
    fold(&mut lines, column, text, INDENT);
    lines
}

/// `text`, each of its lines broken between words at 80 columns and set in from there on by `indent`. A longer word, as a path may
/// be, stays whole.
#[must_use]
pub fn folded(text: &str, indent: usize) -> String {
    let mut lines = String::with_capacity(text.len() + 16);
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            lines.push('\n');
        }
        fold(&mut lines, 0, line, indent);
    }
    lines
}

/// Appends a text from a column on.
fn fold(lines: &mut String, mut column: usize, text: &str, indent: usize) {
    for (at, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > COLUMNS {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            column = indent;
        } else if at > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
}

/// 32 bytes as 16 groups of 4 hexadecimal digits, to be read out over a telephone.
#[must_use]
pub fn fingerprint(bytes: &[u8; 32]) -> String {
    let groups = bytes.as_chunks::<2>().0.iter().map(|[a, b]| format!("{a:02x}{b:02x}"));
    groups.collect::<Vec<_>>().join(" ")
}

/// A fingerprint in the two lines in which both programs show it: one of 16 groups would pass 80 columns.
#[must_use]
pub fn fingerprint_lines(bytes: &[u8; 32]) -> [String; 2] {
    let text = fingerprint(bytes);
    let (first, second) = text.split_at(text.len() / 2);
    [first.trim_end().to_owned(), second.trim_start().to_owned()]
}

/// Prints a named fingerprint, to be compared with what the other side prints.
pub fn print_fingerprint(name: &str, bytes: &[u8; 32]) {
    let [first, second] = fingerprint_lines(bytes);
    print(format_args!("  {name:<26}{first}"));
    print(format_args!("  {:<26}{second}", ""));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (279_000_000, "279,000,000")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(1_200, "row"), "1,200 rows");
        assert_eq!([counted(1, "breach"), counted(0, "breach")], ["1 breach", "0 breaches"]);
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_467_000_000), "1.4 GB");
        assert_eq!([wait(120), wait(121), wait(7_201)], ["120 s", "3 min", "3 h"]);
        assert_eq!(bytes(u64::MAX), "18,446,744.0 TB");
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
    fn text_is_broken_between_words_and_set_in() {
        let text = wrapped("name", &"eight888 ".repeat(12));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        assert!(
            lines[0].starts_with("name        eight888") && lines[1].starts_with("            eight888"),
            "{text}"
        );
        assert!(wrapped("a longer name than it", "x").ends_with("it x"));
    }

    #[test]
    fn what_is_said_fits_a_terminal_and_keeps_its_words() {
        let path = format!("/srv/{}", "x".repeat(90));
        let text = format!(
            "samar: cannot read {path}: {}\n  try: {}",
            "why ".repeat(30).trim(),
            "this ".repeat(30).trim()
        );
        let lines = folded(&text, 4);
        assert!(
            lines
                .lines()
                .all(|line| line.chars().count() <= 80 || line.trim_end_matches(':').ends_with(&path)),
            "{lines}"
        );
        assert_eq!(lines.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        assert!(
            lines.lines().skip(1).all(|line| line.starts_with("    ") || line.starts_with("  try: ")),
            "{lines}"
        );
        let short = "  set in, and  not changed";
        assert_eq!(folded(short, 4), short);
    }

    #[test]
    fn fingerprints_are_read_in_groups() {
        let text = fingerprint(&[0xab; 32]);
        assert_eq!(text.split(' ').count(), 16);
        assert!(text.starts_with("abab abab"));
        assert_eq!(fingerprint_lines(&[0xab; 32]).join(" "), text);
    }
}
