//! A checkpoint of the account log, in sums.

use std::io::BufReader;

use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;
use samar_protocol::account::Part;

use crate::accounts::{CheckpointError, Parts};

const REMEDY: &str = "remove it: the server makes another from the log, which alone counts";

/// What is shown of an account.
struct Sums {
    bank: String,
    day: u64,
    today: u64,
    lifetime: u64,
    rekeyed: u64,
    batches: u64,
    lookups: u64,
}

pub(super) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    match show(&mut report.facts, source) {
        Ok(()) => {}
        Err(CheckpointError::Damaged { at, what }) => report.fault(Fault::at(at, what)),
        Err(CheckpointError::Read(error)) => {
            return Err(Failure::local(format!("cannot read {}: {error}", source.name())));
        }
    }
    report.remedy(REMEDY);
    Ok(report)
}

fn show(facts: &mut Facts, source: &Source) -> Result<(), CheckpointError> {
    let mut parts = Parts::open(BufReader::new(source.file()))?;
    let mut accounts: Vec<Sums> = Vec::new();
    let (mut keys, mut tokens) = (0u64, 0u64);
    let ended = loop {
        match parts.step() {
            Ok(Some(Part::At { bytes, records, chain })) => {
                facts.count("records", records);
                facts.add("log_bytes", Value::Bytes(bytes));
                facts.add("chain", Value::Hex(chain.to_vec()));
            }
            Ok(Some(Part::Account { bank, day, today, lifetime })) => {
                accounts.push(Sums { bank, day, today, lifetime, rekeyed: 0, batches: 0, lookups: 0 });
            }
            Ok(Some(Part::Batches { bank, batches, .. })) => {
                if let Some(sums) = accounts.iter_mut().find(|sums| sums.bank == bank) {
                    sums.batches += batches.len() as u64;
                }
            }
            Ok(Some(Part::Rekeyed { bank, today })) => {
                if let Some(sums) = accounts.iter_mut().find(|sums| sums.bank == bank) {
                    sums.rekeyed += today;
                }
            }
            Ok(Some(Part::Lookups { bank, today })) => {
                if let Some(sums) = accounts.iter_mut().find(|sums| sums.bank == bank) {
                    sums.lookups += today;
                }
            }
            Ok(Some(Part::Key { .. })) => keys += 1,
            Ok(Some(Part::Token { .. })) => tokens += 1,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // What came before a fault is shown all the same.
    let accounts = accounts.into_iter().map(|sums| {
        let mut facts = Facts::default();
        facts.text("bank", sums.bank);
        facts.count("evaluations", sums.lifetime);
        facts.add("last_day", Value::Time(sums.day.saturating_mul(86_400)));
        facts.count("on_that_day", sums.today);
        facts.count("rekeyed_on_that_day", sums.rekeyed);
        facts.count("batches_remembered", sums.batches);
        facts.count("lookups_on_that_day", sums.lookups);
        facts
    });
    facts.add("accounts", Value::Several("account", accounts.collect()));
    facts.count("keys_joined", keys);
    facts.count("tokens_used", tokens);
    ended
}
