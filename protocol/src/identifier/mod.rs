//! Identifiers as the OPRF takes them: typed, normalised, domain-separated (SPEC.md section "Identifiers").
//!
//! The operator's ingest and the bank's screening must arrive at the same bytes for the same person, so everything
//! that decides what a cell of a file *means* is here and nowhere else. An identifier exists as a value only if it is
//! well formed; it prints as its kind alone and is zeroized on drop.

mod cell;
mod column;
mod email;
mod kk;
mod nik;
mod npwp;
mod number;
mod phone;
mod rejection;

pub use column::{ColumnSigns, ColumnWarning, SIGNS_ROWS_MIN};
pub use nik::Nik;
pub use rejection::Rejection;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// What sort of identifier went into the OPRF. The byte keeps the kinds apart: a phone number never matches a NIK
/// that happens to have the same digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Every kind, in the order of its byte.
    pub const ALL: [Self; 5] = [Self::Nik, Self::Phone, Self::Email, Self::Kk, Self::Npwp];

    /// The kind's byte in the OPRF input.
    #[must_use]
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// The kind of that byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.byte() == byte)
    }

    /// Name on command lines and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nik => "nik",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Kk => "kk",
            Self::Npwp => "npwp",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What one of them is called in a sentence.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Nik => "NIK",
            Self::Phone => "telephone number",
            Self::Email => "e-mail address",
            Self::Kk => "family card (KK) number",
            Self::Npwp => "NPWP",
        }
    }

    /// What several of them are called.
    #[must_use]
    pub fn nouns(self) -> &'static str {
        match self {
            Self::Nik => "NIKs",
            Self::Phone => "telephone numbers",
            Self::Email => "e-mail addresses",
            Self::Kk => "family card (KK) numbers",
            Self::Npwp => "NPWP numbers",
        }
    }
}

/// An identifier of any kind, well formed and normalised.
///
/// It has no `Display`, no comparison and no hash; it is zeroized on drop.
pub struct Identifier {
    kind: Kind,
    input: OprfInput,
}

impl Identifier {
    /// Reads one cell as an identifier of this kind (SPEC.md section "Identifiers").
    ///
    /// # Errors
    /// The first [`Rejection`] that applies.
    pub fn parse(kind: Kind, cell: &str) -> Result<Self, Rejection> {
        let input = match kind {
            Kind::Nik => Nik::parse(cell)?.oprf_input(),
            Kind::Phone => phone::read(cell)?,
            Kind::Email => email::read(cell)?,
            Kind::Kk => kk::read(cell)?,
            Kind::Npwp => npwp::read(cell)?,
        };
        Ok(Self { kind, input })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its normalised form, in ASCII.
    #[must_use]
    pub fn normalised(&self) -> &[u8] {
        self.input.as_ref().get(PREFIX_BYTES..).unwrap_or_default()
    }

    /// What the OPRF takes for it, which names its kind too.
    #[must_use]
    pub fn input(&self) -> &OprfInput {
        &self.input
    }

    /// The same by value.
    #[must_use]
    pub fn into_input(self) -> OprfInput {
        self.input
    }
}

impl From<Nik> for Identifier {
    fn from(nik: Nik) -> Self {
        Self { kind: Kind::Nik, input: nik.oprf_input() }
    }
}

impl core::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Identifier({}, redacted)", self.kind.name())
    }
}

const INPUT_LABEL: &[u8; 11] = b"samar id v1";
const PREFIX_BYTES: usize = INPUT_LABEL.len() + 1;
/// The byte of [`OprfInput::padding`], which no [`Kind`] has.
const NO_KIND: u8 = 0;
/// Held inline. Every number fits, and an e-mail address of 34 bytes.
const INLINE_BYTES: usize = 46;

/// What the OPRF takes for one identifier: `"samar id v1" ‖ kind byte ‖ normalised identifier in ASCII`.
///
/// Held inline, in 48 bytes, but for long e-mail addresses: a batch of numbers is one allocation. It gives the identifier
/// away, so it prints nothing and is zeroized on drop.
#[derive(ZeroizeOnDrop)]
pub struct OprfInput(Bytes);

#[derive(Zeroize, ZeroizeOnDrop)]
enum Bytes {
    Inline { length: u8, bytes: [u8; INLINE_BYTES] },
    Long(Box<[u8]>),
}

impl OprfInput {
    /// Of an identifier of at most [`IDENTIFIER_BYTES_MAX`](crate::limits::IDENTIFIER_BYTES_MAX) bytes.
    fn new(kind: Kind, identifier: &[u8]) -> Self {
        Self::of(kind.byte(), identifier)
    }

    /// What is sent where a customer has nothing to ask about, so that the number of elements does not say so (SPEC.md section
    /// "Client obligations"). It is the input of no identifier: kind 0, and no bytes. Blinded it is as uniform as any other.
    #[must_use]
    pub fn padding() -> Self {
        Self::of(NO_KIND, &[])
    }

    fn of(kind: u8, identifier: &[u8]) -> Self {
        let prefix = [kind];
        let parts = || INPUT_LABEL.iter().chain(&prefix).chain(identifier).copied();
        let length = PREFIX_BYTES + identifier.len();
        match u8::try_from(length) {
            Ok(short) if length <= INLINE_BYTES => {
                let mut bytes = [0; INLINE_BYTES];
                for (to, from) in bytes.iter_mut().zip(parts()) {
                    *to = from;
                }
                Self(Bytes::Inline { length: short, bytes })
            }
            _ => Self(Bytes::Long(parts().collect())),
        }
    }
}

impl AsRef<[u8]> for OprfInput {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Inline { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Bytes::Long(bytes) => bytes,
        }
    }
}

impl core::fmt::Debug for OprfInput {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OprfInput(redacted)")
    }
}

#[cfg(test)]
mod tests;
