//! A batch between its blinding and its unblinding, whatever was blinded: the inputs of an evaluation, or the elements of a
//! rekeying. What may be asked of which state, the types around these say ([`super::Blinded`], [`super::BlindedElements`]).

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use super::VerifyError;
use super::prepare::Blinds;
use super::proof::{self, Proof, Statement};
use crate::group::{Backend, Points};

/// A blinded batch, and what takes the blinds off its answer.
pub(super) struct Sent {
    backend: Backend,
    /// What the answer must prove, by the keys that the blinds are bound to.
    statement: Statement,
    unblinding: Unblinding,
    /// The blinded elements: kept so that verification need not decode its own elements again.
    points: Points,
    /// The same, as sent.
    encodings: Vec<[u8; 32]>,
}

/// An answer whose proof held.
pub(super) struct Answered {
    unblinding: Unblinding,
    evaluated: Points,
}

/// What takes the blind off an answered element Z.
enum Unblinding {
    /// Z minus the blind's multiple of the key that the answer is under.
    Subtract(Points),
    /// 2 · 1/(2r)·Z.
    MultiplyAndDouble(Zeroizing<Vec<Scalar>>),
}

impl Sent {
    /// Blinds a batch. There are as many elements as blinds.
    pub(super) fn hide(backend: Backend, statement: Statement, plain: &Points, blinds: Blinds) -> Self {
        let (points, encodings, unblinding) = match blinds {
            // The sum is encoded as it is, at an inverse square root an element: to halve what is hidden, so that the encoding
            // could double, costs a whole multiplication.
            Blinds::Additive { to_add, to_subtract } => {
                let points = plain.add(&to_add);
                let encodings = points.encode();
                (points, encodings, Unblinding::Subtract(to_subtract))
            }
            Blinds::Rfc { halves, inverse_halves } => {
                let half_points = plain.mul_each(&halves);
                let encodings = half_points.encode_double();
                let points = half_points.add(&half_points);
                (points, encodings, Unblinding::MultiplyAndDouble(inverse_halves))
            }
        };
        Self { backend, statement, unblinding, points, encodings }
    }

    pub(super) fn encodings(&self) -> &[[u8; 32]] {
        &self.encodings
    }

    /// Checks an answer: count, every element canonical and not the identity, the proof over exactly what was sent.
    pub(super) fn verify(self, evaluated: &[[u8; 32]], proof: &Proof) -> Result<Answered, VerifyError> {
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
        if !proof::verify(&self.statement, &batch, proof) {
            return Err(VerifyError::Proof);
        }
        Ok(Answered { unblinding: self.unblinding, evaluated: points })
    }
}

impl Answered {
    pub(super) fn count(&self) -> usize {
        self.evaluated.len()
    }

    /// The encodings without their blinds, in order.
    pub(super) fn unblind(self) -> Vec<[u8; 32]> {
        match self.unblinding {
            Unblinding::Subtract(multiples) => self.evaluated.sub(&multiples).encode(),
            Unblinding::MultiplyAndDouble(scalars) => self.evaluated.mul_each(&scalars).encode_double(),
        }
    }
}
