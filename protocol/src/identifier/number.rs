//! Numbers of 16 digits, or of 15: how a cell becomes digits, what damage is called, and the date in them.

use core::ops::RangeInclusive;

use zeroize::Zeroizing;

use super::Rejection;
use super::cell::{count_digits, digit, is_dropped, is_scientific};
use crate::limits::NIK_DIGITS;

/// The digits of a number, in ASCII; those past its length are not its own.
pub(super) type Digits = Zeroizing<[u8; NIK_DIGITS]>;

/// The digits of a trimmed text and how many there are, which `lengths`, at most 16, holds.
///
/// # Errors
/// The damage.
pub(super) fn digits(text: &str, lengths: RangeInclusive<usize>) -> Result<(Digits, usize), Rejection> {
    let mut digits = Zeroizing::new([0; NIK_DIGITS]);
    let mut count = 0;
    for sign in text.chars().filter(|&sign| !is_dropped(sign)) {
        let digit = digit(sign).ok_or_else(|| damage(text, &lengths))?;
        if let Some(slot) = digits.get_mut(count) {
            *slot = b'0' + digit;
        }
        count += 1;
    }
    match count {
        0 => Err(Rejection::Empty),
        _ if lengths.contains(&count) => Ok((digits, count)),
        _ => Err(damage(text, &lengths)),
    }
}

/// Checks digits 7 to 16 of a number: `DDMMYY SSSS`. `day` is the day in it, from 1, or nothing if there is none.
pub(super) fn check_date_and_serial(digits: &[u8; NIK_DIGITS], day: Option<u8>) -> Result<(), Rejection> {
    let day = day.ok_or(Rejection::BadDay)?;
    let year = pair(digits, 10);
    let days = match pair(digits, 8) {
        // 1900 had no 29 February but 2000 did, so the century never decides.
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(Rejection::BadMonth),
    };
    if day > days {
        return Err(Rejection::BadDate);
    }
    if pair(digits, 12) == 0 && pair(digits, 14) == 0 {
        return Err(Rejection::ZeroSerial);
    }
    Ok(())
}

/// The number that the two digits from `at` on make.
pub(super) fn pair(digits: &[u8; NIK_DIGITS], at: usize) -> u8 {
    let value = |at| digits.get(at).map_or(0, |digit: &u8| digit.wrapping_sub(b'0'));
    value(at) * 10 + value(at + 1)
}

/// Names what happened to a trimmed text that is not a number of such a length.
#[cold]
fn damage(text: &str, lengths: &RangeInclusive<usize>) -> Rejection {
    if is_scientific(text) {
        return Rejection::ExcelScientific;
    }
    if has_decimal_fraction(text, lengths) {
        return Rejection::DecimalFraction;
    }
    let is_foreign = |sign: char| !is_dropped(sign) && digit(sign).is_none();
    // How many numbers so many digits are, if they are whole numbers.
    let numbers_in = |digits: usize| {
        let numbers = digits.div_ceil(*lengths.end());
        if numbers * lengths.start() <= digits { numbers } else { 0 }
    };
    let pieces = || text.split(is_foreign).map(|piece| numbers_in(count_digits(piece)));
    match (text.contains(is_foreign), pieces().sum::<usize>()) {
        (_, 2..) => Rejection::TwoNumbers,
        (false, _) => Rejection::WrongLength,
        (true, 0) => Rejection::NotDigits,
        (true, 1) if pieces().next() == Some(1) => Rejection::TrailingText,
        (true, 1) => Rejection::LeadingText,
    }
}

/// `3201010101010001.0`, `3201010101010001,00`.
pub(super) fn has_decimal_fraction(text: &str, lengths: &RangeInclusive<usize>) -> bool {
    let Some((whole, fraction)) = text.rsplit_once(['.', ',']) else { return false };
    whole.chars().all(|sign| is_dropped(sign) || digit(sign).is_some())
        && lengths.contains(&count_digits(whole))
        && !fraction.is_empty()
        && fraction.chars().all(|sign| digit(sign) == Some(0))
}
