//! `about.toml`: what is known of a breach, for people to read and edit. `publish` puts it into the manifest.

use std::path::Path;

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::identifier::Kind;
use samar_protocol::limits::{DESCRIPTION_BYTES_MAX, TEXT_BYTES_MAX};
use samar_protocol::manifest::{BreachDetails, Status, is_date};
use serde::{Deserialize, Serialize};

/// What is known of a breach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Title for people.
    pub title: String,
    /// When it happened: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub date: String,
    /// claimed, confirmed, denied-in-part or disputed.
    pub status: String,
    /// Names of the kinds of identifiers that its entries are of, in the order of [`Kind::ALL`]. `ingest` keeps it.
    #[serde(default = "niks", skip_serializing_if = "is_niks")]
    pub kinds: Vec<String>,
    /// A line about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it came into the set, as a date.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub added: String,
    /// When what is known of it last changed, as a date.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modified: String,
    /// How many records it is said to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Whether being in it is itself sensitive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// Where it is known from, as a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// What a breach holds that does not say: so did every one before there were other kinds.
fn niks() -> Vec<String> {
    vec![Kind::Nik.name().to_owned()]
}

fn is_niks(kinds: &[String]) -> bool {
    kinds == niks()
}

/// What is wrong with a field, and what may stand there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct Wrong {
    what: String,
    remedy: String,
}

impl Wrong {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// The failure that it is where no file has it.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        Failure::input(self.what).remedy(self.remedy)
    }

    /// The failure that it is in this file.
    #[must_use]
    pub fn within(self, path: &Path) -> Failure {
        Failure::input(format!("{}: {}", path.display(), self.what)).remedy(self.remedy)
    }
}

impl About {
    /// What to do about a file that cannot be.
    pub(crate) const REMEDY: &str =
        "mend the line, or ingest the breach again with --title, --date and --status";

    /// Reads the file; `None` where there is none yet.
    ///
    /// # Errors
    /// A file that cannot be read or breaks a rule, with its place.
    pub fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_failure("read", path, &error)),
        };
        let about: Self = toml::from_str(&text).map_err(|error| {
            let place = error.to_string();
            Failure::input(format!("{}: {}", path.display(), place.trim_end())).remedy(Self::REMEDY)
        })?;
        about.check().map_err(|wrong| wrong.within(path))?;
        Ok(Some(about))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self).map_err(Failure::local)?;
        durable::write(path, text.as_bytes(), Mode::Private)
            .map_err(|error| io_failure("write", path, &error))
    }

    /// What is known of a breach of which only these are.
    #[must_use]
    pub fn new(title: String, date: String, status: String, kinds: Vec<String>) -> Self {
        let (description, added, modified, source) = Default::default();
        Self {
            title,
            date,
            status,
            kinds,
            description,
            added,
            modified,
            records: None,
            sensitive: false,
            source,
        }
    }

    /// The kinds of both, in the order of [`Kind::ALL`].
    #[must_use]
    pub fn joined(kinds: &[String], more: &[Kind]) -> Vec<String> {
        let named = |kind: &Kind| more.contains(kind) || kinds.iter().any(|name| name == kind.name());
        Kind::ALL.into_iter().filter(named).map(|kind| kind.name().to_owned()).collect()
    }

    /// What the manifest says of it beside title, date and status; nothing where that is what it says of any breach of NIKs.
    #[must_use]
    pub fn details(&self, breach: &str) -> Option<BreachDetails> {
        let details = BreachDetails {
            breach: breach.to_owned(),
            kinds: self.kinds.iter().filter_map(|name| Kind::from_name(name)).map(Kind::byte).collect(),
            description: self.description.clone(),
            added: self.added.clone(),
            modified: self.modified.clone(),
            records: self.records,
            flags: BreachDetails::flags(self.sensitive),
            source: self.source.clone(),
        };
        let plain =
            BreachDetails { breach: breach.to_owned(), kinds: vec![Kind::Nik.byte()], ..Default::default() };
        (details != plain).then_some(details)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), Wrong> {
        if self.title.is_empty() || self.title.len() > 256 || self.title.chars().any(char::is_control) {
            return Err(Wrong::new("the title is empty or does not fit", "write 1 to 256 printable bytes"));
        }
        for (name, text, bytes_max) in [
            ("description", &self.description, DESCRIPTION_BYTES_MAX),
            ("source", &self.source, TEXT_BYTES_MAX),
        ] {
            if text.len() > bytes_max || text.chars().any(char::is_control) {
                let remedy = format!("write at most {bytes_max} printable bytes, on one line");
                return Err(Wrong::new(format!("the {name} does not fit"), remedy));
            }
        }
        for (name, date, may_lack) in
            [("date", &self.date, false), ("added", &self.added, true), ("modified", &self.modified, true)]
        {
            if !(is_date(date) || may_lack && date.is_empty()) {
                let what = format!("{name} = `{}` is no date", date.escape_debug());
                return Err(Wrong::new(what, "write YYYY, YYYY-MM or YYYY-MM-DD, as in 2021-05-20"));
            }
        }
        if self.kinds.is_empty() || self.kinds != Self::joined(&self.kinds, &[]) {
            let names = Kind::ALL.map(Kind::name).join(", ");
            let remedy = format!("name one or more of {names}, each once and in this order");
            return Err(Wrong::new("the kinds are not as they must be", remedy));
        }
        self.status().map(|_| ())
    }

    /// The status.
    ///
    /// # Errors
    /// A name that is none.
    pub fn status(&self) -> Result<Status, Wrong> {
        Status::from_name(&self.status).ok_or_else(|| {
            let names = Status::ALL.map(Status::name).join(", ");
            let what = format!("status = `{}` is no status", self.status.escape_debug());
            Wrong::new(what, format!("write one of {names}"))
        })
    }
}
