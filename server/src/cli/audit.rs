//! `audit`: what was found in the account log, in words and as JSON.

use std::path::Path;

use samar_inspect::printable;
use samar_local::exit::{Exit, Failure, print, say};
use samar_local::people::{counted, thousands, time};
use samar_protocol::invitation::to_hex;
use serde_json::json;

use super::arguments;
use crate::audit::{Audit, export};
use crate::layout::Layout;

pub(super) fn run(layout: &Layout, command: &arguments::Audit) -> Result<Exit, Failure> {
    let log = layout.account_log();
    match command {
        arguments::Audit::Verify { json } => verify(&log, *json),
        arguments::Audit::Export { format, out } => {
            let out = Some(out.as_path()).filter(|out| *out != Path::new("-"));
            let lines = export(&log, *format, out)?;
            if let Some(out) = out {
                say(format_args!("samar-server: {} in {}", counted(lines, "debit"), out.display()));
            }
            Ok(Exit::Done)
        }
    }
}

fn verify(log: &Path, as_json: bool) -> Result<Exit, Failure> {
    let audit = Audit::open(log)?;
    if as_json {
        print(format_args!("{}", to_json(&audit)));
        return Ok(if audit.fault().is_some() { Exit::Local } else { Exit::Done });
    }
    print(format_args!(
        "{}: {}, {} bytes",
        log.display(),
        counted(audit.records, "record"),
        thousands(audit.bytes)
    ));
    for (bank, sums) in &audit.banks {
        let (batches, evaluations) = (counted(sums.batches, "batch"), sums.evaluations);
        let (evaluations, keys) = (counted(evaluations, "evaluation"), counted(sums.joined, "key"));
        print(format_args!("  {}: {evaluations} in {batches}, {keys} joined", printable(bank)));
        if sums.rekeyed > 0 {
            print(format_args!("    {} rekeyed", counted(sums.rekeyed, "element")));
        }
        if sums.lookups > 0 {
            print(format_args!("    {}", counted(sums.lookups, "private lookup")));
        }
        print(format_args!("    from {} to {}", time(sums.first_s), time(sums.last_s)));
    }
    print(format_args!("chain head  {}", to_hex(&audit.chain)));
    if let Some(remark) = audit.remark() {
        print(format_args!("note: {remark}"));
    }
    match audit.fault() {
        None => {
            print(format_args!("The chain holds from the first record to the last."));
            Ok(Exit::Done)
        }
        Some((at, what, remedy)) => {
            let what = format!("{} is damaged at byte {at}, {what}", log.display());
            let before = format!("{remedy} (what is shown above stands before the fault)");
            Err(Failure::local(what).remedy(before))
        }
    }
}

fn to_json(audit: &Audit) -> serde_json::Value {
    let bank = |(bank, sums): (&String, &crate::audit::BankSums)| {
        json!({"bank": printable(bank), "batches": sums.batches, "evaluations": sums.evaluations,
               "rekeyed": sums.rekeyed, "lookups": sums.lookups,
               "joined": sums.joined, "first_s": sums.first_s, "last_s": sums.last_s})
    };
    let fault = audit.fault().map(|(at, what, remedy)| {
        json!({"offset": at, "record": audit.records + 1, "what": what, "remedy": remedy})
    });
    json!({"records": audit.records, "bytes": audit.bytes, "whole_bytes": audit.whole_bytes,
           "chain_head": to_hex(&audit.chain), "banks": audit.banks.iter().map(bank).collect::<Vec<_>>(),
           "note": audit.remark(), "fault": fault})
}
