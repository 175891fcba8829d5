//! The bank's half, as states that consume each other: [`PreparedBlinds`] → [`Blinded`] → [`Verified`] → [`Element`]s.

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use super::prepare::{Blinds, PreparedBlinds};
use super::proof::{self, Proof};
use super::{Element, HASH_TO_GROUP_DST, PublicKey};
use crate::group::{Backend, DecodeError, Points};

/// A batch of blinded inputs, waiting for its evaluation. Each input has a blind of its own, used here and nowhere else.
pub struct Blinded {
    backend: Backend,
    /// The key that the blinds are bound to, and that the answer must prove.
    public: PublicKey,
    unblinding: Unblinding,
    /// The blinded elements: kept so that verification need not decode its own elements again.
    points: Points,
    /// The same, as sent.
    encodings: Vec<[u8; 32]>,
}

/// A batch whose proof was verified against the pinned key. Only this state can be unblinded.
pub struct Verified {
    unblinding: Unblinding,
    evaluated: Points,
}

/// What takes the blind off an evaluated element Z.
enum Unblinding {
    /// Z - r·PK.
    Subtract(Points),
    /// 2 · 1/(2r)·Z.
    MultiplyAndDouble(Zeroizing<Vec<Scalar>>),
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

impl PreparedBlinds {
    /// Blinds a batch. Inputs are whole OPRF inputs.
    ///
    /// # Panics
    /// Unless there are as many inputs as blinds; both come from the same caller.
    #[must_use]
    pub fn blind<M: AsRef<[u8]> + Sync>(self, inputs: &[M]) -> Blinded {
        let Self { backend, public, blinds } = self;
        let hashed = backend.hash_to_group(HASH_TO_GROUP_DST, inputs);
        let (points, encodings, unblinding) = match blinds {
            // The sum is encoded as it is, at an inverse square root an element: to halve H(x), so that the encoding could
            // double, costs a whole multiplication.
            Blinds::Additive { to_add, to_subtract } => {
                let points = hashed.add(&to_add);
                let encodings = points.encode();
                (points, encodings, Unblinding::Subtract(to_subtract))
            }
            Blinds::Rfc { halves, inverse_halves } => {
                let half_points = hashed.mul_each(&halves);
                let encodings = half_points.encode_double();
                let points = half_points.add(&half_points);
                (points, encodings, Unblinding::MultiplyAndDouble(inverse_halves))
            }
        };
        Blinded { backend, public, unblinding, points, encodings }
    }
}

impl Blinded {
    /// The blinded elements to send, in input order.
    #[must_use]
    pub fn encodings(&self) -> &[[u8; 32]] {
        &self.encodings
    }

    /// Checks the server's answer: count, every element canonical and not the identity, the proof over exactly the
    /// elements that were sent, under the key that the blinds were made for. Takes the batch by value: after a refusal
    /// there is no second try with the same blinds.
    ///
    /// # Errors
    /// [`VerifyError`]: the peer misbehaved.
    pub fn verify(self, evaluated: &[[u8; 32]], proof: &Proof) -> Result<Verified, VerifyError> {
        if evaluated.len() != self.encodings.len() {
            return Err(VerifyError::Count { asked: self.encodings.len(), got: evaluated.len() });
        }
        let points = self.backend.decode(evaluated)?;
        let batch = proof::Batch {
            blinded: &self.encodings,
            evaluated,
            blinded_points: &self.points,
            evaluated_points: &points,
        };
        if !proof::verify(&self.public, &batch, proof) {
            return Err(VerifyError::Proof);
        }
        Ok(Verified { unblinding: self.unblinding, evaluated: points })
    }
}

impl Verified {
    /// Removes the blinds: `k·H(x)` for every input, in input order.
    #[must_use]
    pub fn unblind(self) -> Vec<Element> {
        let encodings = match self.unblinding {
            Unblinding::Subtract(multiples) => self.evaluated.sub(&multiples).encode(),
            Unblinding::MultiplyAndDouble(scalars) => self.evaluated.mul_each(&scalars).encode_double(),
        };
        encodings.into_iter().map(Element).collect()
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
