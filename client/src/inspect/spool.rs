//! A spool: how much was paid for and not yet reported. Neither its hash key nor a hash nor an element is shown.

use samar_inspect::binary::Fields;
use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;

use crate::evaluation::BATCH;
use crate::screen::spool::{CHECKSUM_BYTES, HEAD_BYTES, MAGIC, RECORD_BYTES};

const REMEDY: &str =
    "keep the file and screen again: what stands before this is used, the rest is asked for anew";

pub(super) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut facts = Facts::default();
    let head = show(&mut facts, source.head());
    report.facts = facts;
    match head {
        Err(fault) => report.fault(fault),
        Ok(changed) => {
            blocks(&mut report, source)?;
            report.fault_first(changed);
        }
    }
    report.remedy(REMEDY);
    Ok(report)
}

fn show(facts: &mut Facts, head: &[u8]) -> Result<Option<Fault>, Fault> {
    let mut fields = Fields::new(head, 0);
    let changed = fields.magic(MAGIC)?;
    facts.add("oprf_key_id", Value::Hex(fields.array::<8>("the key id")?.to_vec()));
    fields.take("the hash key", 32)?;
    Ok(changed)
}

/// Counts the evaluations of whole blocks. A block that is cut short at the end was being written.
fn blocks(report: &mut Report, source: &Source) -> Result<(), Failure> {
    let (mut at, mut blocks, mut evaluations) = (HEAD_BYTES as u64, 0u64, 0u64);
    while at < source.length() {
        let count = source.read(at, 4)?;
        let records = count.first_chunk().map_or(0, |count| u32::from_le_bytes(*count));
        let bytes = 4 + u64::from(records) * RECORD_BYTES as u64 + CHECKSUM_BYTES as u64;
        if records as usize > BATCH {
            report.fault(Fault::at(
                at,
                format!("a block of {records} evaluations, more than there are in one"),
            ));
            break;
        }
        let block = source.read(at, bytes)?;
        if (block.len() as u64) < bytes || count.len() < 4 {
            report.note(format!(
                "the block at byte {at} is cut short, as a crash leaves it: the next run removes it"
            ));
            break;
        }
        let (content, check) = block.split_at(block.len() - CHECKSUM_BYTES);
        if blake3::hash(content).as_bytes() != check {
            report.fault(Fault::at(at, "the block does not match its check: some byte of it was changed"));
            break;
        }
        (at, blocks, evaluations) = (at + bytes, blocks + 1, evaluations + u64::from(records));
    }
    report.facts.count("blocks", blocks);
    report.facts.count("evaluations", evaluations);
    Ok(())
}
