//! A hint (SPEC.md section "Private lookup"): whose it is cannot be seen in it, but the hash that its segment names.

use samar_local::exit::Failure;
use samar_local::people::thousands;
use samar_protocol::limits::PAGE_BYTES_ALLOWED;
use samar_protocol::lookup::{HINT_MAGIC, HintNote, hint_bytes};

use crate::binary::Fields;
use crate::report::{Facts, Fault, Report, Value};
use crate::source::Source;

/// Magic and bytes of a page.
const HEAD_BYTES: u64 = 14;
const REMEDY: &str = "a bank: rm the file, it is fetched again; the operator: rm it and publish again";

pub(crate) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let head = source.read(0, HEAD_BYTES)?;
    let mut facts = Facts::default();
    match fields(&mut facts, &head) {
        Err(fault) => report.fault(fault),
        Ok(page_bytes) => {
            let (found, expected) = (source.length(), hint_bytes(page_bytes) as u64);
            if found == expected {
                let hash = HintNote::of(&source.read(0, expected)?).hash;
                facts.add("hash", Value::Hex(hash.to_vec()));
                report.note("samar inspect of its segment shows the hash that it must have");
            } else {
                let what = format!(
                    "the file ends at byte {}, where a hint for such pages has {}",
                    thousands(found),
                    thousands(expected)
                );
                report.fault(Fault::at(found.min(expected), what));
            }
        }
    }
    report.facts = facts;
    report.remedy(REMEDY);
    Ok(report)
}

/// Shows the fields before the numbers; the bytes of a page.
fn fields(facts: &mut Facts, head: &[u8]) -> Result<u32, Fault> {
    let mut fields = Fields::new(head, 0);
    let changed = fields.magic(&HINT_MAGIC)?;
    let at = fields.at();
    let page_bytes = fields.u32("the page size")?;
    facts.add("page_bytes", Value::Bytes(page_bytes.into()));
    if !PAGE_BYTES_ALLOWED.contains(&page_bytes) {
        return Err(Fault::at(at, format!("pages of {page_bytes} bytes do not exist")));
    }
    changed.map_or(Ok(page_bytes), Err)
}
