//! NPWP (Nomor Pokok Wajib Pajak), the taxpayer's number, in one form of 16 digits.
//!
//! | Written | Normalised |
//! | --- | --- |
//! | 15 digits, `99.999.999.9-999.999`: as issued until 2024 | `0` and the 15 digits |
//! | 16 digits that begin with 0: the same number since (PMK 112/2022) | the 16 digits |
//! | 16 digits that begin otherwise: a citizen's, which is the NIK | the 16 digits, if a NIK |
//!
//! A citizen's older number does not follow from the NIK, so those two stay two identifiers. The ninth of the 15 digits is
//! said to be a check digit; no published rule defines it, so it rejects nothing.

use zeroize::Zeroizing;

use super::number::{self, has_decimal_fraction};
use super::{Kind, Nik, OprfInput, Rejection, cell};
use crate::limits::NIK_DIGITS;

const OLD_DIGITS: usize = 15;
/// Digits of the old form that name the taxpayer; the rest is the tax office and the branch.
const TAXPAYER_DIGITS: usize = 9;

/// Reads one cell.
///
/// # Errors
/// The first [`Rejection`] that applies.
pub(super) fn read(text: &str) -> Result<OprfInput, Rejection> {
    let text = cell::trim(text)?;
    // Before the digits are counted: 15 of them and a fraction of one zero would be a number of 16.
    if has_decimal_fraction(text, &(OLD_DIGITS..=NIK_DIGITS)) {
        return Err(Rejection::DecimalFraction);
    }
    let (mut digits, count) = number::digits(text, OLD_DIGITS..=NIK_DIGITS)?;
    if count == OLD_DIGITS {
        let mut whole = Zeroizing::new([b'0'; NIK_DIGITS]);
        whole.iter_mut().skip(1).zip(digits.iter()).for_each(|(to, from)| *to = *from);
        digits = whole;
    }
    if digits.first() != Some(&b'0') {
        Nik::checked(&digits)?;
    } else if digits.iter().take(1 + TAXPAYER_DIGITS).all(|digit| *digit == b'0') {
        return Err(Rejection::Placeholder); // written for everybody who has none: all of them would match
    }
    Ok(OprfInput::new(Kind::Npwp, digits.as_slice()))
}
