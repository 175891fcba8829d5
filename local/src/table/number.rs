//! Numbers, dates and times of forms that have them as such, as text. A number that is whole is written in digits, as an
//! identifier is; where not every whole number is one of its kind, the cell says that its digits cannot be trusted.

use std::io::Write as _;

use super::{Row, RowRejection};
use crate::people::date_of;

/// Up to here every whole number is a float of 64 bits.
pub(super) const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// Nanoseconds of a day.
pub(super) const DAY_NS: i64 = 86_400_000_000_000;
/// Four hundred years, after which the calendar repeats itself.
const ERA_DAYS: i64 = 146_097;
/// Dates are written from the year 0 up to the year 9999.
const DAYS: std::ops::RangeInclusive<i64> = -719_528..=2_932_896;

/// Writes a float of which whole numbers up to `exact_max` are exact.
pub(super) fn write_float(row: &mut Row, value: f64, exact_max: f64) {
    if value.abs() > exact_max {
        row.flaw(RowRejection::FloatRounded);
    }
    let value = if value == 0.0 { 0.0 } else { value }; // no sign on it
    // Writing to a vector does not fail.
    let _ = if value.fract() == 0.0 && value.abs() < 1e20 {
        write!(row.bytes, "{value:.0}")
    } else {
        write!(row.bytes, "{value}")
    };
}

/// Writes a day since 1970 as `YYYY-MM-DD`; false, and nothing, where that is no date.
pub(super) fn write_date(row: &mut Row, days: i64) -> bool {
    if !DAYS.contains(&days) {
        return false;
    }
    let (year, month, day) = date_of((days + 5 * ERA_DAYS).unsigned_abs());
    let _ = write!(row.bytes, "{:04}-{month:02}-{day:02}", year - 2_000);
    true
}

/// Writes a time of a day as `HH:MM:SS`, and what is left of a second where there is.
pub(super) fn write_time(row: &mut Row, nanoseconds: i64) {
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let _ = write!(row.bytes, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if rest != 0 {
        let text = format!("{rest:09}");
        let _ = write!(row.bytes, ".{}", text.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Row)) -> String {
        let mut row = Row::new();
        write(&mut row);
        String::from_utf8(row.bytes).unwrap()
    }

    #[test]
    fn dates_before_1970_and_at_the_ends_are_written() {
        for (days, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (-719_528, "0000-01-01"),
            (11_016, "2000-02-29"),
            (2_932_896, "9999-12-31"),
            (2_932_897, ""),
        ] {
            assert_eq!(text(|row| assert_eq!(write_date(row, days), !date.is_empty())), date);
        }
        assert_eq!(text(|row| write_time(row, DAY_NS - 1)), "23:59:59.999999999");
        assert_eq!(text(|row| write_time(row, 3_600_500_000_000)), "01:00:00.5");
    }

    #[test]
    fn whole_floats_are_digits() {
        for (value, written) in
            [(3_201_010_101_900_001.0, "3201010101900001"), (-0.0, "0"), (1.5, "1.5"), (-2e3, "-2000")]
        {
            assert_eq!(text(|row| write_float(row, value, EXACT_MAX)), written);
        }
    }
}
