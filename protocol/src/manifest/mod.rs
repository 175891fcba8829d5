//! The signed manifest: what the operator publishes, one epoch after another (SPEC.md section "Manifest").

mod breach;
mod chain;
mod details;
mod rotation;
mod signed;
#[cfg(test)]
mod tests;

pub use crate::segment::{SegmentKind, is_breach_id};
pub use breach::{Breach, SegmentRef, Status, is_class, is_date};
pub use chain::{Chain, ChainError, Floor};
pub use details::{BreachDetails, Details, EXTENSION_DETAILS};
pub use rotation::{EXTENSION_ROTATION, Rotation};
pub use signed::{MANIFEST_MAGIC, ManifestError, SignedManifest, sign};

use ed25519_dalek::VerifyingKey;

use crate::codec::{self, CodecError, Control, Decode, Encode, Extension, rule};
use crate::limits::{BREACHES_MAX, MANIFEST_BYTES_MAX, MANIFEST_VALIDITY_S_MAX, NAME_BYTES_MAX};
use crate::oprf::{self, KeyError, KeyId, PublicKey};

/// BLAKE3 hash by which manifests are chained and compared: over `"samar manifest v1" ‖ body`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ManifestHash(pub [u8; 32]);

impl ManifestHash {
    /// What stands as `previous` in the first manifest.
    pub const NONE: Self = Self([0; 32]);
}

impl core::fmt::Display for ManifestHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::fmt::Debug for ManifestHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ManifestHash({self})")
    }
}

/// The body of a manifest. Field order is the order of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// Who publishes; a line for people.
    pub operator: String,
    /// Number of this manifest, from 1, each one more than the last.
    pub epoch: u64,
    /// When it was made, seconds since 1970 UTC.
    pub created_s: u64,
    /// The last second of its validity, since 1970 UTC.
    pub valid_until_s: u64,
    /// Hash of the manifest before it; all zeros in epoch 1.
    pub previous: [u8; 32],
    /// OPRF suite, [`oprf::SUITE`].
    pub suite: u16,
    /// OPRF key id: that of `public_key`.
    pub key_id: [u8; 8],
    /// OPRF public key, canonical.
    pub public_key: [u8; 32],
    /// Breaches, ascending by id.
    pub breaches: Vec<Breach>,
    /// Ed25519 key that signs from the next epoch on, where the operator changes it.
    pub next_publisher_key: Option<[u8; 32]>,
    /// Additions: [`EXTENSION_ROTATION`] may be among them.
    pub extensions: Vec<Extension>,
}

impl Manifest {
    /// The OPRF public key.
    ///
    /// # Errors
    /// [`KeyError::Element`]; a decoded manifest was checked, so only one made by hand can fail.
    pub fn oprf_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_bytes(&self.public_key)
    }

    /// The id of the OPRF key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId(self.key_id)
    }

    /// Entries over all breaches, as counted by their segments.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.breaches.iter().map(Breach::entries).sum()
    }
}

impl Control for Manifest {
    const NAME: &'static str = "manifest";
    const BYTES_MAX: usize = MANIFEST_BYTES_MAX;

    fn check(&self) -> Result<(), CodecError> {
        let rule = |holds, reason| rule(Self::NAME, holds, reason);
        rule(
            is_line(&self.operator, NAME_BYTES_MAX),
            "the operator's name is empty, too long or not printable",
        )?;
        rule(self.epoch >= 1, "epochs are counted from 1")?;
        rule(
            (self.epoch == 1) == (self.previous == ManifestHash::NONE.0),
            "only epoch 1 has no previous manifest",
        )?;
        let validity = self.valid_until_s.checked_sub(self.created_s);
        rule(
            validity.is_some_and(|s| s <= MANIFEST_VALIDITY_S_MAX),
            "valid-until is before its creation or over a year after",
        )?;
        rule(self.suite == oprf::SUITE, "an OPRF suite that this version does not know; update Samar")?;
        let key = self.oprf_key().ok();
        rule(key.is_some(), "the OPRF public key is not a canonical element")?;
        rule(key.is_some_and(|key| key.id() == self.key_id()), "the key id is not that of the public key")?;
        rule(self.breaches.len() <= BREACHES_MAX, "too many breaches")?;
        rule(self.breaches.is_sorted_by(|a, b| a.id < b.id), "breaches are not in ascending order of id")?;
        self.breaches.iter().try_for_each(Breach::check)?;
        let next = self.next_publisher_key.as_ref().map(publisher_key);
        rule(next != Some(None), "the next publisher key is not an Ed25519 key")?;
        codec::check_extensions(Self::NAME, &self.extensions)?;
        self.check_rotation()?;
        self.check_details()
    }
}

/// The Ed25519 key in 32 bytes; `None` if they are no point, or one of small order: no signature holds under that, so a chain
/// that came to it would end there.
#[must_use]
pub fn publisher_key(bytes: &[u8; 32]) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak())
}

/// Whether `text` is one line that can be shown on a terminal: not empty, bounded, no control characters.
pub(crate) fn is_line(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control)
}
