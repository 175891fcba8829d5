//! A vault file: its header, and every record walked and counted. No element is shown.

use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use samar_inspect::binary::Fields;
use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;
use samar_local::progress::{Progress, Unit};
use samar_protocol::codec;
use samar_protocol::limits::CONTROL_BYTES_MAX;
use samar_protocol::vault::VaultHeader;

use crate::vault::file::{FOOTER_BYTES, RECORD_BYTES, Record, VAULT_MAGIC, VAULT_REMEDY};

/// Bytes before the header.
const HEADER_AT: u64 = VAULT_MAGIC.len() as u64 + 4;

pub(super) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut facts = Facts::default();
    let head = source.read(0, HEADER_AT + CONTROL_BYTES_MAX as u64)?;
    let header = show(&mut facts, &head);
    report.facts = facts;
    match header {
        Err(fault) => report.fault(fault),
        Ok(header) => {
            if let Err(error) = codec::decode::<VaultHeader>(header.bytes) {
                report.fault(Fault::at(HEADER_AT, error.to_string()));
            }
            records(&mut report, source, HEADER_AT + header.bytes.len() as u64, &header.varies)?;
            report.fault_first(header.changed);
        }
    }
    report.remedy(VAULT_REMEDY);
    Ok(report)
}

struct Header<'a> {
    bytes: &'a [u8],
    varies: Vec<String>,
    changed: Option<Fault>,
}

fn show<'a>(facts: &mut Facts, head: &'a [u8]) -> Result<Header<'a>, Fault> {
    let mut fields = Fields::new(head, 0);
    let changed = fields.magic(&VAULT_MAGIC)?;
    let length = fields.u32("the header's length")?;
    if length as usize > CONTROL_BYTES_MAX {
        return Err(Fault::at(
            VAULT_MAGIC.len() as u64,
            format!("a header of {length} bytes: longer than any"),
        ));
    }
    let bytes = fields.clone().take("the header", length as usize).unwrap_or_default();
    facts.add("oprf_key_id", Value::Hex(fields.array::<8>("the key id")?.to_vec()));
    facts.text("breach", fields.string("the breach id")?);
    facts.add("exposes", Value::Names(fields.strings("the data classes")?));
    let varies = fields.strings("the data classes that vary")?;
    facts.add("varies", Value::Names(varies.clone()));
    if bytes.len() != length as usize || fields.at() != HEADER_AT + u64::from(length) {
        let what = format!("the header is not of the {length} bytes that it should have");
        return Err(Fault::at(fields.at(), what));
    }
    Ok(Header { bytes, varies, changed })
}

/// Walks the records. What reading stops at is the fault: a vault with less than all of it is none.
fn records(report: &mut Report, source: &Source, from: u64, varies: &[String]) -> Result<(), Failure> {
    let after = source.length().saturating_sub(from);
    let there = after.saturating_sub(FOOTER_BYTES as u64) / RECORD_BYTES as u64;
    let misfit =
        after.checked_sub(FOOTER_BYTES as u64).is_none_or(|bytes| !bytes.is_multiple_of(RECORD_BYTES as u64));
    let failure = |error: std::io::Error| Failure::local(format!("cannot read {}: {error}", source.name()));
    let mut input = BufReader::with_capacity(1 << 20, source.file());
    let mut hasher = blake3::Hasher::new();
    input.seek(SeekFrom::Start(0)).map_err(failure)?;
    let mut head = Vec::new();
    input.by_ref().take(from).read_to_end(&mut head).map_err(failure)?;
    hasher.update(&head);

    let progress = Progress::new("inspect", Unit::Count, Some(there));
    let mut labels = vec![0u64; varies.len()];
    let (mut last, mut unordered) = (None, None);
    for number in 0..there {
        let mut bytes = [0; RECORD_BYTES];
        input.read_exact(&mut bytes).map_err(failure)?;
        hasher.update(&bytes);
        let record = Record::from_bytes(&bytes);
        if last.is_some_and(|last| last >= record.element.0) {
            unordered.get_or_insert(number);
        }
        last = Some(record.element.0);
        for (bit, entries) in (0..).zip(labels.iter_mut()) {
            // A header that was changed may name more classes than a label has bits.
            *entries += u64::from(record.label.checked_shr(bit).unwrap_or(0) & 1);
        }
        if number.is_multiple_of(65_536) {
            progress.set(number);
        }
    }
    progress.finish();
    report.facts.count("entries", there);
    let label = |(class, entries): (&String, u64)| {
        let mut facts = Facts::default();
        facts.text("class", class);
        facts.count("entries", entries);
        facts
    };
    report
        .facts
        .add("entries_by_class", Value::Several("class", varies.iter().zip(labels).map(label).collect()));

    if misfit {
        let what = "it ends inside a record: it was cut short, or bytes were added";
        report.fault(Fault::at(source.length(), what));
        return Ok(());
    }
    if let Some(number) = unordered {
        let what = format!("record {} does not stand above the one before it", number + 1);
        report.fault(Fault::at(from + number * RECORD_BYTES as u64, what));
    }
    let at = from + there * RECORD_BYTES as u64;
    let (mut count, mut check) = ([0; 8], [0; 32]);
    input.read_exact(&mut count).and_then(|()| input.read_exact(&mut check)).map_err(failure)?;
    if u64::from_le_bytes(count) != there {
        report.fault(Fault::at(at, "its count is not that of its records: it was cut short, or changed"));
    }
    let holds = *hasher.update(&count).finalize().as_bytes() == check;
    report.facts.text("check", if holds { "good" } else { "DOES NOT MATCH" });
    if !holds {
        report.fault(Fault::at(at + 8, "the check at its end does not match: some byte of it was changed"));
    }
    Ok(())
}
