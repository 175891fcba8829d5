//! Identifiers as the OPRF takes them: typed, normalised, domain-separated (SPEC.md section "Identifiers").
//!
//! The operator's ingest and the bank's screening must arrive at the same bytes for the same person, so everything
//! that decides what a cell of a file *means* is here and nowhere else. An identifier exists as a value only if it is
//! well formed; it prints as its kind alone and is zeroized on drop.

mod column;
mod nik;

pub use column::{ColumnSigns, ColumnWarning, SIGNS_ROWS_MIN};
pub use nik::{Nik, NikRejection};

use zeroize::ZeroizeOnDrop;

use crate::limits::NIK_DIGITS;

/// What sort of identifier went into the OPRF. The byte keeps the kinds apart: a phone number never matches a NIK
/// that happens to have the same digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Nomor Induk Kependudukan, the citizen's number: 16 digits.
    Nik = 1,
    /// Telephone number, E.164.
    Phone = 2,
    /// E-mail address.
    Email = 3,
    /// Kartu Keluarga, the family card's number: 16 digits.
    Kk = 4,
    /// Nomor Pokok Wajib Pajak, the taxpayer's number.
    Npwp = 5,
}

impl Kind {
    /// The kind's byte in the OPRF input.
    #[must_use]
    pub fn byte(self) -> u8 {
        self as u8
    }
}

const INPUT_LABEL: &[u8; 11] = b"samar id v1";
const INPUT_BYTES: usize = INPUT_LABEL.len() + 1 + NIK_DIGITS;

/// What the OPRF takes for one identifier: `"samar id v1" ‖ kind byte ‖ normalised identifier in ASCII`.
///
/// Held inline, 28 bytes: a batch of 65,535 is one allocation. It gives the identifier away, so it prints nothing and
/// is zeroized on drop.
#[derive(ZeroizeOnDrop)]
pub struct OprfInput([u8; INPUT_BYTES]);

impl OprfInput {
    fn new(kind: Kind, identifier: &[u8; NIK_DIGITS]) -> Self {
        let mut bytes = [0; INPUT_BYTES];
        let parts = INPUT_LABEL.iter().copied().chain([kind.byte()]).chain(identifier.iter().copied());
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = from;
        }
        Self(bytes)
    }
}

impl AsRef<[u8]> for OprfInput {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for OprfInput {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OprfInput(redacted)")
    }
}

#[cfg(test)]
mod tests;
