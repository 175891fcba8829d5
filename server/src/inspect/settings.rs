//! The TOML files of the operator's folder.

use samar_inspect::toml_file::{Key, Shape, rule, show};
use samar_inspect::{Report, Source, Value};
use samar_local::exit::Failure;

use crate::accounts::Bank;
use crate::config::Config;
use crate::publish::Made;
use crate::vault::about::About;

const LIMITS: [Key; 6] = [
    Key { key: "connections", shape: Shape::Count },
    Key { key: "connections_per_bank", shape: Shape::Count },
    Key { key: "connections_per_address", shape: Shape::Count },
    Key { key: "retry_from", shape: Shape::Count },
    Key { key: "memory_mib", shape: Shape::Count },
    Key { key: "deadline_s", shape: Shape::Count },
];

const CONFIG: [Key; 13] = [
    Key { key: "operator", shape: Shape::Line },
    Key { key: "listen", shape: Shape::Line },
    Key { key: "address", shape: Shape::Line },
    Key { key: "key_exchange", shape: Shape::Line },
    Key { key: "gso", shape: Shape::Flag },
    Key { key: "metrics", shape: Shape::Line },
    Key { key: "manifest_days", shape: Shape::Count },
    Key { key: "grace_days", shape: Shape::Count },
    Key { key: "per_day", shape: Shape::Count },
    Key { key: "lifetime", shape: Shape::Count },
    Key { key: "lookup", shape: Shape::Line },
    Key { key: "lookups_per_day", shape: Shape::Count },
    Key { key: "limits", shape: Shape::Section(&LIMITS) },
];

const ABOUT: [Key; 10] = [
    Key { key: "title", shape: Shape::Line },
    Key { key: "date", shape: Shape::Line },
    Key { key: "status", shape: Shape::Line },
    Key { key: "kinds", shape: Shape::Shown },
    Key { key: "description", shape: Shape::Line },
    Key { key: "added", shape: Shape::Line },
    Key { key: "modified", shape: Shape::Line },
    Key { key: "records", shape: Shape::Count },
    Key { key: "sensitive", shape: Shape::Shown },
    Key { key: "source", shape: Shape::Line },
];

const MADE: [Key; 1] = [Key { key: "segment", shape: Shape::Sections("segment", &MADE_SEGMENT) }];

const MADE_SEGMENT: [Key; 6] = [
    Key { key: "part", shape: Shape::Count },
    Key { key: "vault", shape: Shape::Hex },
    Key { key: "root", shape: Shape::Hex },
    Key { key: "entries", shape: Shape::Count },
    Key { key: "page_bytes", shape: Shape::Bytes },
    Key { key: "file_bytes", shape: Shape::Bytes },
];

const INVITATIONS: [Key; 2] = [
    Key { key: "expires_s", shape: Shape::Time },
    Key { key: "token_sha256", shape: Shape::Hidden("kept as a hash, not shown") },
];

const REVOKED: [Key; 2] =
    [Key { key: "at_s", shape: Shape::Time }, Key { key: "reason", shape: Shape::Line }];

const ENROLMENT: [Key; 6] = [
    Key { key: "name", shape: Shape::Line },
    Key { key: "per_day", shape: Shape::Count },
    Key { key: "lifetime", shape: Shape::Count },
    Key { key: "revoked", shape: Shape::Section(&REVOKED) },
    Key { key: "keys", shape: Shape::Fingerprints },
    Key { key: "invitations", shape: Shape::Sections("invitation", &INVITATIONS) },
];

pub(super) fn config(source: &Source) -> Result<Report, Failure> {
    settings(source, &CONFIG, Config::REMEDY, |text| Config::parse(text).map(drop))
}

pub(super) fn about(source: &Source) -> Result<Report, Failure> {
    let mut report = settings(source, &ABOUT, About::REMEDY, |text| {
        parse::<About>(text)?.check().map_err(|wrong| wrong.to_string())
    })?;
    if let Ok(about) = parse::<About>(&source.text()?.0) {
        report.facts.add("kinds", Value::Names(about.kinds));
        report.facts.text("sensitive", if about.sensitive { "yes" } else { "no" });
    }
    Ok(report)
}

pub(super) fn made(source: &Source) -> Result<Report, Failure> {
    settings(source, &MADE, "rm the file: publish makes the segments anew", |text| {
        parse::<Made>(text).map(drop)
    })
}

pub(super) fn enrolment(source: &Source) -> Result<Report, Failure> {
    let remedy = "restore it from its backup, or rm it and enroll the bank anew: what it used stays in the account log";
    settings(source, &ENROLMENT, remedy, |text| parse::<Bank>(text).map(drop))
}

/// Shows the keys, then lets the reader of the file itself have the last word.
fn settings(
    source: &Source,
    keys: &[Key],
    remedy: &str,
    strict: impl FnOnce(&str) -> Result<(), String>,
) -> Result<Report, Failure> {
    let mut report = Report::default();
    let (_, text) = show(&mut report, source, keys)?;
    if let Some(Err(message)) = text.as_deref().map(strict) {
        report.fault(rule(&message));
    }
    report.remedy(remedy);
    Ok(report)
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}
