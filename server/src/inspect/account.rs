//! The account log, in sums.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};

use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;
use samar_local::people::counted;
use samar_protocol::account::Record;
use samar_protocol::codec;

use crate::accounts::{LOG_REMEDY, read_head};
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
        let (records, evaluations) = readable_from(source.file(), at).map_err(failure)?;
        if records > 0 {
            report.note(format!(
                "{} from there on can still be read, with {}; nothing binds them to the chain",
                counted(records, "record"),
                counted(evaluations, "evaluation")
            ));
        }
    }
    if let Some(remark) = audit.remark() {
        report.note(remark);
    }
    report.remedy(LOG_REMEDY);
    Ok(report)
}

/// Records from this byte on, and evaluations in them, as far as one length leads to the next (SPEC.md section "Account log").
fn readable_from(mut file: &File, at: u64) -> io::Result<(u64, u64)> {
    file.seek(SeekFrom::Start(at))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (mut records, mut evaluations) = (0, 0u64);
    let mut head = [0; 4];
    while reader.read_exact(&mut head).is_ok() {
        let Some((body_bytes, _)) = read_head(head) else { break };
        let mut body = vec![0; body_bytes];
        if reader.read_exact(&mut body).and_then(|()| reader.read_exact(&mut [0; 32])).is_err() {
            break;
        }
        let Ok(record) = codec::decode::<Record>(&body) else { continue };
        records += 1;
        if let Record::Debit { count, .. } = record {
            evaluations = evaluations.saturating_add(count.into());
        }
    }
    Ok((records, evaluations))
}
