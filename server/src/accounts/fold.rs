//! The state that the log comes to.

use std::collections::{HashMap, HashSet};

use samar_protocol::account::{PART_BATCHES_MAX, Part, Record};
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
    /// Elements rekeyed on the current day.
    pub rekeyed_today: u64,
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
    /// The day's private lookups are used up.
    Lookups {
        /// Milliseconds to the next day.
        retry_after_ms: u32,
    },
    /// The clock stands so many days behind the account's: one of them is wrong.
    Clock {
        /// Days.
        behind: u64,
    },
}

impl Refused {
    /// The code that the bank is told.
    #[must_use]
    pub fn code(self) -> RefusalCode {
        match self {
            Self::Day { .. } => RefusalCode::DayAllowanceUsed,
            Self::Lifetime => RefusalCode::LifetimeAllowanceUsed,
            Self::Lookups { .. } => RefusalCode::LookupAllowanceUsed,
            Self::Clock { .. } => RefusalCode::Internal,
        }
    }
}

impl Usage {
    /// Whether what is left of a day's allowance covers so many more.
    fn check_day(&self, used: u64, per_day: u64, count: u32, now_s: u64) -> Result<(), Refused> {
        if used.saturating_add(u64::from(count)) <= per_day {
            return Ok(());
        }
        let milliseconds = self.next_day_s.saturating_sub(now_s).saturating_mul(1_000);
        Err(Refused::Day { retry_after_ms: u32::try_from(milliseconds).unwrap_or(u32::MAX) })
    }
}

/// What the records come to. Nothing but a record changes it, so that it is the same for whoever reads the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fold {
    accounts: HashMap<String, Account>,
    /// Whose each key is, and since when.
    keys: HashMap<KeyFingerprint, (String, u64)>,
    /// The key that each used token was traded for.
    tokens: HashMap<[u8; 32], KeyFingerprint>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Account {
    /// The latest day charged on, counted from 1970. It never goes back: a clock that does hands nothing back.
    day: u64,
    today: u64,
    lifetime: u64,
    rekeyed_today: u64,
    /// Private lookups charged today.
    lookups: u64,
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
            Record::Rekeyed { time_s, bank, batch, count } => {
                let account = self.accounts.entry(bank.clone()).or_default();
                account.turn_to(time_s / DAY_S);
                account.rekeyed_today = account.rekeyed_today.saturating_add(u64::from(*count));
                account.batches.insert(*batch);
            }
            Record::Lookup { time_s, bank, count } => {
                let account = self.accounts.entry(bank.clone()).or_default();
                account.turn_to(time_s / DAY_S);
                account.lookups = account.lookups.saturating_add(u64::from(*count));
            }
        }
    }

    /// Whether a debit of `count` may be written now.
    pub(super) fn check(&self, bank: &Bank, count: u32, now_s: u64) -> Result<(), Refused> {
        let used = self.usage(&bank.name, now_s);
        if used.lifetime.saturating_add(u64::from(count)) > bank.lifetime {
            return Err(Refused::Lifetime);
        }
        used.check_day(used.today, bank.per_day, count, now_s)
    }

    /// Whether a rekeying of `count` may be written now. As many are allowed in a day as evaluations, apart from those, and
    /// none count for the lifetime: they give nothing that was not paid for under the key before.
    pub(super) fn check_rekeying(&self, bank: &Bank, count: u32, now_s: u64) -> Result<(), Refused> {
        let used = self.usage(&bank.name, now_s);
        used.check_day(used.rekeyed_today, bank.per_day, count, now_s)
    }

    /// Whether one more private lookup may be written now, of so many in a day.
    pub(super) fn check_lookup(&self, bank: &str, per_day: u64, now_s: u64) -> Result<(), Refused> {
        let used = self.accounts.get(bank).filter(|account| account.day >= now_s / DAY_S);
        if used.map_or(0, |account| account.lookups) < per_day {
            return Ok(());
        }
        let milliseconds = self.usage(bank, now_s).next_day_s.saturating_sub(now_s).saturating_mul(1_000);
        Err(Refused::Lookups { retry_after_ms: u32::try_from(milliseconds).unwrap_or(u32::MAX) })
    }

    /// Refuses where the account's day is not the clock's, nor the one after. Either the clock is behind now, and nothing
    /// it says can be written; or it was ahead once, and the account would stand on that far day until it comes.
    pub(super) fn check_clock(&self, bank: &str, now_s: u64) -> Result<(), Refused> {
        let behind = self.accounts.get(bank).map_or(0, |account| account.day.saturating_sub(now_s / DAY_S));
        if behind > 1 { Err(Refused::Clock { behind }) } else { Ok(()) }
    }

    pub(super) fn is_charged(&self, bank: &str, batch: &[u8; 32], now_s: u64) -> bool {
        let day = now_s / DAY_S;
        self.accounts.get(bank).is_some_and(|account| {
            let on_its_day = day <= account.day.saturating_add(1) && account.batches.contains(batch);
            on_its_day || (day <= account.day && account.batches_before.contains(batch))
        })
    }

    pub(super) fn usage(&self, bank: &str, now_s: u64) -> Usage {
        let day = now_s / DAY_S;
        match self.accounts.get(bank) {
            Some(account) if account.day >= day => Usage {
                today: account.today,
                lifetime: account.lifetime,
                rekeyed_today: account.rekeyed_today,
                next_day_s: account.next_day_s(),
            },
            account => Usage {
                lifetime: account.map_or(0, |account| account.lifetime),
                next_day_s: (day + 1).saturating_mul(DAY_S),
                ..Usage::default()
            },
        }
    }

    /// The latest day of any record, counted from 1970; `None` where there is none.
    pub(super) fn newest_day(&self) -> Option<u64> {
        let joined = self.keys.values().map(|(_, since_s)| since_s / DAY_S);
        self.accounts.values().map(|account| account.day).chain(joined).max()
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

    /// All of it, in parts; equal folds come in the same parts.
    pub(super) fn parts<E>(&self, mut each: impl FnMut(Part) -> Result<(), E>) -> Result<(), E> {
        for bank in sorted(self.accounts.keys()) {
            let Account { day, today, lifetime, rekeyed_today, lookups, ref batches, ref batches_before } =
                self.accounts[bank];
            each(Part::Account { bank: bank.clone(), day, today, lifetime })?;
            if rekeyed_today > 0 {
                each(Part::Rekeyed { bank: bank.clone(), today: rekeyed_today })?;
            }
            for (days_before, batches) in [(0, batches), (1, batches_before)] {
                for batches in sorted(batches).chunks(PART_BATCHES_MAX) {
                    let batches = batches.iter().map(|batch| **batch).collect();
                    each(Part::Batches { bank: bank.clone(), days_before, batches })?;
                }
            }
            if lookups > 0 {
                each(Part::Lookups { bank: bank.clone(), today: lookups })?;
            }
        }
        for key in sorted(self.keys.keys()) {
            let (bank, since_s) = &self.keys[key];
            each(Part::Key { key: *key, bank: bank.clone(), since_s: *since_s })?;
        }
        for token in sorted(self.tokens.keys()) {
            each(Part::Token { token: *token, key: self.tokens[token] })?;
        }
        Ok(())
    }

    /// Takes in a part that [`Fold::parts`] gave.
    ///
    /// # Errors
    /// A part that has no place here.
    pub(super) fn take(&mut self, part: Part) -> Result<(), &'static str> {
        let is_new = match part {
            Part::At { .. } => return Err("a second beginning"),
            Part::Account { bank, day, today, lifetime } => {
                let account = Account { day, today, lifetime, ..Account::default() };
                self.accounts.insert(bank, account).is_none()
            }
            Part::Batches { bank, days_before, batches } => {
                let account =
                    self.accounts.get_mut(&bank).ok_or("batches of an account that is not there")?;
                let set = if days_before == 0 { &mut account.batches } else { &mut account.batches_before };
                batches.into_iter().all(|batch| set.insert(batch))
            }
            Part::Rekeyed { bank, today } => {
                let account =
                    self.accounts.get_mut(&bank).ok_or("rekeyings of an account that is not there")?;
                std::mem::replace(&mut account.rekeyed_today, today) == 0
            }
            Part::Key { key, bank, since_s } => self.keys.insert(key, (bank, since_s)).is_none(),
            Part::Lookups { bank, today } => {
                let account =
                    self.accounts.get_mut(&bank).ok_or("lookups of an account that is not there")?;
                std::mem::replace(&mut account.lookups, today) == 0
            }
            Part::Token { token, key } => self.tokens.insert(token, key).is_none(),
        };
        if is_new { Ok(()) } else { Err("the same twice") }
    }
}

fn sorted<'a, T: Ord + 'a>(of: impl IntoIterator<Item = &'a T>) -> Vec<&'a T> {
    let mut all: Vec<&T> = of.into_iter().collect();
    all.sort_unstable();
    all
}

impl Account {
    fn turn_to(&mut self, day: u64) {
        if day <= self.day {
            return;
        }
        self.batches_before = if day == self.day.saturating_add(1) {
            std::mem::take(&mut self.batches)
        } else {
            HashSet::new()
        };
        self.batches.clear();
        self.day = day;
        self.today = 0;
        self.rekeyed_today = 0;
        self.lookups = 0;
    }

    fn next_day_s(&self) -> u64 {
        self.day.saturating_add(1).saturating_mul(DAY_S)
    }
}
