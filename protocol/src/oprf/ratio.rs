//! The operator's half of a rotation: the ratio of two keys, which takes what stands under one to the other.

use curve25519_dalek::Scalar;
use rand::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::proof::{self, Proof, Statement};
use super::{BlindedBatch, Element, Evaluation, PublicKey, SecretKey};
use crate::group::{Backend, DecodeError};

/// The ratio q = k'/k of two keys: who holds it and one of them holds the other. It takes `k·H(x)` to `k'·H(x)` without
/// x, so that an operator can change its key without the identifiers.
pub struct KeyRatio {
    scalar: Scalar,
    from: PublicKey,
    to: PublicKey,
}

impl KeyRatio {
    /// The ratio that takes elements under `from` to elements under `to`.
    #[must_use]
    pub fn between(from: &SecretKey, to: &SecretKey) -> Self {
        let inverse = Zeroizing::new(from.scalar().invert()); // a key is never zero
        Self { scalar: *inverse * to.scalar(), from: *from.public(), to: *to.public() }
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

    /// `q·E` for each element of the operator's own: `k'·H(x)` of `k·H(x)`, in the order given.
    ///
    /// # Errors
    /// [`DecodeError`] with the first that is no element: what holds them is damaged.
    pub fn carry(&self, backend: Backend, elements: &[[u8; 32]]) -> Result<Vec<Element>, DecodeError> {
        let points = backend.decode(elements)?.mul_shared(&self.half());
        Ok(points.encode_double().into_iter().map(Element).collect())
    }

    /// Rekeys a batch: `q · blinded` element by element, with the proof that it is the ratio of the two public keys.
    #[must_use]
    pub fn rekey<R: CryptoRng + ?Sized>(&self, batch: &BlindedBatch, rng: &mut R) -> Evaluation {
        let evaluated = self.multiply(batch);
        let proof = self.prove(batch, &evaluated, rng);
        Evaluation { evaluated, proof }
    }

    /// The first half of [`KeyRatio::rekey`]: `q · blinded`, element by element. Between the halves its result becomes
    /// public, which is where tests/constant_time says so.
    #[must_use]
    pub fn multiply(&self, batch: &BlindedBatch) -> Vec<[u8; 32]> {
        batch.points.mul_shared(&self.half()).encode_double()
    }

    /// The second half: the proof over a batch and what [`KeyRatio::multiply`] made of it. Takes variable time in both, and
    /// for anything else than that it proves nothing.
    #[must_use]
    pub fn prove<R: CryptoRng + ?Sized>(
        &self,
        batch: &BlindedBatch,
        evaluated: &[[u8; 32]],
        rng: &mut R,
    ) -> Proof {
        let statement = Statement::Rekeyed { from: self.from, to: self.to };
        proof::prove(&statement, &self.scalar, &batch.encodings, &batch.points, evaluated, rng)
    }

    /// `q/2`, for use before [`crate::group::Points::encode_double`].
    fn half(&self) -> Zeroizing<Scalar> {
        Zeroizing::new(self.scalar.div_by_2())
    }
}

impl Drop for KeyRatio {
    fn drop(&mut self) {
        self.scalar.zeroize();
    }
}

impl core::fmt::Debug for KeyRatio {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyRatio(redacted, from {} to {})", self.from.id(), self.to.id())
    }
}
