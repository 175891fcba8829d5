//! What the operator's account log records (SPEC.md section "Account log").

use crate::codec::{CodecError, Control, Decode, Encode};
use crate::limits::NAME_BYTES_MAX;

/// One record. Field order is the order of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Record {
    /// A batch was charged.
    Debit {
        /// When, seconds since 1970 UTC.
        time_s: u64,
        /// To whom.
        bank: String,
        /// SHA-256 over its blinded elements: perfectly hiding, and what makes a retry free.
        batch: [u8; 32],
        /// Elements in it.
        count: u32,
    },
    /// A token was traded for a certificate.
    Joined {
        /// When, seconds since 1970 UTC.
        time_s: u64,
        /// By whom.
        bank: String,
        /// SHA-256 of the token.
        token: [u8; 32],
        /// SHA-256 of the SubjectPublicKeyInfo certified.
        key: [u8; 32],
    },
}

impl Control for Record {
    const NAME: &'static str = "account record";

    fn check(&self) -> Result<(), CodecError> {
        let (Self::Debit { bank, .. } | Self::Joined { bank, .. }) = self;
        if (1..=NAME_BYTES_MAX).contains(&bank.len()) {
            return Ok(());
        }
        Err(CodecError::Rule { what: Self::NAME, reason: "the bank's name is empty or too long" })
    }
}
