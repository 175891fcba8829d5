//! Results in words, and as JSON where a program reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use samar_local::exit::{Failure, print};
use samar_local::numbers::thousands;
use samar_protocol::manifest::{Breach, SignedManifest};
use serde_json::json;

use crate::accounts::{Accounts, Bank, Registry};
use crate::config::Config;
use crate::layout::Layout;
use crate::publish::Publication;
use crate::published;

pub(super) fn publication(publication: &Publication, as_json: bool) {
    let manifest = &publication.manifest;
    if as_json {
        let breaches: Vec<_> = manifest.breaches.iter().map(breach_json).collect();
        print(format_args!(
            "{}",
            json!({"epoch": manifest.epoch, "hash": publication.hash.to_string(), "breaches": breaches})
        ));
        return;
    }
    print(format_args!("epoch {}, {} entries", manifest.epoch, thousands(manifest.entries())));
    breaches(&manifest.breaches);
    print(format_args!("manifest  {}", publication.hash));
    print(format_args!("Banks can compare this hash with each other: it must be the same everywhere."));
}

/// What is published, and what each bank has used.
pub(super) fn status(layout: &Layout, as_json: bool) -> Result<(), Failure> {
    Config::read(&layout.config())?; // says so where the folder was never initialised
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let newest = match published::newest_epoch(layout)? {
        0 => None,
        epoch => Some(published::read_manifest(layout, epoch)?),
    };
    let usage = Accounts::usage(&layout.account_log())?;
    let with_usage = |bank: Bank| {
        let used = usage(&bank.name, now_s);
        (bank, used)
    };
    let banks: Vec<_> = Registry::new(layout).banks()?.into_iter().map(with_usage).collect();
    if as_json {
        let banks: Vec<_> = banks
            .iter()
            .map(|(bank, used)| {
                json!({"bank": bank.name, "per_day": bank.per_day, "lifetime": bank.lifetime,
                       "used_today": used.today, "used_lifetime": used.lifetime,
                       "revoked": bank.revoked.as_ref().map(|revoked| &revoked.reason)})
            })
            .collect();
        print(format_args!("{}", json!({"published": newest.as_ref().map(published_json), "banks": banks})));
        return Ok(());
    }
    match &newest {
        None => print(format_args!("nothing is published yet")),
        Some(signed) => {
            let manifest = signed.manifest();
            let days = manifest.valid_until_s.saturating_sub(now_s) / 86_400;
            print(format_args!("epoch {}, valid for {days} days more", manifest.epoch));
            breaches(&manifest.breaches);
            print(format_args!("manifest  {}", signed.hash()));
        }
    }
    for (bank, used) in &banks {
        let (today, lifetime) = (thousands(used.today), thousands(used.lifetime));
        let (per_day, in_all) = (thousands(bank.per_day), thousands(bank.lifetime));
        print(format_args!("{}: {today} of {per_day} today, {lifetime} of {in_all} in all", bank.name));
        if let Some(revoked) = &bank.revoked {
            print(format_args!("  revoked: {}", revoked.reason));
        }
    }
    Ok(())
}

fn breaches(breaches: &[Breach]) {
    for breach in breaches {
        let bytes: u64 = breach.segments.iter().map(|segment| segment.file_bytes).sum();
        print(format_args!(
            "  {:<24} {:>13} entries {:>15} bytes  {}",
            breach.id,
            thousands(breach.entries()),
            thousands(bytes),
            breach.status.name()
        ));
    }
}

fn breach_json(breach: &Breach) -> serde_json::Value {
    let bytes: u64 = breach.segments.iter().map(|segment| segment.file_bytes).sum();
    json!({"id": breach.id, "entries": breach.entries(), "bytes": bytes, "label_bits": breach.label_bits(),
           "status": breach.status.name(), "exposes": breach.exposes, "varies": breach.varies})
}

fn published_json(signed: &SignedManifest) -> serde_json::Value {
    let manifest = signed.manifest();
    let breaches: Vec<_> = manifest.breaches.iter().map(breach_json).collect();
    json!({"epoch": manifest.epoch, "hash": signed.hash().to_string(), "valid_until_s": manifest.valid_until_s,
           "key_id": manifest.key_id().to_string(), "breaches": breaches})
}
