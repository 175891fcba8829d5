//! Telephone numbers, as E.164 writes them: `+`, country code, number. A number that names no country is Indonesian.
//!
//! | Written | Read as |
//! | --- | --- |
//! | `+62…`, `0062…`, `62…` | Indonesian; a 0 after the country code is dropped, as in `+62 (0)812` |
//! | `0…` | Indonesian |
//! | `8…` | Indonesian; a spreadsheet dropped the 0 |
//! | `+…`, `00…` | of another country, whatever its length from 7 to 15 digits |
//!
//! Of Indonesian numbers a mobile one (`8`, then not 0) has 9 to 12 digits after the country code, one with an area code (2 to 7
//! or 9) 7 to 11.

use zeroize::Zeroizing;

use super::cell::{self, count_digits, digit, is_scientific};
use super::{Kind, OprfInput, Rejection};

/// Digits of an international number, country code included (E.164 section 6).
const DIGITS_MAX: usize = 15;
/// No shorter number reaches a person from everywhere.
const DIGITS_MIN: usize = 7;
/// With 00 before it.
const WRITTEN_DIGITS_MAX: usize = 2 + DIGITS_MAX;
const WRITTEN_DIGITS_OVER: usize = WRITTEN_DIGITS_MAX + 1;
const INDONESIA: &[u8] = b"62";

/// Reads one cell.
///
/// # Errors
/// The first [`Rejection`] that applies.
pub(super) fn read(text: &str) -> Result<OprfInput, Rejection> {
    let text = cell::trim(text)?;
    // Before the digits are counted: with the zero of its fraction a number may be another one.
    if has_decimal_fraction(text) {
        return Err(Rejection::DecimalFraction);
    }
    let mut digits = Zeroizing::new([0; WRITTEN_DIGITS_MAX]);
    let (mut count, mut plus) = (0, false);
    for sign in text.chars().filter(|&sign| !is_dropped(sign)) {
        match digit(sign) {
            Some(digit) => {
                if let Some(slot) = digits.get_mut(count) {
                    *slot = b'0' + digit;
                }
                count += 1;
            }
            None if is_plus(sign) && count == 0 && !plus => plus = true,
            None => return Err(damage(text)),
        }
    }
    let written = match count {
        0 => return Err(Rejection::Empty),
        DIGITS_MIN..=WRITTEN_DIGITS_MAX => digits.get(..count).unwrap_or_default(),
        WRITTEN_DIGITS_OVER.. => return Err(Rejection::TwoNumbers),
        _ => return Err(Rejection::WrongLength),
    };
    match written {
        _ if plus => international(written),
        [b'0', b'0', number @ ..] => international(number),
        [b'0', number @ ..] => indonesian(number),
        [b'6', b'2', ..] => international(written),
        [b'8', ..] => indonesian(written),
        _ => Err(Rejection::NoCountry),
    }
}

/// A number that begins with its country code.
fn international(number: &[u8]) -> Result<OprfInput, Rejection> {
    if let Some(national) = number.strip_prefix(INDONESIA) {
        return indonesian(national.strip_prefix(b"0").unwrap_or(national));
    }
    match number {
        [b'0', ..] => Err(Rejection::BadPrefix), // no country's code begins with 0
        _ if (DIGITS_MIN..=DIGITS_MAX).contains(&number.len()) => Ok(normalised(b"", number)),
        _ => Err(Rejection::WrongLength),
    }
}

/// A number of Indonesia without country code and without the 0 that is dialled within it.
fn indonesian(number: &[u8]) -> Result<OprfInput, Rejection> {
    let lengths = match number {
        [b'8', b'1'..=b'9', ..] => 9..=12,
        [b'2'..=b'7' | b'9', ..] => 7..=11,
        _ => return Err(Rejection::BadPrefix), // 1 and 80 are services
    };
    if lengths.contains(&number.len()) {
        Ok(normalised(INDONESIA, number))
    } else {
        Err(Rejection::WrongLength)
    }
}

fn normalised(country: &[u8], number: &[u8]) -> OprfInput {
    let mut text = Zeroizing::new([0; 1 + DIGITS_MAX]);
    let parts = [b"+", country, number];
    text.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    let length = 1 + country.len() + number.len();
    OprfInput::new(Kind::Phone, text.get(..length).unwrap_or_default())
}

fn is_plus(sign: char) -> bool {
    matches!(sign, '+' | '\u{ff0b}')
}

/// What is dropped of any number, brackets, and the dashes of word processors.
fn is_dropped(sign: char) -> bool {
    cell::is_dropped(sign) || matches!(sign, '(' | ')' | '\u{2010}'..='\u{2015}')
}

/// Names what happened to a trimmed text with a foreign character in it.
#[cold]
fn damage(text: &str) -> Rejection {
    if is_scientific(text) {
        return Rejection::ExcelScientific;
    }
    let is_foreign = |sign: char| !is_dropped(sign) && digit(sign).is_none();
    let pieces = || text.split(is_foreign).map(|piece| count_digits(piece) >= DIGITS_MIN);
    match pieces().filter(|is_number| *is_number).count() {
        0 => Rejection::NotDigits,
        1 if number_is_first(text) => Rejection::TrailingText,
        1 => Rejection::LeadingText,
        _ => Rejection::TwoNumbers,
    }
}

/// Whether no foreign character but a + stands before the first piece that is long enough for a number.
fn number_is_first(text: &str) -> bool {
    let text = text.trim_start_matches(|sign| is_plus(sign) || is_dropped(sign));
    let first = text.split(|sign: char| !is_dropped(sign) && digit(sign).is_none()).next();
    first.is_some_and(|piece| count_digits(piece) >= DIGITS_MIN)
}

/// `81234567890.0`: digits alone, then a point or comma and one or two zeros. Three would be a group of the number.
fn has_decimal_fraction(text: &str) -> bool {
    let Some((whole, fraction)) = text.rsplit_once(['.', ',']) else { return false };
    let whole = whole.strip_prefix(is_plus).unwrap_or(whole);
    whole.chars().all(|sign| digit(sign).is_some())
        && count_digits(whole) >= DIGITS_MIN
        && (1..=2).contains(&fraction.chars().count())
        && fraction.chars().all(|sign| digit(sign) == Some(0))
}
