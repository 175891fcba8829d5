//! Made-up data of the real shape: dumps to ingest and customers to screen, for demonstrations, tests and measuring.
//!
//! Everything follows from a seed: the same seed and spec give the same bytes on every machine. Person `i` of a
//! [`Population`] has a NIK that no other person has, so that what a screening must find is known beforehand, without
//! keeping a list: persons are numbers, a dump holds a range of them, and customers are drawn from ranges. So are KK, NPWP, and
//! the telephone numbers and e-mail addresses of accounts ([`Like::Tokopedia`], [`CustomerSpec::all_kinds`]).
//!
//! Nobody is meant by any of it. District codes are generated in the real scheme (38 provinces with their numbers of
//! regencies and cities, about as many districts as there are) and are not the official list; phones and names are
//! random, and e-mail domains are reserved for examples.

mod cell;
mod columns;
mod customers;
mod dice;
mod district;
mod dump;
mod form;
mod person;
mod population;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, Write};
use std::ops::Range;

pub use columns::Like;
pub use customers::{
    Breach, CustomerSpec, CustomerSummary, Group, Overlap, write_customers, write_customers_as,
};
pub use dump::{DumpSpec, DumpSummary, write_dump, write_dump_as};
pub use form::DumpForm;
pub use population::Population;

/// A spec that cannot be met, or an output that fails.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// More persons than there are.
    #[error(
        "persons up to {last} are asked for, but there are only {capacity}; lower the count or the first person"
    )]
    Population {
        /// One past the last person asked for.
        last: u64,
        /// How many there are.
        capacity: u64,
    },
    /// A share above the whole.
    #[error("{share} is {value} per mille; a share is at most 1000")]
    Share {
        /// Which share.
        share: &'static str,
        /// Its value.
        value: u32,
    },
    /// A group of customers that its range cannot fill.
    #[error(
        "{take} customers are to be {group}, but only {available} persons are; lower the count or change the ranges"
    )]
    Group {
        /// What the customers have in common.
        group: String,
        /// How many were asked for.
        take: u64,
        /// How many there are.
        available: u64,
    },
    /// Ranges of customers that share persons.
    #[error("persons {}..{} and {}..{} overlap; nobody is a customer twice", first.start, first.end, second.start, second.end)]
    Twice {
        /// The one that begins first.
        first: Range<u64>,
        /// The other.
        second: Range<u64>,
    },
    /// More rows than a sheet of a workbook has.
    #[error("a sheet has at most {most} rows beside its header; make several files, or another form")]
    Rows {
        /// How many it has.
        most: u64,
    },
    /// The output failed.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

/// How many rows of a file are damaged or repeated, in per mille of the persons in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dirt {
    /// Rows whose identifiers are written in an odd way but mean the same: spaces, dots, dashes, a leading quote, full-width
    /// digits, invisible characters.
    pub odd_per_mille: u32,
    /// Rows added whose identifiers no reader can accept: too short or long, scientific notation, a date or serial that cannot
    /// be, text, nothing. They are no person's.
    pub broken_per_mille: u32,
    /// Rows added that repeat a person from further up.
    pub repeated_per_mille: u32,
}

impl Dirt {
    fn check(&self) -> Result<(), SynthError> {
        check_share("odd", self.odd_per_mille)?;
        check_share("broken", self.broken_per_mille)?;
        check_share("repeated", self.repeated_per_mille)
    }
}

fn check_share(share: &'static str, value: u32) -> Result<(), SynthError> {
    if value <= 1000 { Ok(()) } else { Err(SynthError::Share { share, value }) }
}

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// Hands the text to `out` once there is enough of it.
fn pass_on(text: &mut Vec<u8>, out: &mut (impl Write + ?Sized), least_bytes: usize) -> io::Result<()> {
    if text.len() >= least_bytes {
        out.write_all(text)?;
        text.clear();
    }
    Ok(())
}
