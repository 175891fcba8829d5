//! `samar.toml` and `seen.toml`.

use samar_inspect::toml_file::{Key, Shape, rule, show};
use samar_inspect::{Report, Source};
use samar_local::exit::Failure;

use crate::config::Config;
use crate::seen;

const CONFIG: [Key; 9] = [
    Key { key: "operator", shape: Shape::Line },
    Key { key: "bank", shape: Shape::Line },
    Key { key: "address", shape: Shape::Line },
    Key { key: "publisher_key", shape: Shape::Fingerprint },
    Key { key: "floor_epoch", shape: Shape::Count },
    Key { key: "floor_hash", shape: Shape::Fingerprint },
    Key { key: "key_exchange", shape: Shape::Line },
    Key { key: "gso", shape: Shape::Flag },
    Key { key: "blinding", shape: Shape::Line },
];

const SEEN: [Key; 4] = [
    Key { key: "epoch", shape: Shape::Count },
    Key { key: "hash", shape: Shape::Fingerprint },
    Key { key: "publisher_key", shape: Shape::Fingerprint },
    Key { key: "synced_s", shape: Shape::Time },
];

pub(super) fn config(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let (_, text) = show(&mut report, source, &CONFIG)?;
    if let Some(Err(reason)) = text.as_deref().map(Config::parse) {
        report.fault(rule(&reason));
    }
    report.remedy("mend the line, or join again in another --dir");
    Ok(report)
}

pub(super) fn seen(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let (_, text) = show(&mut report, source, &SEEN)?;
    if text.as_deref().is_some_and(|text| seen::parse(text).is_none()) {
        report.fault(rule("a value is missing, or is not what it should be"));
    }
    report.remedy("restore it from a backup, or join again with a new invitation in another --dir");
    Ok(report)
}
