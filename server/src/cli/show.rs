//! Results in words, and as JSON where a program reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use samar_local::exit::{Failure, print};
use samar_local::people::{bytes, print_fingerprint, thousands, time};
use samar_protocol::identifier::Kind;
use samar_protocol::invitation::{from_hex, to_hex};
use samar_protocol::manifest::{Breach, Details, Manifest, SignedManifest};
use serde_json::json;

use crate::accounts::{Accounts, Bank, Registry};
use crate::config::Config;
use crate::layout::Layout;
use crate::pki::{self, KeyFingerprint};
use crate::publish::{LargeHint, Publication, publisher_after_newest};
use crate::published;
use crate::rotate::{self, State};

/// The operator's keys, as `samar join` and `samar status` show them.
pub(super) fn operator_keys(ca_key: &KeyFingerprint, publisher_key: &[u8; 32]) {
    print_fingerprint("key of the operator's CA", ca_key);
    print_fingerprint("publisher's key", publisher_key);
}

/// What `samar join` will show of the operator, and the keys that stand in the bank's enrolment already.
pub(super) fn enrolled(layout: &Layout, bank: &Bank) -> Result<(), Failure> {
    for key in bank.keys.iter().filter_map(|key| from_hex(key)) {
        print_fingerprint("key of this bank", &key);
    }
    let (ca_key, publisher_key) = keys_of(layout)?;
    operator_keys(&ca_key, &publisher_key);
    let floor = published::floor(layout)?;
    if floor.epoch > 0 {
        print_fingerprint(&format!("set of epoch {}", floor.epoch), &floor.hash.0);
    }
    Ok(())
}

fn keys_of(layout: &Layout) -> Result<(KeyFingerprint, [u8; 32]), Failure> {
    Ok((pki::authority_fingerprint(layout)?, publisher_after_newest(layout)?.to_bytes()))
}

pub(super) fn publication(publication: &Publication, as_json: bool) {
    let manifest = &publication.manifest;
    if as_json {
        let breaches = breaches_json(manifest);
        let large_hints: Vec<_> = publication
            .large_hints
            .iter()
            .map(|hint| json!({"breach": hint.breach, "bytes": hint.file_bytes, "hint_bytes": hint.hint_bytes}))
            .collect();
        print(format_args!(
            "{}",
            json!({"epoch": manifest.epoch, "hash": publication.hash.to_string(), "breaches": breaches,
                   "compacted": publication.compacted, "large_hints": large_hints})
        ));
        return;
    }
    print(format_args!("epoch {}, {} entries", manifest.epoch, thousands(manifest.entries())));
    breaches(&manifest.breaches);
    for id in &publication.compacted {
        print(format_args!("  {id} was compacted: banks download it as a whole"));
    }
    for LargeHint { breach, file_bytes, hint_bytes } in &publication.large_hints {
        print(format_args!(
            "  {breach} has a hint of {} beside a set of {}: banks download the set, but for `check --lookup always`",
            bytes(*hint_bytes),
            bytes(*file_bytes)
        ));
    }
    print_fingerprint(&format!("set of epoch {}", manifest.epoch), &publication.hash.0);
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
    let (ca_key, publisher_key) = keys_of(layout)?;
    let standing = Accounts::standing(&layout.account_log())?;
    let stand = |bank: Bank| {
        let used = standing.usage(&bank.name, now_s);
        let joined = standing.keys(&bank.name);
        (bank, used, joined)
    };
    let rotation = rotate::state(layout)?;
    let banks: Vec<_> = Registry::new(layout).banks()?.into_iter().map(stand).collect();
    if as_json {
        let banks: Vec<_> = banks
            .iter()
            .map(|(bank, used, joined)| {
                let joined: Vec<_> = joined
                    .iter()
                    .map(|(key, since_s)| json!({"bank_key_sha256": to_hex(key), "joined_s": since_s}))
                    .collect();
                json!({"bank": bank.name, "per_day": bank.per_day, "lifetime": bank.lifetime,
                       "used_today": used.today, "used_lifetime": used.lifetime,
                       "rekeyed_today": used.rekeyed_today,
                       "revoked": bank.revoked.as_ref().map(|revoked| &revoked.reason),
                       "joined": joined, "certified": bank.keys})
            })
            .collect();
        let object = json!({"ca_key_sha256": to_hex(&ca_key), "publisher_key": to_hex(&publisher_key),
                            "published": newest.as_ref().map(published_json), "rotation": rotation_json(rotation),
                            "banks": banks});
        print(format_args!("{object}"));
        return Ok(());
    }
    match &newest {
        None => print(format_args!("nothing is published yet")),
        Some(signed) => {
            let manifest = signed.manifest();
            let days = manifest.valid_until_s.saturating_sub(now_s) / 86_400;
            print(format_args!("epoch {}, valid for {days} days more", manifest.epoch));
            breaches(&manifest.breaches);
            print_fingerprint(&format!("set of epoch {}", manifest.epoch), &signed.hash().0);
        }
    }
    operator_keys(&ca_key, &publisher_key);
    if let Some(rotation) = rotation_line(rotation) {
        print(format_args!("{rotation}"));
    }
    for (bank, used, joined) in &banks {
        let (today, lifetime) = (thousands(used.today), thousands(used.lifetime));
        let (per_day, in_all) = (thousands(bank.per_day), thousands(bank.lifetime));
        print(format_args!("{}: {today} of {per_day} today, {lifetime} of {in_all} in all", bank.name));
        for (key, since_s) in joined {
            print_fingerprint(&format!("joined {}", &time(*since_s)[..16]), key);
        }
        for key in bank.keys.iter().filter_map(|key| from_hex(key)) {
            print_fingerprint("certified, own PKI", &key);
        }
        if let Some(revoked) = &bank.revoked {
            print(format_args!("  revoked: {}", revoked.reason));
        } else if joined.is_empty() && bank.keys.is_empty() {
            print(format_args!("  has not joined yet"));
        }
    }
    Ok(())
}

/// Where a rotation stands, and what is to be done; nothing where there is none.
fn rotation_line(state: State) -> Option<String> {
    match state {
        State::None => None,
        State::Begun => {
            Some("a rotation of the OPRF key was begun: `samar-server rotate-key` goes on with it".to_owned())
        }
        State::Grace { previous, until_s } => {
            Some(format!("OPRF key {previous}, the one before, is served until {}", time(until_s)))
        }
        State::Over { previous } => Some(format!(
            "the grace of OPRF key {previous} is over: a running server destroys it, or `samar-server rotate-key --finish`"
        )),
    }
}

fn rotation_json(state: State) -> Option<serde_json::Value> {
    match state {
        State::None => None,
        State::Begun => Some(json!({"state": "begun"})),
        State::Grace { previous, until_s } => {
            Some(json!({"state": "grace", "previous_key_id": previous.to_string(), "until_s": until_s}))
        }
        State::Over { previous } => Some(json!({"state": "over", "previous_key_id": previous.to_string()})),
    }
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

fn breaches_json(manifest: &Manifest) -> Vec<serde_json::Value> {
    let details = manifest.details().unwrap_or_default(); // a manifest that was made or read was checked
    manifest.breaches.iter().map(|breach| breach_json(breach, &details)).collect()
}

fn breach_json(breach: &Breach, details: &Details) -> serde_json::Value {
    let bytes: u64 = breach.segments.iter().map(|segment| segment.file_bytes).sum();
    json!({"id": breach.id, "entries": breach.entries(), "bytes": bytes, "label_bits": breach.label_bits(), "segments": breach.segments.len(),
           "status": breach.status.name(), "exposes": breach.exposes, "varies": breach.varies,
           "kinds": details.kinds_of(&breach.id).into_iter().map(Kind::name).collect::<Vec<_>>()})
}

fn published_json(signed: &SignedManifest) -> serde_json::Value {
    let manifest = signed.manifest();
    let breaches = breaches_json(manifest);
    json!({"epoch": manifest.epoch, "hash": signed.hash().to_string(), "valid_until_s": manifest.valid_until_s,
           "key_id": manifest.key_id().to_string(), "breaches": breaches})
}
