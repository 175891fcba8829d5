//! NIK, the citizen's number: `PPRRDD DDMMYY SSSS`.
//!
//! Province, regency and district, two digits each; the birth date, with 40 added to the day for women; a serial from
//! 0001. The number never changes, so a district that no longer exists is as good as one that does.
//!
//! | Step | Rule |
//! | --- | --- |
//! | Trim | white space and control characters at both ends, then one leading `'` |
//! | Drop | spaces (all of Unicode's), `.`, `-`, BOM, soft hyphen, zero-width and direction marks |
//! | Fold | full-width digits to ASCII |
//! | Reject | what is not 16 digits; day outside 01-31 and 41-71; month outside 01-12; a date impossible in 19YY and in 20YY; serial 0000 |
//! | Keep | any region code; [`Nik::province_is_known`] flags |

use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{Kind, OprfInput};
use crate::limits::{IDENTIFIER_CELL_BYTES_MAX, NIK_DIGITS};

/// A well-formed NIK.
///
/// Invariant: 16 ASCII digits that pass the rules of [`Nik::parse`]. It has no `Display`, no comparison and no hash,
/// so it reaches neither a log nor a map by accident; it is zeroized on drop.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Nik([u8; NIK_DIGITS]);

/// Why a cell is not a NIK. Reports count rejections by [`NikRejection::name`]; no variant carries any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum NikRejection {
    /// Nothing there once spaces and punctuation are dropped.
    #[error("the cell is empty")]
    Empty,
    /// More bytes than any damaged NIK would have.
    #[error("the cell is longer than {IDENTIFIER_CELL_BYTES_MAX} bytes")]
    TooLong,
    /// Something stands there that is neither a digit nor dropped.
    #[error("the cell holds something other than digits")]
    NotDigits,
    /// Digits only, but not 16.
    #[error("the number does not have {NIK_DIGITS} digits")]
    WrongLength,
    /// `3.20101E+15`: a spreadsheet kept the number as a float and its last digits are gone.
    #[error("a spreadsheet turned the number into scientific notation; export the column as text")]
    ExcelScientific,
    /// `3201010101010001.0`: the column went through floats, which round above 2^53.
    #[error("the number has a decimal fraction, so it went through a float; export the column as text")]
    DecimalFraction,
    /// More than one 16-digit number.
    #[error("the cell holds more than one {NIK_DIGITS}-digit number")]
    TwoNumbers,
    /// A 16-digit number and then text.
    #[error("text follows the number")]
    TrailingText,
    /// Text and then a 16-digit number.
    #[error("text stands before the number")]
    LeadingText,
    /// Day outside 01-31 and 41-71.
    #[error("the day is outside 01-31 and 41-71")]
    BadDay,
    /// Month outside 01-12.
    #[error("the month is outside 01-12")]
    BadMonth,
    /// A day that its month has neither in 19YY nor in 20YY.
    #[error("the date exists neither in 19YY nor in 20YY")]
    BadDate,
    /// Serial 0000, which is never issued; usually a spreadsheet that keeps 15 digits.
    #[error("the serial is 0000, as spreadsheets leave it; export the column as text")]
    ZeroSerial,
}

impl NikRejection {
    /// Every reason, in the order reports list them.
    pub const ALL: [Self; 13] = [
        Self::Empty,
        Self::TooLong,
        Self::NotDigits,
        Self::WrongLength,
        Self::ExcelScientific,
        Self::DecimalFraction,
        Self::TwoNumbers,
        Self::TrailingText,
        Self::LeadingText,
        Self::BadDay,
        Self::BadMonth,
        Self::BadDate,
        Self::ZeroSerial,
    ];

    /// The reason's stable name in reports and reject files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too-long",
            Self::NotDigits => "not-digits",
            Self::WrongLength => "wrong-length",
            Self::ExcelScientific => "excel-scientific",
            Self::DecimalFraction => "decimal-fraction",
            Self::TwoNumbers => "two-numbers",
            Self::TrailingText => "trailing-text",
            Self::LeadingText => "leading-text",
            Self::BadDay => "bad-day",
            Self::BadMonth => "bad-month",
            Self::BadDate => "bad-date",
            Self::ZeroSerial => "zero-serial",
        }
    }
}

impl Nik {
    /// Reads one cell, by the table at the head of this module.
    ///
    /// # Errors
    /// The first [`NikRejection`] that applies. A text that is long or is not 16 digits is named by its likeliest
    /// damage; a number is then checked from day to serial.
    pub fn parse(text: &str) -> Result<Self, NikRejection> {
        if text.len() > IDENTIFIER_CELL_BYTES_MAX {
            return Err(NikRejection::TooLong);
        }
        let text = trim(text);
        let mut digits = Zeroizing::new([0; NIK_DIGITS]);
        let mut count = 0;
        for sign in text.chars().filter(|&sign| !is_dropped(sign)) {
            let digit = digit(sign).ok_or_else(|| damage(text))?;
            if let Some(slot) = digits.get_mut(count) {
                *slot = b'0' + digit;
            }
            count += 1;
        }
        match count {
            0 => Err(NikRejection::Empty),
            NIK_DIGITS => Self::checked(&digits),
            _ => Err(damage(text)),
        }
    }

    /// The 16 digits, in ASCII.
    #[must_use]
    pub fn digits(&self) -> &[u8; NIK_DIGITS] {
        &self.0
    }

    /// What the OPRF takes for this NIK.
    #[must_use]
    pub fn oprf_input(&self) -> OprfInput {
        OprfInput::new(Kind::Nik, &self.0)
    }

    /// Whether the first two digits are one of today's 38 provinces. Codes change, so an unknown one is a flag for a
    /// report and never a reason to reject.
    #[must_use]
    pub fn province_is_known(&self) -> bool {
        PROVINCES.binary_search(&pair(&self.0, 0)).is_ok()
    }

    /// Whether the day carries the 40 that marks a woman; a family card's recording date never does.
    pub(super) fn day_is_above_40(&self) -> bool {
        pair(&self.0, 6) > 40
    }

    fn checked(digits: &[u8; NIK_DIGITS]) -> Result<Self, NikRejection> {
        let day = match pair(digits, 6) {
            day @ 1..=31 => day,
            day @ 41..=71 => day - 40,
            _ => return Err(NikRejection::BadDay),
        };
        let year = pair(digits, 10);
        let days = match pair(digits, 8) {
            // 1900 had no 29 February but 2000 did, so the century never decides.
            2 if year.is_multiple_of(4) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(NikRejection::BadMonth),
        };
        if day > days {
            return Err(NikRejection::BadDate);
        }
        if pair(digits, 12) == 0 && pair(digits, 14) == 0 {
            return Err(NikRejection::ZeroSerial);
        }
        Ok(Self(*digits))
    }
}

impl core::fmt::Debug for Nik {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Nik(redacted)")
    }
}

/// The 38 provinces of Indonesia, by the first two digits of the Ministry of Home Affairs' (Kemendagri) public region
/// codes, as they stand since the split of Papua in 2022.
#[rustfmt::skip]
const PROVINCES: [u8; 38] = [
    11, 12, 13, 14, 15, 16, 17, 18, 19, 21, // Sumatra and its islands
    31, 32, 33, 34, 35, 36, // Java
    51, 52, 53, // Bali and Nusa Tenggara
    61, 62, 63, 64, 65, // Kalimantan
    71, 72, 73, 74, 75, 76, // Sulawesi
    81, 82, // Maluku
    91, 92, 93, 94, 95, 96, // Papua
];

/// The number that the two digits from `at` on make.
fn pair(digits: &[u8; NIK_DIGITS], at: usize) -> u8 {
    let value = |at| digits.get(at).map_or(0, |digit: &u8| digit.wrapping_sub(b'0'));
    value(at) * 10 + value(at + 1)
}

fn trim(text: &str) -> &str {
    let edge = |sign: char| sign.is_whitespace() || sign.is_control() || is_invisible(sign);
    let text = text.trim_matches(edge);
    text.strip_prefix('\'').unwrap_or(text).trim_start_matches(edge)
}

fn is_dropped(sign: char) -> bool {
    matches!(sign, '.' | '-') || is_space(sign) || is_invisible(sign)
}

/// Unicode's space separators. Tabs and line ends are white space too, but inside a cell they part two values.
fn is_space(sign: char) -> bool {
    matches!(
        sign,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// What has no width: soft hyphen, zero-width spaces and joiners, direction marks (chat programs paste them), BOM.
fn is_invisible(sign: char) -> bool {
    matches!(sign, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn digit(sign: char) -> Option<u8> {
    let zero = match sign {
        '0'..='9' => '0',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        _ => return None,
    };
    u8::try_from(u32::from(sign) - u32::from(zero)).ok()
}

/// Names what happened to a trimmed text that is not 16 digits.
#[cold]
fn damage(text: &str) -> NikRejection {
    if is_scientific(text) {
        return NikRejection::ExcelScientific;
    }
    if has_decimal_fraction(text) {
        return NikRejection::DecimalFraction;
    }
    let is_foreign = |sign: char| !is_dropped(sign) && digit(sign).is_none();
    let lengths = || text.split(is_foreign).map(count_digits);
    let numbers: usize =
        lengths().filter(|length| length % NIK_DIGITS == 0).map(|length| length / NIK_DIGITS).sum();
    match (text.contains(is_foreign), numbers) {
        (_, 2..) => NikRejection::TwoNumbers,
        (false, _) => NikRejection::WrongLength,
        (true, 0) => NikRejection::NotDigits,
        (true, 1) if lengths().next() == Some(NIK_DIGITS) => NikRejection::TrailingText,
        (true, 1) => NikRejection::LeadingText,
    }
}

fn count_digits(text: &str) -> usize {
    text.chars().filter(|&sign| digit(sign).is_some()).count()
}

/// `3.20101E+15`, `3,2E15`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let numeric = |sign: char| matches!(sign, '.' | ',') || is_space(sign) || digit(sign).is_some();
    count_digits(mantissa) > 0
        && mantissa.chars().all(numeric)
        && !exponent.is_empty()
        && exponent.chars().all(|sign| digit(sign).is_some())
}

/// `3201010101010001.0`, `3201010101010001,00`.
fn has_decimal_fraction(text: &str) -> bool {
    let Some((whole, fraction)) = text.rsplit_once(['.', ',']) else { return false };
    whole.chars().all(|sign| is_dropped(sign) || digit(sign).is_some())
        && count_digits(whole) == NIK_DIGITS
        && !fraction.is_empty()
        && fraction.chars().all(|sign| digit(sign) == Some(0))
}
