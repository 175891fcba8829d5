//! What a value of a column is, and its text.

use std::io::Write as _;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::schema::types::ColumnDescriptor;

use super::super::number::{DAY_NS, EXACT_MAX, write_date, write_float, write_time};
use super::super::{CELL_BYTES_MAX, Row, RowRejection};

/// Up to here every whole number is a float of 32 bits.
const EXACT_MAX_32: f64 = 16_777_216.0;
/// Up to here every whole number is a float of 16 bits.
const EXACT_MAX_16: f64 = 2_048.0;
/// The day of Julius Caesar's count on which 1970 began.
const JULIAN_1970: i64 = 2_440_588;
/// A decimal with more digits behind the point is damage.
const SCALE_MAX: i32 = 76;

/// What a column's values mean, beyond how they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Plain,
    Unsigned,
    Date,
    /// Of a day, in so many to a second.
    Time(i64),
    /// Since 1970, in so many to a second.
    Timestamp(i64),
    /// So many digits behind the point.
    Decimal(usize),
    Uuid,
    Float16,
}

impl Meaning {
    pub(super) fn of(column: &ColumnDescriptor) -> Self {
        let per_second = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        };
        let decimal = |scale: i32| match usize::try_from(scale) {
            Ok(scale_digits) if scale <= SCALE_MAX => Self::Decimal(scale_digits),
            _ => Self::Plain,
        };
        match column.logical_type_ref() {
            Some(LogicalType::Date) => return Self::Date,
            Some(LogicalType::Time(time)) => return Self::Time(per_second(&time.unit)),
            Some(LogicalType::Timestamp(time)) => return Self::Timestamp(per_second(&time.unit)),
            Some(LogicalType::Decimal(kind)) => return decimal(kind.scale),
            Some(LogicalType::Integer(kind)) if !kind.is_signed => return Self::Unsigned,
            Some(LogicalType::Uuid) => return Self::Uuid,
            Some(LogicalType::Float16) => return Self::Float16,
            _ => {}
        }
        match column.converted_type() {
            ConvertedType::DATE => Self::Date,
            ConvertedType::TIME_MILLIS => Self::Time(1_000),
            ConvertedType::TIME_MICROS => Self::Time(1_000_000),
            ConvertedType::TIMESTAMP_MILLIS => Self::Timestamp(1_000),
            ConvertedType::TIMESTAMP_MICROS => Self::Timestamp(1_000_000),
            ConvertedType::DECIMAL => decimal(column.type_scale()),
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64 => Self::Unsigned,
            _ => Self::Plain,
        }
    }
}

pub(super) fn write_bool(row: &mut Row, value: &bool, _: Meaning) {
    row.bytes.extend_from_slice(if *value { b"true" } else { b"false" });
}

pub(super) fn write_i32(row: &mut Row, value: &i32, meaning: Meaning) {
    match meaning {
        Meaning::Unsigned => show(row, value.cast_unsigned()),
        _ => write_i64(row, &i64::from(*value), meaning),
    }
}

pub(super) fn write_i64(row: &mut Row, value: &i64, meaning: Meaning) {
    match meaning {
        Meaning::Date => {
            if !write_date(row, *value) {
                show(row, value);
            }
        }
        Meaning::Time(per_second) => {
            match value.checked_mul(1_000_000_000 / per_second).filter(|time| (0..DAY_NS).contains(time)) {
                Some(time) => write_time(row, time),
                None => show(row, value),
            }
        }
        Meaning::Timestamp(per_second) => {
            let day = 86_400 * per_second;
            let time = value.rem_euclid(day) * (1_000_000_000 / per_second);
            write_moment(row, value.div_euclid(day), time);
        }
        Meaning::Decimal(scale) => write_decimal(row, i128::from(*value), scale),
        Meaning::Unsigned => show(row, value.cast_unsigned()),
        _ => show(row, value),
    }
}

/// The form of a time before there were others: nanoseconds of a day and the day.
pub(super) fn write_i96(row: &mut Row, value: &Int96, _: Meaning) {
    let [low, high, day] = [0, 1, 2].map(|at| value.data().get(at).copied().unwrap_or(0));
    let time = i64::try_from(u64::from(high) << 32 | u64::from(low)).unwrap_or(i64::MAX);
    write_moment(row, i64::from(day.cast_signed()) - JULIAN_1970, time.min(DAY_NS - 1));
}

pub(super) fn write_f32(row: &mut Row, value: &f32, _: Meaning) {
    // Written from its own digits: a number that was 0.1 stays 0.1.
    if value.fract() == 0.0 || !value.is_finite() {
        write_float(row, f64::from(*value), EXACT_MAX_32);
    } else {
        show(row, value);
    }
}

pub(super) fn write_f64(row: &mut Row, value: &f64, _: Meaning) {
    write_float(row, *value, EXACT_MAX);
}

pub(super) fn write_bytes(row: &mut Row, value: &ByteArray, meaning: Meaning) {
    // What was decoded has bytes; asked for them, one that has not would panic.
    if !value.is_empty() {
        write_slice(row, value.data(), meaning);
    }
}

pub(super) fn write_fixed(row: &mut Row, value: &FixedLenByteArray, meaning: Meaning) {
    if !value.is_empty() {
        write_slice(row, value.data(), meaning);
    }
}

fn write_slice(row: &mut Row, bytes: &[u8], meaning: Meaning) {
    match (meaning, bytes) {
        (Meaning::Decimal(scale), bytes) => match signed(bytes) {
            Some(number) => write_decimal(row, number, scale),
            None => row.flaw(RowRejection::MalformedRow),
        },
        (Meaning::Uuid, bytes) if bytes.len() == 16 => {
            for (at, byte) in bytes.iter().enumerate() {
                let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                let _ = write!(row.bytes, "{hyphen}{byte:02x}");
            }
        }
        (Meaning::Float16, [low, high]) => {
            write_float(row, half(u16::from_le_bytes([*low, *high])), EXACT_MAX_16);
        }
        _ => row.bytes.extend_from_slice(&bytes[..bytes.len().min(CELL_BYTES_MAX + 1)]),
    }
}

/// A float of 16 bits.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (bits >> 10 & 0x1f, f64::from(bits & 0x3ff) / 1_024.0);
    let size = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// A number of up to sixteen bytes, the highest first.
fn signed(bytes: &[u8]) -> Option<i128> {
    let first = bytes.first()?;
    let fill = if *first & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [fill; 16];
    let start = wide.len().checked_sub(bytes.len())?;
    wide[start..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

fn write_decimal(row: &mut Row, number: i128, scale: usize) {
    if number < 0 {
        row.bytes.push(b'-');
    }
    let digits = format!("{:0width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    row.bytes.extend_from_slice(whole.as_bytes());
    if !fraction.is_empty() {
        let _ = write!(row.bytes, ".{fraction}");
    }
}

fn write_moment(row: &mut Row, days: i64, nanoseconds: i64) {
    if write_date(row, days) {
        row.bytes.push(b' ');
        write_time(row, nanoseconds);
    } else {
        show(row, days);
    }
}

fn show(row: &mut Row, value: impl std::fmt::Display) {
    let _ = write!(row.bytes, "{value}"); // writing to a vector does not fail
}
