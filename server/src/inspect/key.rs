//! A key file. Of the key nothing is shown but its public half.

use ed25519_dalek::SigningKey;
use samar_inspect::binary::Fields;
use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;
use samar_local::seal::{NONCE_BYTES, SALT_BYTES, TAG_BYTES};
use samar_protocol::oprf::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::keys::{CHECK_BYTES, MAGIC, Purpose};

/// Bytes before what the protection decides.
const HEAD_BYTES: usize = 12;
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
    let known = Purpose::ALL.into_iter().find(|known| *known as u8 == purpose);
    facts.text(
        "purpose",
        match known {
            Some(Purpose::Oprf) => "OPRF key, under which the vault was made".to_owned(),
            Some(Purpose::Publisher) => "publisher's key, which signs manifests".to_owned(),
            Some(Purpose::Authority) => "the authority's key, which signs certificates".to_owned(),
            Some(Purpose::Server) => "key of the server's certificate".to_owned(),
            None => format!("{purpose}, which is not known"),
        },
    );
    let protection = fields.u8("the protection")?;
    facts.text(
        "protection",
        match protection {
            0 => "none but the file's mode".to_owned(),
            1 => "a passphrase".to_owned(),
            other => format!("{other}, which is not known"),
        },
    );
    let checked = bytes.len().checked_sub(CHECK_BYTES).filter(|before| *before >= HEAD_BYTES);
    let (before, check) = bytes.split_at(checked.unwrap_or(bytes.len()));
    let holds = checked.is_some() && blake3::hash(before).as_bytes()[..CHECK_BYTES] == *check;
    let shown = match protection {
        0 => in_the_clear(facts, &mut fields, known),
        1 => sealed(facts, &mut fields, known),
        _ => Err(Fault::at(11, "a protection that this version does not know").or_remedy("update Samar")),
    };
    facts.text("check", if holds { "good" } else { "DOES NOT MATCH" });
    if let Some(changed) = changed {
        return Err(changed);
    }
    shown?;
    if known.is_none() {
        return Err(Fault::at(10, "a purpose that this version does not know").or_remedy("update Samar"));
    }
    if !holds {
        let what = "the check at its end does not match: a byte before it, or of it, was changed";
        return Err(Fault::at(before.len() as u64, what));
    }
    Ok(())
}

fn in_the_clear(facts: &mut Facts, fields: &mut Fields<'_>, purpose: Option<Purpose>) -> Result<(), Fault> {
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(fields.take("the key", 32)?);
    fields.take("the check", CHECK_BYTES)?;
    match purpose {
        Some(Purpose::Oprf) => {
            let key = SecretKey::from_bytes(&key).map_err(|error| Fault::at(12, error.to_string()))?;
            show_oprf(facts, key.public());
        }
        Some(Purpose::Publisher) => {
            let key = SigningKey::from_bytes(&key).verifying_key();
            facts.add("public_key", Value::Fingerprint(key.to_bytes()));
        }
        _ => {}
    }
    match fields.left() {
        0 => Ok(()),
        left => Err(Fault::at(fields.at(), format!("{left} bytes too many stand after its end"))),
    }
}

/// What stands beside a key under a passphrase; the key itself is neither asked for nor opened.
fn sealed(facts: &mut Facts, fields: &mut Fields<'_>, purpose: Option<Purpose>) -> Result<(), Fault> {
    let public = fields.array::<32>("the public half")?;
    match (purpose, PublicKey::from_bytes(&public)) {
        (Some(Purpose::Oprf), Ok(public)) => show_oprf(facts, &public),
        (Some(Purpose::Oprf), Err(error)) => return Err(Fault::at(12, error.to_string())),
        (Some(Purpose::Publisher), _) => facts.add("public_key", Value::Fingerprint(public)),
        _ => facts.add("key_fingerprint", Value::Fingerprint(public)),
    }
    let mut number = |what| fields.array::<4>(what).map(u32::from_le_bytes);
    let (memory_kib, passes) = (number("the memory")?, number("the passes")?);
    let lanes = number("the lanes")?;
    facts.text("wrapping_key", format!("Argon2id, {memory_kib} KiB, {passes} passes, {lanes} lanes"));
    fields.take("the salt", SALT_BYTES)?;
    fields.take("the nonce", NONCE_BYTES)?;
    fields.take("the encrypted key and the check", TAG_BYTES + CHECK_BYTES + 1).map(|_| ())
}

fn show_oprf(facts: &mut Facts, public: &PublicKey) {
    facts.add("key_id", Value::Hex(public.id().0.to_vec()));
    facts.add("public_key", Value::Hex(public.to_bytes().to_vec()));
}
