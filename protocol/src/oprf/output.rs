//! What an evaluation comes to: the element, and the tag that segments are built of.

use sha2::{Digest as _, Sha256};

/// `k·H(x)`, canonically encoded. The operator's vault holds nothing else of an identifier; a key rotation
/// multiplies it by k'/k. It never crosses the wire unblinded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element(pub [u8; 32]);

impl Element {
    /// `SHA-256("samar tag v1" ‖ element)`.
    ///
    /// RFC 9497's Finalize also hashes the input. It is left out so that an operator can make tags from what the
    /// vault holds, without the identifiers (SPEC.md section "Tag").
    #[must_use]
    pub fn tag(&self) -> Tag {
        Tag(Sha256::new().chain_update(b"samar tag v1").chain_update(self.0).finalize().into())
    }
}

impl core::fmt::Debug for Element {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Element(redacted)")
    }
}

/// The pseudonym under which an identifier stands in segments. Who holds it can look the identifier up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag(pub [u8; 32]);

impl core::fmt::Debug for Tag {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tag(redacted)")
    }
}
