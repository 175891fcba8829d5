//! The operator's half: evaluate a bank's blinded elements with a proof, and encode its own set.

use rand::CryptoRng;

use super::proof::{self, Proof};
use super::{BatchSizeError, Element, HASH_TO_GROUP_DST, SecretKey, check_batch_size};
use crate::group::{Backend, DecodeError};

/// Why a batch was refused. Nothing was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// Too few or too many elements.
    #[error(transparent)]
    Size(#[from] BatchSizeError),
    /// One of them is no element.
    #[error("blinded {0}")]
    Decode(#[from] DecodeError),
}

/// The answer to a batch: element by element `k · blinded`, and the proof that one key made them all.
#[derive(Debug)]
pub struct Evaluation {
    /// Evaluated elements, in the order of the request.
    pub evaluated: Vec<[u8; 32]>,
    /// Proof over the whole batch.
    pub proof: Proof,
}

impl SecretKey {
    /// BlindEvaluate of RFC 9497 section 3.3.2 over a batch, with the batch proof of SPEC.md.
    ///
    /// # Errors
    /// [`EvaluateError`]; the batch is evaluated whole or not at all.
    pub fn evaluate<R: CryptoRng + ?Sized>(
        &self,
        backend: Backend,
        blinded: &[[u8; 32]],
        rng: &mut R,
    ) -> Result<Evaluation, EvaluateError> {
        check_batch_size(blinded.len())?;
        let points = backend.decode(blinded)?;
        let evaluated = points.mul_shared(&self.half()).encode_double();
        let proof = proof::prove(self, blinded, &points, &evaluated, rng);
        Ok(Evaluation { evaluated, proof })
    }

    /// `k·H(x)` for every input: how the operator's own set is encoded. Inputs are whole OPRF inputs, label included.
    #[must_use]
    pub fn encode<M: AsRef<[u8]>>(&self, backend: Backend, inputs: &[M]) -> Vec<Element> {
        let points = backend.hash_to_group(HASH_TO_GROUP_DST, inputs).mul_shared(&self.half());
        points.encode_double().into_iter().map(Element).collect()
    }
}
