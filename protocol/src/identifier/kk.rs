//! KK (Kartu Keluarga), the family card's number: `PPRRDD DDMMYY SSSS`, the region and the date of recording, and a serial.
//!
//! It has the form of a NIK but for the day, which never carries the 40 of a woman.

use super::number::{self, pair};
use super::{Kind, OprfInput, Rejection, cell};
use crate::limits::NIK_DIGITS;

/// Reads one cell: as a NIK's is read, and then the day must be 01 to 31.
///
/// # Errors
/// The first [`Rejection`] that applies.
pub(super) fn read(text: &str) -> Result<OprfInput, Rejection> {
    let (digits, _) = number::digits(cell::trim(text)?, NIK_DIGITS..=NIK_DIGITS)?;
    let day = pair(&digits, 6);
    number::check_date_and_serial(&digits, (1..=31).contains(&day).then_some(day))?;
    Ok(OprfInput::new(Kind::Kk, digits.as_slice()))
}
