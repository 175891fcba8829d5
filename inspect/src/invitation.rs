//! An invitation (SPEC.md section "Invitation"). Its token opens an account and is not shown.

use samar_local::exit::Failure;
use samar_local::people::now_s;
use samar_protocol::invitation::Invitation;

use crate::certificate;
use crate::report::{Facts, Fault, Report, Value};
use crate::source::Source;
use crate::toml_file::{self, Key, Shape};

const KEYS: [Key; 11] = [
    Key { key: "samar_invitation", shape: Shape::Count },
    Key { key: "operator", shape: Shape::Line },
    Key { key: "bank", shape: Shape::Line },
    Key { key: "address", shape: Shape::Line },
    Key { key: "publisher_key", shape: Shape::Fingerprint },
    Key { key: "floor_epoch", shape: Shape::Count },
    Key { key: "floor_hash", shape: Shape::Fingerprint },
    Key { key: "expires_s", shape: Shape::Time },
    Key { key: "token", shape: Shape::Hidden("one, not shown: it opens the account once") },
    Key { key: "ca_certificate", shape: Shape::Shown },
    Key { key: "certificate", shape: Shape::Shown },
];

const REMEDY: &str = "ask the operator for a new invitation (samar-server enroll BANK --again)";

pub(crate) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let (table, text) = toml_file::show(&mut report, source, &KEYS)?;
    for name in ["ca_certificate", "certificate"] {
        let Some(pem) = table.get(name).and_then(toml::Value::as_str) else { continue };
        let mut facts = Facts::default();
        // Which byte of the file it is cannot be told: TOML may have changed the text.
        if let Err(fault) = certificate::show(&mut facts, pem) {
            report.fault(Fault::whole(format!("{name}: {}", fault.what)));
        }
        report.facts.add(name, Value::Several("certificate", vec![facts]));
    }
    if let Some(Err(error)) = text.as_deref().map(Invitation::parse) {
        report.fault(Fault::whole(error.to_string()));
    }
    let expires_s =
        table.get("expires_s").and_then(toml::Value::as_integer).and_then(|s| u64::try_from(s).ok());
    if table.contains_key("token") && expires_s.is_some_and(|expires_s| expires_s <= now_s()) {
        report.note("its token has run out: ask the operator for a new invitation");
    }
    report.remedy(REMEDY);
    if let Some(fault) = source.readable_by_others().filter(|_| table.contains_key("token")) {
        report.note(format!("{}: {}", fault.what, fault.remedy));
    }
    Ok(report)
}
