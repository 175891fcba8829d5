//! A key file. Of the key nothing is shown but its public half.

use ed25519_dalek::SigningKey;
use samar_inspect::binary::Fields;
use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;
use samar_protocol::oprf::SecretKey;
use zeroize::Zeroizing;

use crate::keys::{FILE_BYTES, MAGIC, Purpose};

const REMEDY: &str = "restore the key file from its backup";

pub(super) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut facts = Facts::default();
    if let Err(fault) = show(&mut facts, source.head()) {
        report.fault(fault);
    }
    report.facts = facts;
    report.remedy(REMEDY);
    report.secret(source);
    Ok(report)
}

fn show(facts: &mut Facts, bytes: &[u8]) -> Result<(), Fault> {
    let mut fields = Fields::new(bytes, 0);
    let changed = fields.magic(&MAGIC)?;
    let purpose = fields.u8("the purpose")?;
    let known = [Purpose::Oprf, Purpose::Publisher].into_iter().find(|known| *known as u8 == purpose);
    facts.text(
        "purpose",
        match known {
            Some(Purpose::Oprf) => "OPRF key, under which the vault was made".to_owned(),
            Some(Purpose::Publisher) => "publisher's key, which signs manifests".to_owned(),
            None => format!("{purpose}, which is not known"),
        },
    );
    let protection = fields.u8("the protection")?;
    facts.text(
        "protection",
        match protection {
            0 => "none but the file's mode".to_owned(),
            other => format!("{other}, which is not known"),
        },
    );
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(fields.take("the key", 32)?);
    let check = fields.take("the check", 8)?;
    let holds = blake3::hash(&bytes[..FILE_BYTES - 8]).as_bytes()[..8] == *check;
    facts.text("check", if holds { "good" } else { "DOES NOT MATCH" });
    if let Some(changed) = changed {
        return Err(changed);
    }
    if !holds {
        let what = "the check at its end does not match: a byte before it, or of it, was changed";
        return Err(Fault::at(FILE_BYTES as u64 - 8, what));
    }
    match (known, protection) {
        (_, 1..) => {
            return Err(
                Fault::at(11, "a protection that this version does not know").or_remedy("update Samar")
            );
        }
        (None, _) => {
            return Err(Fault::at(10, "a purpose that this version does not know").or_remedy("update Samar"));
        }
        (Some(Purpose::Oprf), 0) => {
            let key = SecretKey::from_bytes(&key).map_err(|error| Fault::at(12, error.to_string()))?;
            facts.add("key_id", Value::Hex(key.public().id().0.to_vec()));
            facts.add("public_key", Value::Hex(key.public().to_bytes().to_vec()));
        }
        (Some(Purpose::Publisher), 0) => {
            let key = SigningKey::from_bytes(&key).verifying_key();
            facts.add("public_key", Value::Fingerprint(key.to_bytes()));
        }
    }
    match fields.left() {
        0 => Ok(()),
        left => Err(Fault::at(fields.at(), format!("{left} bytes too many stand after its end"))),
    }
}
