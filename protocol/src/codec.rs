//! Control structures to bytes and back. The one module that knows bincode: SPEC.md section "Control structures"
//! defines the bytes, so that another encoder can take its place here.
//!
//! The fixed configuration: little-endian, fixed-width integers, u64 lengths, u32 variants, one-byte options.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::error::DecodeError;
pub use bincode::{Decode, Encode};

use crate::limits::{CONTROL_BYTES_MAX, MANIFEST_BYTES_MAX};

/// The limit is that of the largest structure; each structure's own is checked before its bytes get here.
const CONFIG: Configuration<LittleEndian, Fixint, Limit<MANIFEST_BYTES_MAX>> =
    bincode::config::standard().with_fixed_int_encoding().with_limit::<MANIFEST_BYTES_MAX>();

/// Why control bytes were refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than this structure may have.
    #[error("{bytes} bytes, more than the {bytes_max} a {what} may have")]
    TooLong {
        /// Name of the structure.
        what: &'static str,
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// Not the structure expected: cut short, an unknown variant, a length past the end.
    #[error("not a valid {what}: {reason}")]
    Malformed {
        /// Name of the structure.
        what: &'static str,
        /// Which of these; holds no content.
        reason: &'static str,
    },
    /// The structure ended before the bytes did.
    #[error("{bytes} bytes too many after the {what}")]
    Trailing {
        /// Name of the structure.
        what: &'static str,
        /// Surplus.
        bytes: usize,
    },
    /// A field breaks a rule of SPEC.md.
    #[error("{what}: {reason}")]
    Rule {
        /// Name of the structure.
        what: &'static str,
        /// Which rule.
        reason: &'static str,
    },
}

/// A control structure: its name for errors, and the rules that its type alone does not state.
pub trait Control: Encode + Decode<()> {
    /// Name for errors.
    const NAME: &'static str;
    /// Bytes it may have.
    const BYTES_MAX: usize = CONTROL_BYTES_MAX;

    /// Checks what the types do not: ranges, character sets, critical extensions.
    ///
    /// # Errors
    /// [`CodecError::Rule`].
    fn check(&self) -> Result<(), CodecError>;
}

/// The bytes of a structure.
///
/// # Errors
/// [`CodecError`] if it breaks its own rules or comes out longer than any reader would take.
pub fn encode<T: Control>(value: &T) -> Result<Vec<u8>, CodecError> {
    value.check()?;
    let unwritable = |_| CodecError::Malformed { what: T::NAME, reason: "it cannot be written" };
    let bytes = bincode::encode_to_vec(value, CONFIG).map_err(unwritable)?;
    check_length::<T>(bytes.len())?;
    Ok(bytes)
}

/// The structure in `bytes`, which it must fill to the end. A false length inside makes it allocate
/// [`MANIFEST_BYTES_MAX`] at most before it is refused.
///
/// # Errors
/// [`CodecError`].
pub fn decode<T: Control>(bytes: &[u8]) -> Result<T, CodecError> {
    check_length::<T>(bytes.len())?;
    let (value, used) = bincode::decode_from_slice::<T, _>(bytes, CONFIG)
        .map_err(|error| CodecError::Malformed { what: T::NAME, reason: reason(&error) })?;
    if used != bytes.len() {
        return Err(CodecError::Trailing { what: T::NAME, bytes: bytes.len() - used });
    }
    value.check()?;
    Ok(value)
}

/// In our own words: the decoder's name types of this program and change with its version.
fn reason(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::UnexpectedEnd { .. } => "it ends early",
        DecodeError::LimitExceeded => "a length in it is more than there can be",
        DecodeError::UnexpectedVariant { .. } => "a choice in it is none of those that there are",
        DecodeError::Utf8 { .. } => "a text in it is not UTF-8",
        _ => "a field in it cannot be read",
    }
}

fn check_length<T: Control>(bytes: usize) -> Result<(), CodecError> {
    if bytes <= T::BYTES_MAX {
        return Ok(());
    }
    Err(CodecError::TooLong { what: T::NAME, bytes, bytes_max: T::BYTES_MAX })
}

/// An optional addition to a structure: a later version may define it, an older reader skips it unless it is critical.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Extension {
    /// What it is; the top bit marks it critical: a reader that does not know it refuses the structure.
    pub id: u16,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Extension {
    /// The bit of `id` that marks an extension critical.
    pub const CRITICAL: u16 = 0x8000;
}

/// Refuses unknown critical extensions, and ids that do not ascend strictly: there is one way to write a structure. This
/// version defines no critical extension, so every one is unknown.
///
/// # Errors
/// [`CodecError::Rule`].
pub fn check_extensions(what: &'static str, extensions: &[Extension]) -> Result<(), CodecError> {
    let unknown = extensions.iter().any(|extension| extension.id & Extension::CRITICAL != 0);
    rule(what, extensions.is_sorted_by(|a, b| a.id < b.id), "extension ids do not ascend")?;
    rule(what, !unknown, "a critical extension that this version does not know; update Samar")
}

/// `Ok` if `holds`, else the rule that was broken.
pub(crate) fn rule(what: &'static str, holds: bool, reason: &'static str) -> Result<(), CodecError> {
    if holds { Ok(()) } else { Err(CodecError::Rule { what, reason }) }
}
