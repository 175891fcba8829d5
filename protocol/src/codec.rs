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

#[cfg(test)]
mod tests {
    use super::*;

    /// One of every kind of field.
    #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
    struct Thing {
        count: u16,
        text: String,
        bytes: Vec<u8>,
        choice: Option<Choice>,
        flag: bool,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
    enum Choice {
        First,
        Second(u8),
    }

    impl Control for Thing {
        const NAME: &'static str = "thing";
        const BYTES_MAX: usize = 100;

        fn check(&self) -> Result<(), CodecError> {
            rule(Self::NAME, self.count != 13, "an unlucky count")
        }
    }

    fn thing(bytes: usize) -> Thing {
        let choice = Some(Choice::Second(9));
        Thing { count: 0x0102, text: "aé".to_owned(), bytes: vec![7; bytes], choice, flag: true }
    }

    /// Bytes of a thing beside those of its bytes: 2, 8 + 3, 8, 1 + 4 + 1, 1.
    const REST: usize = 28;

    #[test]
    fn the_bytes_are_those_of_the_fixed_configuration() {
        let bytes = encode(&thing(2)).unwrap();
        let expected = [
            [2, 1].as_slice(),                           // little-endian
            &[3, 0, 0, 0, 0, 0, 0, 0, b'a', 0xc3, 0xa9], // lengths of 8 bytes
            &[2, 0, 0, 0, 0, 0, 0, 0, 7, 7],
            &[1, 1, 0, 0, 0, 9], // options of 1 byte, choices of 4
            &[1],
        ];
        assert_eq!(bytes, expected.concat());
        assert_eq!(decode::<Thing>(&bytes), Ok(thing(2)));
        let none = Thing { choice: None, flag: false, ..thing(0) };
        assert_eq!(decode::<Thing>(&encode(&none).unwrap()), Ok(none));
    }

    #[test]
    fn a_structure_has_as_many_bytes_as_it_may_and_fills_them() {
        let longest = encode(&thing(100 - REST)).unwrap();
        assert_eq!(longest.len(), 100);
        assert_eq!(decode::<Thing>(&longest), Ok(thing(100 - REST)));
        let too_long = CodecError::TooLong { what: "thing", bytes: 101, bytes_max: 100 };
        assert_eq!(encode(&thing(101 - REST)), Err(too_long));
        let too_long = CodecError::TooLong { what: "thing", bytes: 101, bytes_max: 100 };
        assert_eq!(decode::<Thing>(&[0; 101]), Err(too_long));
        let mut longer = encode(&thing(3)).unwrap();
        longer.extend([0; 5]);
        assert_eq!(decode::<Thing>(&longer), Err(CodecError::Trailing { what: "thing", bytes: 5 }));
    }

    #[test]
    fn a_rule_holds_for_what_is_written_and_what_is_read() {
        let unlucky = Thing { count: 13, ..thing(1) };
        let broken = || CodecError::Rule { what: "thing", reason: "an unlucky count" };
        assert_eq!(encode(&unlucky), Err(broken()));
        let mut bytes = encode(&thing(1)).unwrap();
        bytes[..2].copy_from_slice(&[13, 0]);
        assert_eq!(decode::<Thing>(&bytes), Err(broken()));
    }

    #[test]
    fn what_is_wrong_is_said_in_our_own_words() {
        let good = encode(&thing(2)).unwrap();
        let says = |bytes: &[u8]| match decode::<Thing>(bytes) {
            Err(CodecError::Malformed { what: "thing", reason }) => reason,
            other => panic!("{other:?}"),
        };
        for length in 0..good.len() {
            assert_eq!(says(&good[..length]), "it ends early", "{length}");
        }
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            says(&bytes)
        };
        assert_eq!(changed(9, 0xff), "a length in it is more than there can be");
        assert_eq!(changed(11, 0xff), "a text in it is not UTF-8");
        assert_eq!(changed(24, 7), "a choice in it is none of those that there are");
        assert_eq!(changed(29, 7), "a field in it cannot be read", "a flag is 0 or 1");
    }

    #[test]
    fn extensions_ascend_and_none_that_is_critical_is_known() {
        let check = |ids: &[u16]| {
            let extensions: Vec<_> = ids.iter().map(|id| Extension { id: *id, bytes: vec![] }).collect();
            check_extensions("thing", &extensions)
        };
        let broken = |reason| Err(CodecError::Rule { what: "thing", reason });
        for good in [[].as_slice(), &[0], &[1, 2, 0x7fff]] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        for bad in [[2, 1], [1, 1]] {
            assert_eq!(check(&bad), broken("extension ids do not ascend"));
        }
        for critical in [[1, 0x8000].as_slice(), &[0x8001], &[0xffff]] {
            let reason = "a critical extension that this version does not know; update Samar";
            assert_eq!(check(critical), broken(reason), "{critical:?}");
        }
    }
}
