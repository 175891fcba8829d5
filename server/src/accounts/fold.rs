//! The state that the log comes to.

use std::collections::{HashMap, HashSet};

use samar_protocol::account::Record;
use samar_protocol::wire::RefusalCode;

use super::Bank;
use crate::pki::KeyFingerprint;

const DAY_S: u64 = 86_400;

/// What a bank has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Evaluations charged on the current day (UTC).
    pub today: u64,
    /// Evaluations charged ever.
    pub lifetime: u64,
    /// When the next day begins, seconds since 1970 UTC.
    pub next_day_s: u64,
}

/// Why a debit was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The day's allowance does not cover it.
    Day {
        /// Milliseconds to the next day.
        retry_after_ms: u32,
    },
    /// The lifetime allowance does not cover it.
    Lifetime,
}

impl Refused {
    /// The code that the bank is told.
    #[must_use]
    pub fn code(self) -> RefusalCode {
        match self {
            Self::Day { .. } => RefusalCode::DayAllowanceUsed,
            Self::Lifetime => RefusalCode::LifetimeAllowanceUsed,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Fold {
    accounts: HashMap<String, Account>,
    /// Whose each key is, and since when.
    keys: HashMap<KeyFingerprint, (String, u64)>,
    /// The key that each used token was traded for.
    tokens: HashMap<[u8; 32], KeyFingerprint>,
}

#[derive(Debug, Default)]
struct Account {
    /// The latest day seen, counted from 1970. It never goes back: a clock that does hands nothing back.
    day: u64,
    today: u64,
    lifetime: u64,
    /// Batches charged today and the day before: a retry within a day is free, and memory stays bounded by two days'
    /// allowance.
    batches: HashSet<[u8; 32]>,
    batches_before: HashSet<[u8; 32]>,
}

impl Fold {
    pub(super) fn apply(&mut self, record: &Record) {
        match record {
            Record::Debit { time_s, bank, batch, count } => {
                let account = self.accounts.entry(bank.clone()).or_default();
                account.turn_to(time_s / DAY_S);
                account.today = account.today.saturating_add(u64::from(*count));
                account.lifetime = account.lifetime.saturating_add(u64::from(*count));
                account.batches.insert(*batch);
            }
            Record::Joined { time_s, bank, token, key } => {
                self.tokens.insert(*token, *key);
                self.keys.insert(*key, (bank.clone(), *time_s));
            }
        }
    }

    pub(super) fn check(&mut self, bank: &Bank, count: u32, now_s: u64) -> Result<(), Refused> {
        let account = self.accounts.entry(bank.name.clone()).or_default();
        account.turn_to(now_s / DAY_S);
        let after = |used: u64| used.saturating_add(u64::from(count));
        if after(account.lifetime) > bank.lifetime {
            return Err(Refused::Lifetime);
        }
        if after(account.today) > bank.per_day {
            let milliseconds = account.next_day_s().saturating_sub(now_s).saturating_mul(1_000);
            return Err(Refused::Day { retry_after_ms: u32::try_from(milliseconds).unwrap_or(u32::MAX) });
        }
        Ok(())
    }

    pub(super) fn is_charged(&mut self, bank: &str, batch: &[u8; 32], now_s: u64) -> bool {
        self.accounts.get_mut(bank).is_some_and(|account| {
            account.turn_to(now_s / DAY_S);
            account.batches.contains(batch) || account.batches_before.contains(batch)
        })
    }

    pub(super) fn usage(&self, bank: &str, now_s: u64) -> Usage {
        let day = now_s / DAY_S;
        match self.accounts.get(bank) {
            Some(account) if account.day >= day => {
                Usage { today: account.today, lifetime: account.lifetime, next_day_s: account.next_day_s() }
            }
            Some(account) => {
                Usage { today: 0, lifetime: account.lifetime, next_day_s: (day + 1).saturating_mul(DAY_S) }
            }
            None => Usage { today: 0, lifetime: 0, next_day_s: (day + 1).saturating_mul(DAY_S) },
        }
    }

    pub(super) fn traded_for(&self, token: &[u8; 32]) -> Option<&KeyFingerprint> {
        self.tokens.get(token)
    }

    pub(super) fn bank_of(&self, key: &KeyFingerprint) -> Option<&str> {
        self.keys.get(key).map(|(bank, _)| bank.as_str())
    }

    pub(super) fn keys_of(&self, bank: &str) -> Vec<(KeyFingerprint, u64)> {
        let of_bank = self.keys.iter().filter(|(_, (owner, _))| owner == bank);
        let mut keys: Vec<_> = of_bank.map(|(key, (_, since_s))| (*key, *since_s)).collect();
        keys.sort_by_key(|(key, since_s)| (*since_s, *key));
        keys
    }
}

impl Account {
    fn turn_to(&mut self, day: u64) {
        if day <= self.day {
            return;
        }
        self.batches_before =
            if day == self.day + 1 { std::mem::take(&mut self.batches) } else { HashSet::new() };
        self.batches.clear();
        self.day = day;
        self.today = 0;
    }

    fn next_day_s(&self) -> u64 {
        (self.day + 1).saturating_mul(DAY_S)
    }
}
