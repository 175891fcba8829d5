//! What can be made before the inputs are known: the multiples of the pinned key, and the blinds of a batch.

use curve25519_dalek::Scalar;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{BatchSizeError, Blinded, PublicKey, check_batch_size};
use crate::group::{Backend, FixedBase, Points};

/// How an input is hidden. The server sees a uniform element either way, answers both alike, and cannot tell them apart;
/// the unblinded elements are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blinding {
    /// `H(x) + r·G`, unblinded as `Z - r·PK`: two fixed-base multiplications, both possible ahead of time.
    ///
    /// Sound only for an authentic key and an answer that was proved to be made with it. With neither, a server
    /// can choose answers that tie the outputs of different inputs together (ePrint 2021/273, where the group is
    /// written multiplicatively and this blinding therefore called multiplicative). Here there is no other order.
    #[default]
    Additive,
    /// `r·H(x)`, unblinded as `1/r·Z`: Blind of RFC 9497 section 3.3.1.
    Rfc,
}

/// A public key that the caller holds for authentic (it stood in a signed manifest), ready to blind under.
pub struct PinnedKey {
    backend: Backend,
    public: PublicKey,
    /// Multiples of the key; there for [`Blinding::Additive`].
    multiples: Option<FixedBase>,
}

/// Blinds for one batch, for one key. They are used up by the batch that they blind.
pub struct PreparedBlinds {
    pub(super) backend: Backend,
    pub(super) public: PublicKey,
    pub(super) blinds: Blinds,
}

/// A blind r an input, as what remains to be done with it. `r` itself is not kept where its multiples are enough.
pub(super) enum Blinds {
    /// r·G and r·PK; to rekey, r·PK and r·PK'.
    Additive { to_add: Points, to_subtract: Points },
    /// r/2 and 1/(2r), because the encoding doubles.
    Rfc { halves: Zeroizing<Vec<Scalar>>, inverse_halves: Zeroizing<Vec<Scalar>> },
}

impl PinnedKey {
    /// Pins a key. For [`Blinding::Additive`] its multiples are tabulated, which takes about a millisecond.
    #[must_use]
    pub fn new(backend: Backend, public: PublicKey, blinding: Blinding) -> Self {
        let multiples = match blinding {
            Blinding::Additive => Some(FixedBase::new(backend, public.point())),
            Blinding::Rfc => None,
        };
        Self { backend, public, multiples }
    }

    /// The key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Fresh blinds for a batch of `count` inputs. For [`Blinding::Additive`] this is the larger part of the bank's work,
    /// and it needs no input. Worst-case memory = 320 bytes × `count`.
    ///
    /// # Errors
    /// [`BatchSizeError`] for a batch that is empty or over the maximum.
    pub fn prepare<R: CryptoRng + ?Sized>(
        &self,
        count: usize,
        rng: &mut R,
    ) -> Result<PreparedBlinds, BatchSizeError> {
        check_batch_size(count)?;
        Ok(self.prepare_with(fresh_blinds(count, rng)))
    }

    pub(super) fn prepare_with(&self, blinds: Zeroizing<Vec<Scalar>>) -> PreparedBlinds {
        let blinds = match &self.multiples {
            Some(multiples) => Blinds::Additive {
                to_add: Points::mul_base_each(self.backend, &blinds),
                to_subtract: multiples.mul_each(&blinds),
            },
            None => Blinds::multiplying(blinds),
        };
        PreparedBlinds { backend: self.backend, public: self.public, blinds }
    }

    /// Blinds a batch with fresh blinds: [`PinnedKey::prepare`] and [`PreparedBlinds::blind`]. Inputs are whole OPRF inputs.
    ///
    /// # Errors
    /// [`BatchSizeError`] for a batch that is empty or over the maximum.
    pub fn blind<M: AsRef<[u8]> + Sync, R: CryptoRng + ?Sized>(
        &self,
        inputs: &[M],
        rng: &mut R,
    ) -> Result<Blinded, BatchSizeError> {
        Ok(self.prepare(inputs.len(), rng)?.blind(inputs))
    }
}

/// A scalar an element of a batch, none zero but by a chance of 2^-252.
pub(super) fn fresh_blinds<R: CryptoRng + ?Sized>(count: usize, rng: &mut R) -> Zeroizing<Vec<Scalar>> {
    Zeroizing::new((0..count).map(|_| Scalar::random(rng)).collect())
}

impl Blinds {
    /// Blinds that multiply.
    pub(super) fn multiplying(blinds: Zeroizing<Vec<Scalar>>) -> Self {
        let halves = Zeroizing::new(blinds.iter().map(Scalar::div_by_2).collect());
        let mut inverse_halves = blinds;
        inverse_halves.iter_mut().for_each(|blind| *blind += *blind);
        Scalar::invert_batch_alloc(&mut inverse_halves); // one inversion for the batch
        Self::Rfc { halves, inverse_halves }
    }
}

impl PreparedBlinds {
    /// The size of the batch that they are for.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.blinds {
            Blinds::Additive { to_add, .. } => to_add.len(),
            Blinds::Rfc { halves, .. } => halves.len(),
        }
    }
}

impl core::fmt::Debug for PinnedKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PinnedKey(id {}, {})", self.public.id(), self.backend.name())
    }
}

impl core::fmt::Debug for PreparedBlinds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PreparedBlinds({} for key {}, redacted)", self.count(), self.public.id())
    }
}
