//! Why a cell is no identifier.

use crate::limits::IDENTIFIER_CELL_BYTES_MAX;

/// Why a cell is no identifier of its kind. Reports count rejections by [`Rejection::name`]; no variant carries any of the
/// text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Rejection {
    /// Nothing there once spaces and punctuation are dropped.
    #[error("the cell is empty")]
    Empty,
    /// More bytes than any damaged identifier would have.
    #[error("the cell is longer than {IDENTIFIER_CELL_BYTES_MAX} bytes")]
    TooLong,
    /// Something stands there that is neither a digit nor dropped.
    #[error("the cell holds something other than digits")]
    NotDigits,
    /// Another number of digits or characters than this kind has.
    #[error("the length is none that it can have")]
    WrongLength,
    /// `3.20101E+15`: a spreadsheet kept the number as a float and its last digits are gone.
    #[error("a spreadsheet turned the number into scientific notation; export the column as text")]
    ExcelScientific,
    /// `3201010101010001.0`: the column went through floats, which round above 2^53.
    #[error("the number has a decimal fraction, so it went through a float; export the column as text")]
    DecimalFraction,
    /// More than one number.
    #[error("the cell holds more than one number")]
    TwoNumbers,
    /// A number and then text.
    #[error("text follows the number")]
    TrailingText,
    /// Text and then a number.
    #[error("text stands before the number")]
    LeadingText,
    /// A NIK's day outside 01-31 and 41-71, a family card's outside 01-31.
    #[error("the day is outside 01-31, and for a NIK outside 41-71")]
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
    /// `00.000.000.0-000.000`: what is written for somebody who has no number.
    #[error("the number is what stands for having none")]
    Placeholder,
    /// A telephone number that says of no country, Indonesia included, that it is of it.
    #[error("the number begins with none of +, 00, 0, 62 and 8, so its country is not known")]
    NoCountry,
    /// Indonesian by its country code, but nobody's: a service number, or no number at all.
    #[error("no subscriber's number begins so")]
    BadPrefix,
    /// No @.
    #[error("there is no @")]
    NoAt,
    /// More than one @.
    #[error("there is more than one @")]
    TwoAddresses,
    /// A character outside ASCII in an address.
    #[error("the address has a character outside ASCII; write its domain in its xn-- form")]
    NotAscii,
    /// What stands before the @ is no dot-atom of RFC 5322.
    #[error("what stands before the @ cannot stand there")]
    BadLocal,
    /// What stands after the @ is no domain name.
    #[error("what stands after the @ is no domain name of at least two labels")]
    BadDomain,
}

impl Rejection {
    /// Every reason, in the order reports list them.
    pub const ALL: [Self; 21] = [
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
        Self::Placeholder,
        Self::NoCountry,
        Self::BadPrefix,
        Self::NoAt,
        Self::TwoAddresses,
        Self::NotAscii,
        Self::BadLocal,
        Self::BadDomain,
    ];

    /// The reason's stable name in reports and reject files.
    #[must_use]
    pub const fn name(self) -> &'static str {
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
            Self::Placeholder => "placeholder",
            Self::NoCountry => "no-country",
            Self::BadPrefix => "bad-prefix",
            Self::NoAt => "no-at",
            Self::TwoAddresses => "two-addresses",
            Self::NotAscii => "not-ascii",
            Self::BadLocal => "bad-local",
            Self::BadDomain => "bad-domain",
        }
    }
}
