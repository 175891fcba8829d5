//! Enrolments: one file a bank, written by `enroll`, read by `serve` whenever it needs one.

use std::path::PathBuf;

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::invitation::{from_hex, to_hex};
use samar_protocol::manifest::is_breach_id;
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::pki::KeyFingerprint;

/// A bank as it is enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bank {
    /// Name of the account: lower-case letters, digits and inner hyphens.
    pub name: String,
    /// Evaluations a day (UTC).
    pub per_day: u64,
    /// Evaluations in all.
    pub lifetime: u64,
    /// Since when and why it is served no more, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
    /// Invitations that may still be traded, by the SHA-256 of their token.
    #[serde(default)]
    pub invitations: Vec<OpenInvitation>,
    /// Keys certified by `enroll --csr`, as SHA-256 of their SubjectPublicKeyInfo.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// The end of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// When, seconds since 1970 UTC.
    pub at_s: u64,
    /// Why, for the operator's own people: banks are not told.
    pub reason: String,
}

/// An invitation that was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenInvitation {
    /// SHA-256 of the token, hexadecimal. The token itself is nowhere on this machine.
    pub token_sha256: String,
    /// When it runs out, seconds since 1970 UTC.
    pub expires_s: u64,
}

/// The folder of enrolments.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
}

impl Registry {
    /// The enrolments of an operator's folder.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self { folder: layout.banks() }
    }

    /// The bank of that name, if it is enrolled.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn bank(&self, name: &str) -> Result<Option<Bank>, Failure> {
        if !is_breach_id(name) {
            return Ok(None);
        }
        let path = self.path(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_failure("read", &path, &error)),
        };
        let bank: Bank =
            toml::from_str(&text).map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
        if bank.name != name {
            return Err(Failure::input(format!("{} is of another bank", path.display())));
        }
        Ok(Some(bank))
    }

    /// The bank of that name, if it is to be served: enrolled, and not revoked.
    ///
    /// # Errors
    /// As [`Registry::bank`].
    pub fn served(&self, name: &str) -> Result<Option<Bank>, Failure> {
        Ok(self.bank(name)?.filter(|bank| bank.revoked.is_none()))
    }

    /// Every bank, by name, those that were revoked among them.
    ///
    /// # Errors
    /// A file or the folder cannot be read.
    pub fn banks(&self) -> Result<Vec<Bank>, Failure> {
        let failure = |error: std::io::Error| io_failure("read", &self.folder, &error);
        let mut banks = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failure)? {
            let name = entry.map_err(failure)?.file_name();
            if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".toml")) {
                banks.extend(self.bank(name)?);
            }
        }
        banks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(banks)
    }

    /// The bank that an unexpired invitation with this token hash is for.
    ///
    /// # Errors
    /// As [`Registry::banks`].
    pub fn invited(&self, token_sha256: &[u8; 32], now_s: u64) -> Result<Option<Bank>, Failure> {
        let open = |invitation: &OpenInvitation| {
            from_hex(&invitation.token_sha256).is_some_and(|hash| hash == *token_sha256)
                && now_s < invitation.expires_s
        };
        let invited = |bank: &Bank| bank.revoked.is_none() && bank.invitations.iter().any(open);
        Ok(self.banks()?.into_iter().find(invited))
    }

    /// The bank to be served for which `enroll --csr` certified this key.
    ///
    /// # Errors
    /// As [`Registry::banks`].
    pub fn certified(&self, key: &KeyFingerprint) -> Result<Option<Bank>, Failure> {
        let key = to_hex(key);
        Ok(self.banks()?.into_iter().find(|bank| bank.revoked.is_none() && bank.keys.contains(&key)))
    }

    /// Stores an enrolment.
    ///
    /// # Errors
    /// Of the file system.
    pub fn store(&self, bank: &Bank) -> Result<(), Failure> {
        let path = self.path(&bank.name);
        let text = toml::to_string(bank).map_err(|error| Failure::local(error.to_string()))?;
        durable::write(&path, text.as_bytes(), Mode::Private)
            .map_err(|error| io_failure("write", &path, &error))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }
}
