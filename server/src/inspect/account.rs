//! The account log, in sums.

use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;

use crate::accounts::LOG_REMEDY;
use crate::audit::Audit;

pub(super) fn decode(source: &Source) -> Result<Report, Failure> {
    let failure = |error| Failure::local(format!("cannot read {}: {error}", source.name()));
    let audit = Audit::of(source.file()).map_err(failure)?;
    let mut report = Report::default();
    report.facts.count("records", audit.records);
    let first_s = audit.banks.values().map(|sums| sums.first_s).min();
    let last_s = audit.banks.values().map(|sums| sums.last_s).max();
    if let (Some(first_s), Some(last_s)) = (first_s, last_s) {
        report.facts.add("first", Value::Time(first_s));
        report.facts.add("last", Value::Time(last_s));
    }
    let banks = audit.banks.iter().map(|(bank, sums)| {
        let mut facts = Facts::default();
        facts.text("bank", bank);
        facts.count("batches", sums.batches);
        facts.count("evaluations", sums.evaluations);
        facts.count("rekeyed", sums.rekeyed);
        facts.count("lookups", sums.lookups);
        facts.count("keys_joined", sums.joined);
        facts.add("first", Value::Time(sums.first_s));
        facts.add("last", Value::Time(sums.last_s));
        facts
    });
    report.facts.add("banks", Value::Several("bank", banks.collect()));
    report.facts.add("chain_head", Value::Hex(audit.chain.to_vec()));
    if let Some((at, what, remedy)) = audit.fault() {
        report.fault(Fault::at(at, what).or_remedy(remedy));
    }
    if let Some(remark) = audit.remark() {
        report.note(remark);
    }
    report.remedy(LOG_REMEDY);
    Ok(report)
}
