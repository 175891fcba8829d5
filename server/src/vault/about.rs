//! `about.toml`: what is known of a breach, for people to read and edit. `publish` puts it into the manifest.

use std::path::Path;

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::manifest::{Status, is_date};
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
}

impl About {
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
        let about: Self =
            toml::from_str(&text).map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
        about.check().map_err(|reason| Failure::input(format!("{}: {reason}", path.display())))?;
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

    /// Checks title, date and status.
    ///
    /// # Errors
    /// What is wrong, with the remedy.
    pub fn check(&self) -> Result<(), String> {
        if self.title.is_empty() || self.title.len() > 256 || self.title.chars().any(char::is_control) {
            return Err("the title must be 1 to 256 printable bytes".to_owned());
        }
        if !is_date(&self.date) {
            let date = self.date.escape_debug();
            return Err(format!("`{date}` is no date; write YYYY, YYYY-MM or YYYY-MM-DD, as in 2021-05-20"));
        }
        self.status().map(|_| ())
    }

    /// The status.
    ///
    /// # Errors
    /// A name that is none.
    pub fn status(&self) -> Result<Status, String> {
        Status::from_name(&self.status).ok_or_else(|| {
            let names = Status::ALL.map(Status::name).join(", ");
            format!("`{}` is no status; there are {names}", self.status.escape_debug())
        })
    }
}
