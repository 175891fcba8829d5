//! The operator's half: evaluate a bank's blinded elements with a proof, and encode its own set.

use rand::CryptoRng;
use sha2::{Digest as _, Sha256};

use super::proof::{self, Proof, Statement};
use super::{BatchSizeError, Element, HASH_TO_GROUP_DST, SecretKey, check_batch_size};
use crate::group::{Backend, DecodeError, Points};

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

/// A bank's batch as it was received: every element canonical and not the identity. Checking comes first, so that a
/// batch is refused before it is charged.
#[derive(Debug)]
pub struct BlindedBatch {
    pub(super) encodings: Vec<[u8; 32]>,
    pub(super) points: Points,
}

impl BlindedBatch {
    /// Decodes a batch.
    ///
    /// # Errors
    /// [`EvaluateError`]; the batch is taken whole or not at all.
    pub fn decode(backend: Backend, encodings: Vec<[u8; 32]>) -> Result<Self, EvaluateError> {
        check_batch_size(encodings.len())?;
        let points = backend.decode(&encodings)?;
        Ok(Self { encodings, points })
    }

    /// Number of elements.
    #[must_use]
    pub fn count(&self) -> usize {
        self.encodings.len()
    }

    /// The name under which a batch is charged: SHA-256 over its encodings. A retry of the same batch has the same.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.encodings.as_flattened()).into()
    }

    /// The name under which its rekeying is charged: another than [`BlindedBatch::hash`] of any batch, so that what was rekeyed
    /// is not evaluated for free.
    #[must_use]
    pub fn rekey_hash(&self) -> [u8; 32] {
        let labelled = Sha256::new_with_prefix(b"samar rekey batch v1");
        labelled.chain_update(self.encodings.as_flattened()).finalize().into()
    }
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
    #[must_use]
    pub fn evaluate<R: CryptoRng + ?Sized>(&self, batch: &BlindedBatch, rng: &mut R) -> Evaluation {
        let evaluated = self.multiply(batch);
        let proof = self.prove(batch, &evaluated, rng);
        Evaluation { evaluated, proof }
    }

    /// The first half of [`SecretKey::evaluate`]: `k · blinded`, element by element. Between the halves the evaluated
    /// elements become public, which is where tests/constant_time says so.
    #[must_use]
    pub fn multiply(&self, batch: &BlindedBatch) -> Vec<[u8; 32]> {
        batch.points.mul_shared(&self.half()).encode_double()
    }

    /// The second half: the proof over a batch and what [`SecretKey::multiply`] made of it. Takes variable time in both, and
    /// for anything else than that it proves nothing.
    #[must_use]
    pub fn prove<R: CryptoRng + ?Sized>(
        &self,
        batch: &BlindedBatch,
        evaluated: &[[u8; 32]],
        rng: &mut R,
    ) -> Proof {
        let statement = Statement::Evaluated { key: *self.public() };
        proof::prove(&statement, self.scalar(), &batch.encodings, &batch.points, evaluated, rng)
    }

    /// `k·H(x)` for every input: how the operator's own set is encoded. Inputs are whole OPRF inputs, label included.
    #[must_use]
    pub fn encode<M: AsRef<[u8]> + Sync>(&self, backend: Backend, inputs: &[M]) -> Vec<Element> {
        let points = backend.hash_to_group(HASH_TO_GROUP_DST, inputs).mul_shared(&self.half());
        points.encode_double().into_iter().map(Element).collect()
    }
}
