//! The client's view of manifests over time: it only ever moves forward along one chain.

use ed25519_dalek::VerifyingKey;

use super::{ManifestError, ManifestHash, SignedManifest};
use crate::limits::MANIFEST_WALK_MAX;

/// A manifest known to be on the operator's chain: from the invitation, or the last one seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Its epoch; 0 where nothing was published yet.
    pub epoch: u64,
    /// Its hash; zeros for epoch 0.
    pub hash: ManifestHash,
}

/// Why the operator's newest manifest is not accepted: each is a lie or a stale copy, never a fault of the bank.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Not a manifest by this publisher.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Older than what was seen.
    #[error("the server offers epoch {offered}, but epoch {seen} was already seen: a rollback")]
    Rollback {
        /// Epoch offered.
        offered: u64,
        /// Epoch seen before.
        seen: u64,
    },
    /// Another manifest of the same epoch, or one that does not descend from what was seen.
    #[error("the manifest of epoch {epoch} does not descend from the one seen before: a fork")]
    Fork {
        /// Where the chains part.
        epoch: u64,
    },
    /// Another epoch than asked for.
    #[error("asked for the manifest of epoch {asked}, got that of epoch {got}")]
    Epoch {
        /// Epoch asked for.
        asked: u64,
        /// Epoch that came.
        got: u64,
    },
    /// No longer valid: a frozen view.
    #[error(
        "the newest manifest, epoch {epoch}, ran out {late_s} s ago: a frozen server, or a wrong clock here"
    )]
    Expired {
        /// Its epoch.
        epoch: u64,
        /// Seconds since its end.
        late_s: u64,
    },
    /// Too far from the floor to walk.
    #[error(
        "{epochs} epochs since the last one seen, more than can be walked: ask the operator for a new invitation"
    )]
    TooFar {
        /// Distance.
        epochs: u64,
    },
}

/// A walk from the last manifest seen to the newest one.
#[derive(Debug)]
pub struct Chain {
    publisher: VerifyingKey,
    at: Floor,
}

impl Chain {
    /// A chain that was last seen at `floor`, signed by `publisher` from there on.
    #[must_use]
    pub fn new(publisher: VerifyingKey, floor: Floor) -> Self {
        Self { publisher, at: floor }
    }

    /// The last manifest accepted.
    #[must_use]
    pub fn at(&self) -> Floor {
        self.at
    }

    /// The key that must have signed the next manifest.
    #[must_use]
    pub fn publisher(&self) -> VerifyingKey {
        self.publisher
    }

    /// The epochs between the last one seen and `newest`, each to be fetched and given to [`Chain::advance`] in order.
    /// Call it with the epoch that the newest manifest claims, before trusting anything else in it.
    ///
    /// # Errors
    /// [`ChainError::Rollback`], [`ChainError::TooFar`].
    pub fn missing(&self, newest: u64) -> Result<std::ops::Range<u64>, ChainError> {
        if newest < self.at.epoch {
            return Err(ChainError::Rollback { offered: newest, seen: self.at.epoch });
        }
        let epochs = newest - self.at.epoch;
        if epochs > MANIFEST_WALK_MAX {
            return Err(ChainError::TooFar { epochs });
        }
        Ok(self.at.epoch + 1..newest.max(self.at.epoch + 1))
    }

    /// Takes the next manifest of the chain, or the one last seen once more.
    ///
    /// # Errors
    /// [`ChainError`]; the chain stays where it was.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<SignedManifest, ChainError> {
        let claimed = SignedManifest::inspect(bytes)?;
        let epoch = claimed.manifest().epoch;
        if epoch == self.at.epoch {
            // Known by its hash; the key that signed it may have been rolled over since.
            let same = claimed.hash() == self.at.hash;
            return if same { Ok(claimed) } else { Err(ChainError::Fork { epoch }) };
        }
        let signed = SignedManifest::verify(bytes, &self.publisher)?;
        if epoch != self.at.epoch + 1 {
            return Err(ChainError::Epoch { asked: self.at.epoch + 1, got: epoch });
        }
        if signed.manifest().previous != self.at.hash.0 {
            return Err(ChainError::Fork { epoch });
        }
        if let Some(next) = signed.manifest().next_publisher_key {
            self.publisher = super::publisher_key(&next).ok_or(ManifestError::Signature)?;
        }
        self.at = Floor { epoch, hash: signed.hash() };
        Ok(signed)
    }

    /// Refuses a newest manifest that is past its end at `now_s` (seconds since 1970 UTC).
    ///
    /// # Errors
    /// [`ChainError::Expired`].
    pub fn check_fresh(newest: &SignedManifest, now_s: u64) -> Result<(), ChainError> {
        let manifest = newest.manifest();
        match now_s.checked_sub(manifest.valid_until_s) {
            Some(late_s) if late_s > 0 => Err(ChainError::Expired { epoch: manifest.epoch, late_s }),
            _ => Ok(()),
        }
    }
}
