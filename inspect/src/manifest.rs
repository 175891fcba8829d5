//! A manifest file (SPEC.md section "Manifest").

use ed25519_dalek::VerifyingKey;
use samar_local::exit::Failure;
use samar_local::people::now_s;
use samar_protocol::manifest::{MANIFEST_MAGIC, ManifestHash, SignedManifest, Status};
use samar_protocol::segment::SegmentKind;

use crate::binary::Fields;
use crate::report::{Facts, Fault, Report, Value};
use crate::source::Source;

const SIGNATURE_AT: u64 = MANIFEST_MAGIC.len() as u64;
const BODY_AT: u64 = SIGNATURE_AT + 64;
const REMEDY: &str = "a bank: samar sync fetches it again; the operator: restore it from its backup";

pub(crate) fn decode(source: &Source, publishers: &[VerifyingKey]) -> Result<Report, Failure> {
    let mut report = Report::default();
    let bytes = source.read(0, SignedManifest::FILE_BYTES_MAX as u64)?;
    let mut facts = Facts::default();
    let fields = show(&mut facts, &bytes);
    report.facts = facts;
    if let Err(fault) = fields {
        report.fault(fault);
    }
    if source.length() > bytes.len() as u64 {
        report.fault(Fault::at(bytes.len() as u64, "it is longer than a manifest may be"));
    }
    match SignedManifest::inspect(&bytes) {
        Err(error) => report.fault(Fault::at(BODY_AT, error.to_string())),
        Ok(signed) => {
            report.facts.add("hash", Value::Fingerprint(signed.hash().0));
            if signed.manifest().valid_until_s < now_s() {
                report.note("it has run out: banks refuse this set until the operator publishes again");
            }
            check_signature(&mut report, &bytes, publishers);
        }
    }
    report.remedy(REMEDY);
    Ok(report)
}

/// The file does not hold the key that signed it; the folder of who inspects may.
fn check_signature(report: &mut Report, bytes: &[u8], publishers: &[VerifyingKey]) {
    let holds = publishers.iter().any(|publisher| SignedManifest::verify(bytes, publisher).is_ok());
    let found = match (publishers, holds) {
        ([], _) => "not checked: this folder holds no publisher's key (--dir names another)",
        (_, true) => "good, by the publisher's key of this folder",
        (_, false) => "NOT by the publisher's key of this folder",
    };
    report.facts.text("signature", found);
    if !publishers.is_empty() && !holds {
        let what = "the signature does not hold: the file was changed, or another operator signed it";
        report.fault(Fault::at(SIGNATURE_AT, what));
    }
}

fn show(facts: &mut Facts, bytes: &[u8]) -> Result<(), Fault> {
    let mut fields = Fields::new(bytes, 0);
    let changed = fields.magic(&MANIFEST_MAGIC)?;
    fields.take("the signature", 64)?;
    facts.text("operator", fields.string("the operator's name")?);
    facts.count("epoch", fields.u64("the epoch")?);
    facts.add("created", Value::Time(fields.u64("the time of creation")?));
    facts.add("valid_until", Value::Time(fields.u64("the end of its validity")?));
    match fields.array("the previous manifest's hash")? {
        hash if hash == ManifestHash::NONE.0 => facts.text("previous", "none: it is the first"),
        hash => facts.add("previous", Value::Fingerprint(hash)),
    }
    facts.count("suite", fields.u16("the suite")?);
    facts.add("oprf_key_id", Value::Hex(fields.array::<8>("the key id")?.to_vec()));
    facts.add("oprf_public_key", Value::Hex(fields.array::<32>("the OPRF public key")?.to_vec()));
    let count = fields.u64("the number of breaches")?;
    let mut breaches = Vec::new();
    let mut read = Ok(());
    for number in 1..=count {
        let mut one = Facts::default();
        read = breach(&mut one, &mut fields);
        breaches.push(one);
        if let Err(fault) = &mut read {
            fault.what = format!("breach {number} of {count}: {}", fault.what);
            break;
        }
    }
    facts.add("breaches", Value::Several("breach", breaches));
    read?;
    match fields.u8("the mark of a next publisher's key")? {
        0 => {}
        1 => facts.add("next_publisher_key", Value::Fingerprint(fields.array("the next publisher's key")?)),
        _ => return Err(Fault::at(fields.at() - 1, "the mark of a next publisher's key is neither 0 nor 1")),
    }
    let extensions = fields.u64("the number of extensions")?;
    for _ in 0..extensions {
        fields.u16("an extension's id")?;
        let length = usize::try_from(fields.u64("an extension's length")?).unwrap_or(usize::MAX);
        fields.take("an extension", length)?;
    }
    facts.count("extensions", extensions);
    match fields.left() {
        0 => changed.map_or(Ok(()), Err),
        left => Err(Fault::at(fields.at(), format!("{left} bytes too many stand after its end"))),
    }
}

fn breach(facts: &mut Facts, fields: &mut Fields<'_>) -> Result<(), Fault> {
    facts.text("breach", fields.string("its id")?);
    facts.text("title", fields.string("its title")?);
    facts.text("date", fields.string("its date")?);
    let at = fields.at();
    let status = usize::try_from(fields.u32("its status")?).ok().and_then(|number| Status::ALL.get(number));
    facts.text("status", status.ok_or_else(|| Fault::at(at, "its status is not known"))?.name());
    facts.add("exposes", Value::Names(fields.strings("its data classes")?));
    facts.add("varies", Value::Names(fields.strings("its data classes that vary")?));
    let mut segments = Vec::new();
    for _ in 0..fields.u64("the number of its segments")? {
        let mut one = Facts::default();
        one.add("root", Value::Hex(fields.array::<32>("a segment's root")?.to_vec()));
        let at = fields.at();
        let kind = match fields.u32("a segment's kind")? {
            0 => SegmentKind::Base,
            1 => SegmentKind::Add,
            2 => SegmentKind::Remove,
            _ => return Err(Fault::at(at, "a segment's kind is not known")),
        };
        one.text("kind", crate::segment::kind_name(kind));
        one.count("entries", fields.u64("a segment's entries")?);
        one.add("page_bytes", Value::Bytes(fields.u32("a segment's page size")?.into()));
        one.add("file_bytes", Value::Bytes(fields.u64("a segment's length")?));
        segments.push(one);
    }
    facts.add("segments", Value::Several("segment", segments));
    Ok(())
}
