//! `rotate-key`: what came of it, in words and as JSON.

use samar_local::exit::{Failure, print};
use samar_local::people::{print_fingerprint, thousands, time};
use samar_protocol::group::Backend;
use serde_json::json;

use crate::layout::Layout;
use crate::rotate::{self, Finished, Plan, Rotated};

pub(super) fn run(layout: &Layout, backend: Backend, plan: &Plan, as_json: bool) -> Result<(), Failure> {
    let Rotated { manifest, hash, rotation } = rotate::rotate(layout, backend, plan)?;
    let (key, previous) = (manifest.key_id(), rotation.previous.id());
    if as_json {
        let object = json!({"epoch": manifest.epoch, "hash": hash.to_string(), "key_id": key.to_string(),
                            "previous_key_id": previous.to_string(), "until_s": rotation.until_s,
                            "entries": manifest.entries()});
        print(format_args!("{object}"));
        return Ok(());
    }
    let entries = thousands(manifest.entries());
    print(format_args!("epoch {}, {entries} entries under key {key}", manifest.epoch));
    print_fingerprint(&format!("set of epoch {}", manifest.epoch), &hash.0);
    print(format_args!(
        "Key {previous} is served beside it until {}, and then destroyed.",
        time(rotation.until_s)
    ));
    print(format_args!("Back up {} now: the vault opens with the new key alone.", layout.keys().display()));
    Ok(())
}

pub(super) fn finish(layout: &Layout, as_json: bool) -> Result<(), Failure> {
    let Finished { previous, told_until_s } = rotate::finish(layout)?;
    if as_json {
        let object = json!({"destroyed_key_id": previous.to_string(), "told_until_s": told_until_s});
        print(format_args!("{object}"));
        return Ok(());
    }
    print(format_args!("key {previous} is destroyed; a backup that still has it is to be destroyed too"));
    if let Some(until_s) = told_until_s {
        print(format_args!(
            "Banks were told that it is served until {}: those that come later evaluate anew.",
            time(until_s)
        ));
    }
    Ok(())
}
