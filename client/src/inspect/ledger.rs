//! The files of a ledger: how much is kept, under which key. No key, hash or element is shown. Blocks are opened with the
//! head that stands beside the file, if it does.

use std::path::Path;

use samar_inspect::binary::Fields;
use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;

use crate::ledger::block::{HEADER_BYTES, ID_BYTES, MAGIC, Part, Sealer, block_bytes, count_of};
use crate::ledger::head::{ClosedHead, HEAD_BYTES_MAX, Head};
use crate::ledger::protect::{MARKER_BYTES, parse_marker};

const REMEDY: &str = "restore the folder of the ledger from a backup and check the disk; or remove it: its customers are \
                      then evaluated, and charged, again";
/// Bytes that end a file of days.
const CHECK_BYTES: u64 = 32;

pub(super) fn decode(source: &Source, path: &Path) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut facts = Facts::default();
    let header = show(&mut facts, source.head());
    report.facts = facts;
    match header {
        Err(fault) => report.fault(fault),
        Ok((changed, part, header)) => {
            match part {
                Part::Head => head(&mut report, source)?,
                Part::Passphrase => passphrase(&mut report, source)?,
                Part::Run | Part::Tail => {
                    let beside = beside(path, &header);
                    blocks(&mut report, source, part, beside, header.number)?;
                }
                Part::Days => days(&mut report, source)?,
            }
            report.fault_first(changed);
        }
    }
    report.remedy(REMEDY);
    Ok(report)
}

/// What follows the part of a run, a tail or a file of days.
#[derive(Default)]
struct Header {
    number: u32,
    ledger: [u8; ID_BYTES],
}

fn show(facts: &mut Facts, head: &[u8]) -> Result<(Option<Fault>, Part, Header), Fault> {
    let mut fields = Fields::new(head, 0);
    let changed = fields.magic(MAGIC)?;
    let part = match fields.u8("the part")? {
        1 => Part::Head,
        2 => Part::Run,
        3 => Part::Tail,
        4 => Part::Days,
        5 => Part::Passphrase,
        other => return Err(Fault::at(10, format!("part {other}, where there are 1 to 5"))),
    };
    let name = match part {
        Part::Head => "its head",
        Part::Run => "a sorted run",
        Part::Tail => "its tail",
        Part::Days => "the days on which those in a run were last met",
        Part::Passphrase => "that ledgers are under a passphrase",
    };
    facts.text("part", name.to_owned());
    let protection = fields.u8("the protection")?;
    let mut header = Header::default();
    if matches!(part, Part::Head | Part::Passphrase) {
        facts.text(
            "protection",
            match protection {
                0 => "none but the file's mode".to_owned(),
                1 => "a passphrase".to_owned(),
                other => format!("{other}, which is not known"),
            },
        );
    } else {
        header.number = fields.u32("its number")?;
        header.ledger = fields.array("the ledger's id")?;
        facts.count("number", u64::from(header.number));
    }
    Ok((changed, part, header))
}

/// The head of the ledger that a file is of, where it can be read.
fn beside(path: &Path, header: &Header) -> Option<ClosedHead> {
    let path = path.parent()?.join("head");
    if std::fs::metadata(&path).ok()?.len() > HEAD_BYTES_MAX as u64 {
        return None;
    }
    ClosedHead::parse(&std::fs::read(path).ok()?).ok().filter(|head| head.id == header.ledger)
}

fn head(report: &mut Report, source: &Source) -> Result<(), Failure> {
    match ClosedHead::parse(&source.read(0, HEAD_BYTES_MAX as u64 + 1)?) {
        Err(fault) => report.fault(fault),
        Ok(head) => {
            report.facts.add("oprf_key_id", Value::Hex(head.public_key.id().0.to_vec()));
            if let Some(cost) = head.cost() {
                report.facts.text("wrapping_key", cost.to_string());
            }
            report.facts.count("screenings", head.screenings);
            report.facts.count("runs", head.runs.len() as u64);
            report.facts.count("customers", head.records());
        }
    }
    Ok(())
}

/// Counts the customers in whole blocks. A block that is cut short at the end of a tail was being written.
fn blocks(
    report: &mut Report,
    source: &Source,
    part: Part,
    beside: Option<ClosedHead>,
    number: u32,
) -> Result<(), Failure> {
    let is_sealed = beside.as_ref().is_some_and(ClosedHead::is_sealed);
    // The passphrase is not asked for.
    let head: Option<Head> = beside.and_then(|beside| beside.open(|_, _| Err(())).ok().flatten());
    let sealer = head.as_ref().map(|head| Sealer::new(&head.file_key, head.header(part, number)));
    let (mut at, mut blocks, mut customers) = (HEADER_BYTES as u64, 0u64, 0u64);
    while at < source.length() {
        let Some(count) = count_of(&source.read(at, 4)?).filter(|count| *count > 0 || part == Part::Tail)
        else {
            report.fault(Fault::at(at, "a block of more customers than there are in one, or of none"));
            break;
        };
        let bytes = block_bytes(count);
        let mut block = source.read(at, bytes as u64)?;
        if block.len() < bytes && part == Part::Tail {
            report.note(format!(
                "the block at byte {at} is cut short, as a crash leaves it: the next screening removes it"
            ));
            break;
        }
        if block.len() < bytes {
            report.fault(Fault::at(at, "the block is cut short"));
            break;
        }
        if sealer.as_ref().is_some_and(|sealer| sealer.open(blocks, &mut block).is_none()) {
            report.fault(Fault::at(at, "the block does not match its check: some byte of it was changed"));
            break;
        }
        (at, blocks, customers) = (at + bytes as u64, blocks + 1, customers + count as u64);
    }
    report.facts.count("blocks", blocks);
    report.facts.count("customers", customers);
    match head {
        None if is_sealed => {
            report.note("the blocks were not opened: their key is under a passphrase".to_owned());
        }
        None => report.note(
            "the blocks were not opened: the head of their ledger does not stand beside them".to_owned(),
        ),
        Some(head) => {
            let named = head.runs.iter().find(|run| run.number == number);
            if part == Part::Run && named.is_some_and(|run| run.records != customers) {
                report.fault(Fault::at(at, "it has fewer customers than the head says"));
            }
        }
    }
    Ok(())
}

fn passphrase(report: &mut Report, source: &Source) -> Result<(), Failure> {
    match parse_marker(&source.read(0, MARKER_BYTES as u64 + 1)?) {
        Err(fault) => report.fault(fault),
        Ok(sealed) => report.facts.text("wrapping_key", sealed.cost.to_string()),
    }
    Ok(())
}

fn days(report: &mut Report, source: &Source) -> Result<(), Failure> {
    let end = source.length().saturating_sub(CHECK_BYTES);
    let days = end.saturating_sub(HEADER_BYTES as u64);
    report.facts.count("customers", days / 2);
    let mut hasher = blake3::Hasher::new();
    let content = std::io::Read::take(source.file().try_clone().map_err(Failure::local)?, end);
    let rewound = std::io::Seek::rewind(&mut source.file());
    rewound.and_then(|()| hasher.update_reader(content).map(drop)).map_err(Failure::local)?;
    if !days.is_multiple_of(2) || hasher.finalize().as_bytes()[..] != source.read(end, CHECK_BYTES)?[..] {
        report.fault(Fault::whole("its check does not match: it is cut short, or a byte of it was changed"));
    }
    Ok(())
}
