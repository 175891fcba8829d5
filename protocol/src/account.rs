//! What the operator's account log records, and a checkpoint of it (SPEC.md section "Account log").

use crate::codec::{CodecError, Control, Decode, Encode, rule};
use crate::limits::NAME_BYTES_MAX;

/// Batch hashes in one part of a checkpoint.
pub const PART_BATCHES_MAX: usize = 1_024;

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
    /// A batch was rekeyed: charged to the day's rekeyings, and to nothing else.
    Rekeyed {
        /// When, seconds since 1970 UTC.
        time_s: u64,
        /// To whom.
        bank: String,
        /// Labelled SHA-256 over its blinded elements, so that no evaluation of the same elements is taken for paid.
        batch: [u8; 32],
        /// Elements in it.
        count: u32,
    },
    /// Private lookups were charged.
    Lookup {
        /// When, seconds since 1970 UTC.
        time_s: u64,
        /// To whom.
        bank: String,
        /// How many. Of which page is hidden, and of which segment is not kept.
        count: u32,
    },
}

impl Record {
    /// When it was written, seconds since 1970 UTC.
    #[must_use]
    pub fn time_s(&self) -> u64 {
        let (Self::Debit { time_s, .. }
        | Self::Joined { time_s, .. }
        | Self::Rekeyed { time_s, .. }
        | Self::Lookup { time_s, .. }) = self;
        *time_s
    }

    /// The bank that it is of.
    #[must_use]
    pub fn bank(&self) -> &str {
        let (Self::Debit { bank, .. }
        | Self::Joined { bank, .. }
        | Self::Rekeyed { bank, .. }
        | Self::Lookup { bank, .. }) = self;
        bank
    }
}

impl Control for Record {
    const NAME: &'static str = "account record";

    fn check(&self) -> Result<(), CodecError> {
        check_bank(Self::NAME, self.bank())
    }
}

/// A part of a checkpoint: of what the log comes to at one of its records. Field order is the order of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Part {
    /// Which record. The first part, and no other.
    At {
        /// Bytes of the log up to the end of the record.
        bytes: u64,
        /// Records up to there.
        records: u64,
        /// The chain after it.
        chain: [u8; 32],
    },
    /// What an account has used.
    Account {
        /// Whose it is.
        bank: String,
        /// Its day, counted from 1970.
        day: u64,
        /// Evaluations charged on that day.
        today: u64,
        /// Evaluations charged ever.
        lifetime: u64,
    },
    /// Batches that an account was charged for, whose part came before.
    Batches {
        /// Whose they are.
        bank: String,
        /// 0 for the account's day, 1 for the day before.
        days_before: u8,
        /// Their hashes.
        batches: Vec<[u8; 32]>,
    },
    /// A key that a bank joined with.
    Key {
        /// SHA-256 of the SubjectPublicKeyInfo.
        key: [u8; 32],
        /// Whose it is.
        bank: String,
        /// Since when, seconds since 1970 UTC.
        since_s: u64,
    },
    /// A token that was used.
    Token {
        /// SHA-256 of the token.
        token: [u8; 32],
        /// The key that it was traded for.
        key: [u8; 32],
    },
    /// Rekeyings of an account, whose part came before, on its day.
    Rekeyed {
        /// Whose they are.
        bank: String,
        /// How many: at least one.
        today: u64,
    },
    /// Private lookups of an account, whose part came before, on its day.
    Lookups {
        /// Whose they are.
        bank: String,
        /// How many: at least one.
        today: u64,
    },
}

impl Control for Part {
    const NAME: &'static str = "part of a checkpoint";

    fn check(&self) -> Result<(), CodecError> {
        match self {
            Self::At { .. } | Self::Token { .. } => Ok(()),
            Self::Account { bank, .. } | Self::Key { bank, .. } => check_bank(Self::NAME, bank),
            Self::Rekeyed { bank, today } | Self::Lookups { bank, today } => {
                check_bank(Self::NAME, bank)?;
                rule(Self::NAME, *today > 0, "no rekeyings or lookups")
            }
            Self::Batches { bank, days_before, batches } => {
                check_bank(Self::NAME, bank)?;
                rule(Self::NAME, *days_before <= 1, "batches of another day than today and the one before")?;
                let some = (1..=PART_BATCHES_MAX).contains(&batches.len());
                rule(Self::NAME, some, "no batches, or too many")
            }
        }
    }
}

fn check_bank(what: &'static str, bank: &str) -> Result<(), CodecError> {
    rule(what, (1..=NAME_BYTES_MAX).contains(&bank.len()), "the bank's name is empty or too long")
}
