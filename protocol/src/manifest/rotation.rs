//! What a manifest says of a change of the OPRF key (SPEC.md section "Rotation"): an extension, not critical, so that an older
//! reader goes on and only evaluates anew.

use super::Manifest;
use crate::codec::{CodecError, Extension, rule};
use crate::limits::MANIFEST_VALIDITY_S_MAX;
use crate::oprf::{KeyId, PublicKey};

/// Id of the extension of a manifest that names the previous key.
pub const EXTENSION_ROTATION: u16 = 1;

/// Bytes of it: key id, public key, seconds.
const ROTATION_BYTES: usize = 8 + 32 + 8;

/// The key before the manifest's, for as long as it is served beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The key before.
    pub previous: PublicKey,
    /// The last second in which it is evaluated under, and rekeyed from, since 1970 UTC. Then it is destroyed.
    pub until_s: u64,
}

impl Rotation {
    /// The extension that says so.
    #[must_use]
    pub fn extension(&self) -> Extension {
        let bytes = [self.previous.id().0.as_slice(), &self.previous.to_bytes(), &self.until_s.to_le_bytes()]
            .concat();
        Extension { id: EXTENSION_ROTATION, bytes }
    }

    /// Whether the previous key is still served at this time.
    #[must_use]
    pub fn is_open(&self, now_s: u64) -> bool {
        now_s <= self.until_s
    }

    /// The rotation in these bytes, if they are one.
    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; ROTATION_BYTES] = bytes.try_into().ok()?;
        let (id, rest) = bytes.split_first_chunk::<8>()?;
        let (key, until) = rest.split_first_chunk::<32>()?;
        let previous = PublicKey::from_bytes(key).ok()?;
        let until_s = u64::from_le_bytes(until.try_into().ok()?);
        (previous.id() == KeyId(*id)).then_some(Self { previous, until_s })
    }
}

impl Manifest {
    /// The rotation that it tells of, if it does.
    #[must_use]
    pub fn rotation(&self) -> Option<Rotation> {
        let extension = self.extensions.iter().find(|extension| extension.id == EXTENSION_ROTATION)?;
        Rotation::read(&extension.bytes) // `None` for one made by hand: a decoded manifest was checked
    }

    pub(super) fn check_rotation(&self) -> Result<(), CodecError> {
        if !self.extensions.iter().any(|extension| extension.id == EXTENSION_ROTATION) {
            return Ok(());
        }
        let rule = |holds, reason| rule("manifest", holds, reason);
        let rotation = self.rotation();
        rule(rotation.is_some(), "the rotation is not a key id, its key and a time")?;
        let is_other = |rotation: Rotation| rotation.previous.to_bytes() != self.public_key;
        rule(rotation.is_some_and(is_other), "the rotation leads from the key to the same key")?;
        let grace_s = rotation.and_then(|rotation| rotation.until_s.checked_sub(self.created_s));
        rule(
            grace_s.is_some_and(|s| s <= MANIFEST_VALIDITY_S_MAX),
            "the rotation ends before the manifest was made or over a year after",
        )
    }
}
