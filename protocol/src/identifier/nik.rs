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

use zeroize::ZeroizeOnDrop;

use super::number::{self, pair};
use super::{Kind, OprfInput, Rejection, cell};
use crate::limits::NIK_DIGITS;

/// A well-formed NIK.
///
/// Invariant: 16 ASCII digits that pass the rules of [`Nik::parse`]. It has no `Display`, no comparison and no hash,
/// so it reaches neither a log nor a map by accident; it is zeroized on drop.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Nik([u8; NIK_DIGITS]);

impl Nik {
    /// Reads one cell, by the table at the head of this module.
    ///
    /// # Errors
    /// The first [`Rejection`] that applies. A text that is long or is not 16 digits is named by its likeliest
    /// damage; a number is then checked from day to serial.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let (digits, _) = number::digits(cell::trim(text)?, NIK_DIGITS..=NIK_DIGITS)?;
        Self::checked(&digits)
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

    /// Checks the day, which tells women from men, and what follows it.
    pub(super) fn checked(digits: &[u8; NIK_DIGITS]) -> Result<Self, Rejection> {
        let day = match pair(digits, 6) {
            day @ 1..=31 => Some(day),
            day @ 41..=71 => Some(day - 40),
            _ => None,
        };
        number::check_date_and_serial(digits, day)?;
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
