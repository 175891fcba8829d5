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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    fn records(bank: &str) -> [Record; 4] {
        let bank = || bank.to_owned();
        [
            Record::Debit { time_s: 1, bank: bank(), batch: [1; 32], count: 5 },
            Record::Joined { time_s: 2, bank: bank(), token: [2; 32], key: [3; 32] },
            Record::Rekeyed { time_s: 3, bank: bank(), batch: [4; 32], count: 6 },
            Record::Lookup { time_s: 4, bank: bank(), count: 7 },
        ]
    }

    /// The parts that name a bank.
    fn parts(bank: &str) -> [Part; 5] {
        let bank = || bank.to_owned();
        [
            Part::Account { bank: bank(), day: 1, today: 2, lifetime: 3 },
            Part::Batches { bank: bank(), days_before: 1, batches: vec![[5; 32]] },
            Part::Key { key: [6; 32], bank: bank(), since_s: 4 },
            Part::Rekeyed { bank: bank(), today: 1 },
            Part::Lookups { bank: bank(), today: 1 },
        ]
    }

    /// The rule that is broken; nothing where none is.
    fn broken<T: Control>(value: &T) -> Option<&'static str> {
        match encode(value) {
            Ok(_) => None,
            Err(CodecError::Rule { what, reason }) => {
                assert_eq!(what, T::NAME);
                Some(reason)
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_record_says_when_and_whose_it_is_and_reads_back() {
        for (time_s, record) in (1..).zip(records("bank-a")) {
            assert_eq!((record.time_s(), record.bank()), (time_s, "bank-a"));
            let bytes = encode(&record).unwrap();
            assert_eq!(bytes[0], u8::try_from(time_s - 1).unwrap(), "kinds are numbered in this order");
            assert_eq!(decode::<Record>(&bytes), Ok(record));
        }
    }

    #[test]
    fn a_bank_has_a_name_of_1_to_64_bytes_wherever_it_stands() {
        let says = Some("the bank's name is empty or too long");
        for (length, expected) in [(0, says), (1, None), (64, None), (65, says)] {
            let bank = "b".repeat(length);
            for record in records(&bank) {
                assert_eq!(broken(&record), expected, "{record:?}");
            }
            for part in parts(&bank) {
                assert_eq!(broken(&part), expected, "{part:?}");
            }
        }
    }

    #[test]
    fn parts_read_back_and_those_that_say_nothing_or_too_much_are_refused() {
        let at = Part::At { bytes: 1, records: 2, chain: [3; 32] };
        let token = Part::Token { token: [1; 32], key: [2; 32] };
        for part in parts("bank-a").into_iter().chain([at, token]) {
            assert_eq!(decode::<Part>(&encode(&part).unwrap()), Ok(part));
        }
        let bank = || "bank-a".to_owned();
        for none in [Part::Rekeyed { bank: bank(), today: 0 }, Part::Lookups { bank: bank(), today: 0 }] {
            assert_eq!(broken(&none), Some("no rekeyings or lookups"));
        }
        let batches = |days_before, count| {
            broken(&Part::Batches { bank: bank(), days_before, batches: vec![[1; 32]; count] })
        };
        assert_eq!([batches(0, 1), batches(1, PART_BATCHES_MAX)], [None, None]);
        assert_eq!(batches(2, 1), Some("batches of another day than today and the one before"));
        let some = Some("no batches, or too many");
        assert_eq!([batches(0, 0), batches(0, PART_BATCHES_MAX + 1)], [some, some]);
    }
}
