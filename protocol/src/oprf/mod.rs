//! The verifiable oblivious PRF: RFC 9497, ristretto255-SHA512, mode VOPRF, with a batch proof of our own
//! (SPEC.md section "OPRF").
//!
//! ```text
//! bank                                   operator
//! PinnedKey::prepare → PreparedBlinds
//! PreparedBlinds::blind ─ blinded elements →  BlindedBatch::decode, SecretKey::evaluate
//! Blinded::verify ←───── evaluated + proof ─
//! Verified::unblind → Element → Tag           SecretKey::encode → Element → Tag
//! ```
//!
//! After a change of the operator's key the bank takes along what it holds, and the operator its own set, by the ratio of
//! the two keys:
//!
//! ```text
//! PinnedRotation::blind ─ blinded elements →  BlindedBatch::decode, KeyRatio::rekey
//! BlindedElements::verify ←── rekeyed + proof ─
//! VerifiedRekey::unblind → Rekeyed            KeyRatio::carry → Element
//! ```
//!
//! The client's states consume each other, so that a blind is used once, for the key that it was made for, and nothing is
//! unblinded before its proof was verified under that key: the other order does not compile. Additive blinding is
//! sound for that reason alone ([`Blinding`]).

mod blind;
mod evaluate;
mod key;
mod output;
mod prepare;
mod proof;
mod ratio;
mod rekey;
#[cfg(test)]
mod rfc9497;
mod sent;
#[cfg(test)]
mod tests;

pub use blind::{Blinded, Verified, VerifyError};
pub use evaluate::{BlindedBatch, EvaluateError, Evaluation};
pub use key::{KeyError, KeyId, PublicKey, SecretKey};
pub use output::{Element, Tag};
pub use prepare::{Blinding, PinnedKey, PreparedBlinds};
pub use proof::{PROOF_BYTES, Proof};
pub use ratio::KeyRatio;
pub use rekey::{BlindedElements, PinnedRotation, RekeyError, Rekeyed, VerifiedRekey};

use crate::limits::BATCH_ELEMENTS_MAX;

/// Identifies the OPRF suite in every file and request: ristretto255-SHA512, VOPRF, samar batch proof v1.
pub const SUITE: u16 = 1;

/// Domain separation tag of hash-to-group: `"HashToGroup-" ‖ contextString` of RFC 9497 section 4.1 and 3.1, mode 0x01.
const HASH_TO_GROUP_DST: &[u8] = b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512";

/// A batch that is empty or larger than a proof covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch holds 1 to {BATCH_ELEMENTS_MAX} elements, this one {count}")]
pub struct BatchSizeError {
    /// What the batch held.
    pub count: usize,
}

fn check_batch_size(count: usize) -> Result<(), BatchSizeError> {
    if (1..=BATCH_ELEMENTS_MAX).contains(&count) { Ok(()) } else { Err(BatchSizeError { count }) }
}
