//! What the commands print.

use samar_local::exit::print;
use samar_protocol::invitation::to_hex;
use samar_protocol::manifest::Breach;
use samar_protocol::wire::Allowance;
use serde_json::{Value, json};

use crate::bench;
use crate::config::Home;
use crate::join::Enrolment;
use crate::kept::{Kept, Pruned, Standing};
use crate::notice::Draft;
use crate::people::{bytes, counted, now_s, print_fingerprint, thousands, time};
use crate::report::{Summary, Verdict};
use crate::status::Status;
use crate::sync::SyncReport;

pub(super) fn join(home: &Home, enrolment: &Enrolment) {
    let config = &enrolment.config;
    print(format_args!("joined {} as {}, in {}", config.operator, config.bank, home.dir().display()));
    print(format_args!("compare with the operator, over the telephone:"));
    print_fingerprint("key of this bank", &enrolment.bank_key);
    print_fingerprint("key of the operator's CA", &enrolment.ca_key);
    print_fingerprint("publisher's key", config.publisher_key.as_bytes());
    if config.floor.epoch > 0 {
        print_fingerprint(&format!("set of epoch {}", config.floor.epoch), &config.floor.hash.0);
    }
    print(format_args!("the certificate is valid until {}", time(enrolment.certificate_until_s)));
    print(format_args!("next: samar sync"));
}

pub(super) fn renewed(enrolment: &Enrolment) {
    let until = time(enrolment.certificate_until_s);
    print(format_args!("renewed the certificate of {}: it is valid until {until}", enrolment.config.bank));
    print_fingerprint("key of this bank", &enrolment.bank_key);
}

pub(super) fn join_json(home: &Home, enrolment: &Enrolment) {
    let mut object = enrolment_json(enrolment);
    object["dir"] = home.dir().display().to_string().into();
    print(format_args!("{object}"));
}

fn enrolment_json(enrolment: &Enrolment) -> Value {
    let config = &enrolment.config;
    json!({
        "operator": config.operator,
        "bank": config.bank,
        "address": config.address,
        "bank_key_sha256": to_hex(&enrolment.bank_key),
        "ca_key_sha256": to_hex(&enrolment.ca_key),
        "publisher_key": to_hex(config.publisher_key.as_bytes()),
        "floor_epoch": config.floor.epoch,
        "floor_hash": to_hex(&config.floor.hash.0),
        "certificate_until_s": enrolment.certificate_until_s,
    })
}

pub(super) fn sync(report: &SyncReport) {
    let news = if report.advanced { "synced" } else { "nothing new:" };
    let breaches =
        if report.breaches == 1 { "1 breach".to_owned() } else { format!("{} breaches", report.breaches) };
    let entries = thousands(report.entries);
    print(format_args!("{news} epoch {}, {breaches}, {entries} entries", report.epoch));
    let (fetched, kept) = (counted(report.segments_fetched as u64, "segment"), report.segments_kept);
    print(format_args!("fetched {fetched} ({}), kept {kept}", bytes(report.bytes_fetched)));
    print(format_args!("valid until {}", time(report.valid_until_s)));
    print(format_args!("compare with other banks:"));
    print_fingerprint(&format!("set of epoch {}", report.epoch), &report.hash.0);
}

pub(super) fn sync_json(report: &SyncReport) {
    let object = json!({
        "epoch": report.epoch,
        "manifest_hash": report.hash.to_string(),
        "valid_until_s": report.valid_until_s,
        "breaches": report.breaches,
        "entries": report.entries,
        "advanced": report.advanced,
        "segments_fetched": report.segments_fetched,
        "segments_kept": report.segments_kept,
        "segments_removed": report.segments_removed,
        "bytes_fetched": report.bytes_fetched,
        "hints_audited": report.hints_audited,
    });
    print(format_args!("{object}"));
}

pub(super) fn status(status: &Status) {
    let Enrolment { config, bank_key, ca_key, certificate_until_s } = &status.enrolment;
    print(format_args!("{} at {}, as {}", config.operator, config.address, config.bank));
    print_fingerprint("key of this bank", bank_key);
    print_fingerprint("key of the operator's CA", ca_key);
    // After a rollover it is the key that the set named, not that of the invitation.
    let publisher = status.synced.as_ref().map_or(&config.publisher_key, |(seen, _)| &seen.publisher_key);
    print_fingerprint("publisher's key", publisher.as_bytes());
    print(format_args!(
        "certificate  valid until {}{}",
        time(*certificate_until_s),
        ended(*certificate_until_s)
    ));
    match &status.synced {
        None => print(format_args!("set          nothing synced yet: samar sync")),
        Some((seen, manifest)) => {
            let until = manifest.valid_until_s;
            print(format_args!("set          epoch {}, synced {}", manifest.epoch, time(seen.synced_s)));
            print(format_args!("             valid until {}{}", time(until), ended(until)));
            print_fingerprint(&format!("set of epoch {}", manifest.epoch), &seen.floor.hash.0);
            print(format_args!("{:>15}  {:<10}  {:<14}  breach", "entries", "date", "status"));
            for breach in &manifest.breaches {
                let Breach { id, date, status, .. } = breach;
                let entries = thousands(breach.entries());
                print(format_args!("{entries:>15}  {date:<10}  {:<14}  {id}", status.name()));
            }
        }
    }
    for kept in &status.ledgers {
        ledger(kept);
    }
    match &status.allowance {
        None => {}
        Some(Err(unknown)) => print(format_args!("allowance    not known: {}", unknown.why)),
        Some(Ok(allowance)) => {
            let left = |allowed: u64, used| thousands(allowed.saturating_sub(used));
            let Allowance { per_day, lifetime, used_today, used_lifetime, next_day_s, .. } = *allowance;
            let (day, life) = (left(per_day, used_today), left(lifetime, used_lifetime));
            print(format_args!(
                "allowance    {day} of {} today, {life} of {} in all",
                thousands(per_day),
                thousands(lifetime)
            ));
            print(format_args!("             a new day begins {}", time(next_day_s)));
        }
    }
    for warning in &status.warnings {
        print(format_args!("WARNING      {warning}"));
    }
}

/// The ledgers of a folder.
pub(super) fn ledgers(kept: &[Kept], is_protected: bool) {
    if kept.is_empty() {
        print(format_args!("ledger       none: nothing of any customer is kept"));
        if is_protected {
            print(format_args!("             what will be is encrypted under a passphrase"));
        }
    }
    kept.iter().for_each(ledger);
}

fn ledger(kept: &Kept) {
    let customers = counted(kept.customers, "customer");
    print(format_args!("ledger       {customers} under key {}, {}", kept.key_id, bytes(kept.bytes)));
    if kept.is_sealed {
        print(format_args!("             encrypted under a passphrase"));
    }
    match kept.standing {
        Standing::Present => {}
        Standing::Before { until_s } => print(format_args!(
            "             of the key before: `samar sync` takes it along, until {}",
            time(until_s)
        )),
        Standing::Other => print(format_args!(
            "             of a key that is served no more: `samar ledger prune --other-keys` removes it"
        )),
    }
}

pub(super) fn ledgers_json(kept: &[Kept]) {
    print(format_args!("{}", Value::from_iter(kept.iter().map(ledger_json))));
}

fn ledger_json(kept: &Kept) -> Value {
    let (standing, until_s) = match kept.standing {
        Standing::Present => ("present", None),
        Standing::Before { until_s } => ("before", Some(until_s)),
        Standing::Other => ("other", None),
    };
    json!({ "key_id": kept.key_id.to_string(), "key": standing, "until_s": until_s, "customers": kept.customers,
            "screenings": kept.screenings, "bytes": kept.bytes, "protection": protection(kept.is_sealed) })
}

pub(super) fn pruned(pruned: &Pruned) {
    let (customers, ledgers) = (counted(pruned.customers, "customer"), counted(pruned.ledgers, "ledger"));
    print(format_args!("removed {customers}, and {ledgers} of other keys"));
}

pub(super) fn pruned_json(pruned: &Pruned) {
    print(format_args!("{}", json!({ "customers": pruned.customers, "ledgers": pruned.ledgers })));
}

/// What became of the ledgers when the passphrase was set, or removed.
pub(super) fn protected(ledgers: u64, is_sealed: bool) {
    let ledgers = counted(ledgers, "ledger");
    if is_sealed {
        print(format_args!("{ledgers} encrypted under the new passphrase, and what is kept from now on"));
        print(format_args!("copies and backups made before hold it as it was"));
    } else {
        print(format_args!("{ledgers} in the clear, and what is kept from now on"));
    }
}

pub(super) fn protected_json(ledgers: u64, is_sealed: bool) {
    print(format_args!("{}", json!({ "ledgers": ledgers, "protection": protection(is_sealed) })));
}

fn protection(is_sealed: bool) -> &'static str {
    if is_sealed { "passphrase" } else { "none" }
}

fn ended(until_s: u64) -> &'static str {
    if until_s < now_s() { " (ENDED)" } else { "" }
}

pub(super) fn status_json(status: &Status) {
    let mut object = enrolment_json(&status.enrolment);
    object["synced"] = match &status.synced {
        None => Value::Null,
        Some((seen, manifest)) => {
            let breaches: Vec<Value> = manifest.breaches.iter().map(breach_json).collect();
            json!({
                "epoch": manifest.epoch,
                "manifest_hash": seen.floor.hash.to_string(),
                "synced_s": seen.synced_s,
                "valid_until_s": manifest.valid_until_s,
                "breaches": breaches,
            })
        }
    };
    object["ledgers"] = status.ledgers.iter().map(ledger_json).collect();
    object["allowance"] = match &status.allowance {
        None => Value::Null,
        Some(Err(unknown)) => json!({ "error": unknown.why }),
        Some(Ok(allowance)) => json!({
            "per_day": allowance.per_day,
            "lifetime": allowance.lifetime,
            "used_today": allowance.used_today,
            "used_lifetime": allowance.used_lifetime,
            "next_day_s": allowance.next_day_s,
        }),
    };
    object["warnings"] = status.warnings.as_slice().into();
    print(format_args!("{object}"));
}

fn breach_json(breach: &Breach) -> Value {
    json!({
        "id": breach.id,
        "title": breach.title,
        "date": breach.date,
        "status": breach.status.name(),
        "entries": breach.entries(),
        "exposes": breach.exposes,
        "varies": breach.varies,
    })
}

pub(super) fn screen_json(summary: &Summary) {
    // Unwrap safety: a summary has names for keys, and no number that JSON cannot hold.
    print(format_args!("{}", serde_json::to_string(summary).expect("a summary is JSON")));
}

pub(super) fn notice(drafts: &[Draft]) {
    if drafts.is_empty() {
        print(format_args!("nobody in the report is exposed: there is nothing to draft"));
    }
    for Draft { breach, rows, files } in drafts {
        print(format_args!("{breach}: {}", counted(*rows, "row")));
        for file in files {
            print(format_args!("  {}", file.display()));
        }
    }
}

pub(super) fn notice_json(drafts: &[Draft]) {
    print(format_args!("{}", json!({ "drafts": drafts })));
}

pub(super) fn bench_json(report: &bench::Report) {
    // Unwrap safety: as of a summary.
    print(format_args!("{}", serde_json::to_string(report).expect("a report is JSON")));
}

pub(super) fn check(line: u64, verdict: &Verdict<'_>) {
    let mut text = format!("{line}  {}", verdict.status());
    for exposure in verdict.exposures() {
        let Breach { id, date, status, .. } = exposure.breach;
        let fields = exposure.fields().collect::<Vec<_>>().join("+");
        text.push_str(&format!("  {id} ({}, {date}: {fields})", status.name()));
    }
    print(format_args!("{text}"));
}

pub(super) fn check_json(line: u64, verdict: &Verdict<'_>) {
    let breach = |exposure: &crate::report::Exposure<'_>| {
        let Breach { id, title, date, status, .. } = exposure.breach;
        let fields: Vec<_> = exposure.fields().collect();
        json!({ "id": id, "title": title, "date": date, "status": status.name(), "fields": fields })
    };
    let breaches: Vec<Value> = verdict.exposures().iter().map(breach).collect();
    let since = if breaches.is_empty() { Value::Null } else { verdict.since().into() };
    let object = json!({ "line": line, "status": verdict.status(), "breaches": breaches, "since": since });
    print(format_args!("{object}"));
}
