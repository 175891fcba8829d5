//! The bank's half, as states that consume each other: [`PreparedBlinds`] → [`Blinded`] → [`Verified`] → [`Element`]s.

use super::prepare::PreparedBlinds;
use super::proof::{Proof, Statement};
use super::sent::{Answered, Sent};
use super::{Element, HASH_TO_GROUP_DST};
use crate::group::DecodeError;

/// A batch of blinded inputs, waiting for its evaluation. Each input has a blind of its own, used here and nowhere else.
pub struct Blinded(Sent);

/// A batch whose proof was verified against the pinned key. Only this state can be unblinded.
pub struct Verified(Answered);

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
        Blinded(Sent::hide(backend, Statement::Evaluated { key: public }, &hashed, blinds))
    }
}

impl Blinded {
    /// The blinded elements to send, in input order.
    #[must_use]
    pub fn encodings(&self) -> &[[u8; 32]] {
        self.0.encodings()
    }

    /// Checks the server's answer: count, every element canonical and not the identity, the proof over exactly the
    /// elements that were sent, under the key that the blinds were made for. Takes the batch by value: after a refusal
    /// there is no second try with the same blinds.
    ///
    /// # Errors
    /// [`VerifyError`]: the peer misbehaved.
    pub fn verify(self, evaluated: &[[u8; 32]], proof: &Proof) -> Result<Verified, VerifyError> {
        self.0.verify(evaluated, proof).map(Verified)
    }
}

impl Verified {
    /// Removes the blinds: `k·H(x)` for every input, in input order.
    #[must_use]
    pub fn unblind(self) -> Vec<Element> {
        self.0.unblind().into_iter().map(Element).collect()
    }
}

impl core::fmt::Debug for Blinded {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Blinded({} elements, blinds redacted)", self.encodings().len())
    }
}

impl core::fmt::Debug for Verified {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Verified({} elements, blinds redacted)", self.0.count())
    }
}
