//! The bank's half, as states that consume each other: [`Blinded`] → [`Verified`] → [`Element`]s.

use curve25519_dalek::Scalar;
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::proof::{self, Proof};
use super::{BatchSizeError, Element, HASH_TO_GROUP_DST, PublicKey, check_batch_size};
use crate::group::{Backend, DecodeError, Points};

/// A batch of blinded inputs, waiting for its evaluation. Each input has a blind of its own, used here and nowhere else.
pub struct Blinded {
    backend: Backend,
    /// r[i], the blinds.
    blinds: Zeroizing<Vec<Scalar>>,
    /// r[i]/2 · H(x[i]): kept so that verification need not decode its own elements again.
    half_points: Points,
    /// r[i] · H(x[i]), as sent.
    encodings: Vec<[u8; 32]>,
}

/// A batch whose proof was verified against the pinned key. Only this state can be unblinded.
pub struct Verified {
    blinds: Zeroizing<Vec<Scalar>>,
    evaluated: Points,
}

/// Why an evaluation was refused: the server did not follow the protocol, and nothing was unblinded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Another number of elements than asked for.
    #[error("asked for {asked} evaluated elements, got {got}")]
    Count {
        /// Elements sent.
        asked: usize,
        /// Elements that came back.
        got: usize,
    },
    /// One of them is no element.
    #[error("evaluated {0}")]
    Decode(#[from] DecodeError),
    /// The proof does not hold for the pinned key, the elements sent and those returned.
    #[error("the batch proof does not hold: the server used another key or changed an answer")]
    Proof,
}

impl Blinded {
    /// Blind of RFC 9497 section 3.3.2 over a batch, with fresh blinds from `rng`. Inputs are whole OPRF inputs.
    ///
    /// # Errors
    /// [`BatchSizeError`] for a batch that is empty or over the maximum.
    pub fn new<M: AsRef<[u8]>, R: CryptoRng + ?Sized>(
        backend: Backend,
        inputs: &[M],
        rng: &mut R,
    ) -> Result<Self, BatchSizeError> {
        check_batch_size(inputs.len())?;
        let blinds = Zeroizing::new(inputs.iter().map(|_| Scalar::random(rng)).collect());
        Ok(Self::with_blinds(backend, inputs, blinds))
    }

    pub(super) fn with_blinds<M: AsRef<[u8]>>(
        backend: Backend,
        inputs: &[M],
        blinds: Zeroizing<Vec<Scalar>>,
    ) -> Self {
        let halves: Zeroizing<Vec<Scalar>> = Zeroizing::new(blinds.iter().map(Scalar::div_by_2).collect());
        let half_points = backend.hash_to_group(HASH_TO_GROUP_DST, inputs).mul_each(&halves);
        let encodings = half_points.encode_double();
        Self { backend, blinds, half_points, encodings }
    }

    /// The blinded elements to send, in input order.
    #[must_use]
    pub fn encodings(&self) -> &[[u8; 32]] {
        &self.encodings
    }

    /// Checks the server's answer: count, every element canonical and not the identity, the proof over exactly the
    /// elements that were sent, under the pinned key. Takes the batch by value: after a refusal there is no second try
    /// with the same blinds.
    ///
    /// # Errors
    /// [`VerifyError`]: the peer misbehaved.
    pub fn verify(
        self,
        public_key: &PublicKey,
        evaluated: &[[u8; 32]],
        proof: &Proof,
    ) -> Result<Verified, VerifyError> {
        if evaluated.len() != self.encodings.len() {
            return Err(VerifyError::Count { asked: self.encodings.len(), got: evaluated.len() });
        }
        let points = self.backend.decode(evaluated)?;
        let batch = proof::Batch {
            blinded: &self.encodings,
            evaluated,
            half_blinded_points: &self.half_points,
            evaluated_points: &points,
        };
        if !proof::verify(public_key, &batch, proof) {
            return Err(VerifyError::Proof);
        }
        Ok(Verified { blinds: self.blinds, evaluated: points })
    }
}

impl Verified {
    /// Removes the blinds: `k·H(x)` for every input, in input order.
    #[must_use]
    pub fn unblind(self) -> Vec<Element> {
        // 1/(2r), because the encoding doubles; one shared inversion for the batch.
        let mut inverses: Zeroizing<Vec<Scalar>> =
            Zeroizing::new(self.blinds.iter().map(|blind| blind + blind).collect());
        Scalar::invert_batch_alloc(&mut inverses);
        self.evaluated.mul_each(&inverses).encode_double().into_iter().map(Element).collect()
    }
}

impl core::fmt::Debug for Blinded {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Blinded({} elements, blinds redacted)", self.encodings.len())
    }
}

impl core::fmt::Debug for Verified {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Verified({} elements, blinds redacted)", self.evaluated.len())
    }
}
