//! The bank's half of a rotation: elements that it holds under one key, taken to the next without another evaluation
//! (SPEC.md section "Rekeying"): [`PinnedRotation`] → [`BlindedElements`] → [`VerifiedRekey`] → [`Rekeyed`].

use rand::CryptoRng;

use super::prepare::{Blinding, Blinds, fresh_blinds};
use super::proof::{Proof, Statement};
use super::sent::{Answered, Sent};
use super::{BatchSizeError, Element, PublicKey, VerifyError, check_batch_size};
use crate::group::{Backend, DecodeError, FixedBase, Points};

/// Two public keys that the caller holds for authentic: the one under which it holds elements, and the one that came after it
/// in the signed chain of manifests.
pub struct PinnedRotation {
    backend: Backend,
    from: PublicKey,
    to: PublicKey,
    /// Multiples of both; there for [`Blinding::Additive`].
    multiples: Option<(FixedBase, FixedBase)>,
}

/// A batch of blinded elements, waiting for its rekeying. Each has a blind of its own, used here and nowhere else.
pub struct BlindedElements(Sent);

/// A rekeying whose proof was verified against both pinned keys. Only this state can be unblinded.
pub struct VerifiedRekey(Answered);

/// An element under the key that a rotation led to: `k'·H(x)`, where what was rekeyed was `k·H(x)`.
///
/// A type of its own, so that what was written under the old key and what was made of it are not taken for each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rekeyed(Element);

/// Why a batch was not blinded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RekeyError {
    /// Too few or too many elements.
    #[error(transparent)]
    Size(#[from] BatchSizeError),
    /// One of them is no element: where it was kept is damaged.
    #[error("kept {0}")]
    Decode(#[from] DecodeError),
}

impl PinnedRotation {
    /// Pins the two keys. For [`Blinding::Additive`] the multiples of both are tabulated, which takes about two milliseconds.
    ///
    /// Additive blinding is here `C = e + r·PK`, unblinded as `D - r·PK'`: sound for the same reason as that of an evaluation,
    /// and no further. With `r·G` in place of `r·PK` a bank could not unblind at all.
    #[must_use]
    pub fn new(backend: Backend, from: PublicKey, to: PublicKey, blinding: Blinding) -> Self {
        let table = |key: &PublicKey| FixedBase::new(backend, key.point());
        let multiples = match blinding {
            Blinding::Additive => Some((table(&from), table(&to))),
            Blinding::Rfc => None,
        };
        Self { backend, from, to, multiples }
    }

    /// The key that it leads from.
    #[must_use]
    pub fn from(&self) -> &PublicKey {
        &self.from
    }

    /// The key that it leads to.
    #[must_use]
    pub fn to(&self) -> &PublicKey {
        &self.to
    }

    /// Blinds a batch of elements under [`PinnedRotation::from`] with fresh blinds. Worst-case memory = 640 bytes an element.
    ///
    /// # Errors
    /// [`RekeyError`]: a batch that is empty or over the maximum, or an element that is none.
    pub fn blind<R: CryptoRng + ?Sized>(
        &self,
        elements: &[Element],
        rng: &mut R,
    ) -> Result<BlindedElements, RekeyError> {
        check_batch_size(elements.len())?;
        let encodings = zeroize::Zeroizing::new(elements.iter().map(|element| element.0).collect::<Vec<_>>());
        let plain = self.backend.decode(&encodings)?;
        let blinds = fresh_blinds(elements.len(), rng);
        let blinds = match &self.multiples {
            Some((of_from, of_to)) => {
                Blinds::Additive { to_add: of_from.mul_each(&blinds), to_subtract: of_to.mul_each(&blinds) }
            }
            None => Blinds::multiplying(blinds),
        };
        Ok(self.hide(&plain, blinds))
    }

    fn hide(&self, plain: &Points, blinds: Blinds) -> BlindedElements {
        let statement = Statement::Rekeyed { from: self.from, to: self.to };
        BlindedElements(Sent::hide(self.backend, statement, plain, blinds))
    }
}

impl BlindedElements {
    /// The blinded elements to send, in the order given.
    #[must_use]
    pub fn encodings(&self) -> &[[u8; 32]] {
        self.0.encodings()
    }

    /// Checks the server's answer: count, every element canonical and not the identity, the proof over exactly the elements
    /// that were sent, under the two keys that were pinned. Takes the batch by value: after a refusal there is no second
    /// try with the same blinds.
    ///
    /// # Errors
    /// [`VerifyError`]: the peer misbehaved.
    pub fn verify(self, rekeyed: &[[u8; 32]], proof: &Proof) -> Result<VerifiedRekey, VerifyError> {
        self.0.verify(rekeyed, proof).map(VerifiedRekey)
    }
}

impl VerifiedRekey {
    /// Removes the blinds: `k'·H(x)` for every element `k·H(x)`, in the order given.
    #[must_use]
    pub fn unblind(self) -> Vec<Rekeyed> {
        self.0.unblind().into_iter().map(|encoding| Rekeyed(Element(encoding))).collect()
    }
}

impl Rekeyed {
    /// The element, to be kept from now on as one under the new key.
    #[must_use]
    pub fn into_element(self) -> Element {
        self.0
    }
}

impl core::fmt::Debug for PinnedRotation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PinnedRotation(from {} to {}, {})", self.from.id(), self.to.id(), self.backend.name())
    }
}

impl core::fmt::Debug for BlindedElements {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "BlindedElements({}, blinds redacted)", self.encodings().len())
    }
}

impl core::fmt::Debug for VerifiedRekey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "VerifiedRekey({} elements, blinds redacted)", self.0.count())
    }
}

impl core::fmt::Debug for Rekeyed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Rekeyed(redacted)")
    }
}
