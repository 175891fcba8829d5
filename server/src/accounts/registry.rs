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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use samar_local::exit::Exit;
    use tempfile::TempDir;

    use super::*;

    const NOW_S: u64 = 1_795_326_000;

    fn registry() -> (TempDir, Registry) {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry { folder: folder.path().to_owned() };
        (folder, registry)
    }

    fn bank(name: &str) -> Bank {
        Bank {
            name: name.to_owned(),
            per_day: 7,
            lifetime: 70,
            revoked: None,
            invitations: vec![],
            keys: vec![],
        }
    }

    fn revoked(name: &str) -> Bank {
        Bank { revoked: Some(Revocation { at_s: NOW_S, reason: "ended".to_owned() }), ..bank(name) }
    }

    fn names(banks: &[Bank]) -> Vec<&str> {
        banks.iter().map(|bank| bank.name.as_str()).collect()
    }

    #[test]
    fn an_enrolment_is_read_as_it_was_stored_and_no_other_is_there() {
        let (folder, registry) = registry();
        let mut stored = revoked("bank-a");
        stored.keys = vec![to_hex(&[0xab; 32])];
        stored.invitations = vec![OpenInvitation { token_sha256: to_hex(&[1; 32]), expires_s: NOW_S }];
        registry.store(&stored).unwrap();
        assert_eq!(registry.bank("bank-a").unwrap().as_ref(), Some(&stored));
        let path = folder.path().join("bank-a.toml");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // What cannot name a bank is no place in the file system.
        std::fs::copy(&path, folder.path().join("Bank.toml")).unwrap();
        for name in ["bank-b", "Bank", "../bank-a", ""] {
            assert_eq!(registry.bank(name).unwrap(), None, "{name}");
        }
        let changed = bank("bank-a");
        registry.store(&changed).unwrap();
        assert_eq!(registry.bank("bank-a").unwrap(), Some(changed), "the last one counts");
    }

    #[test]
    fn all_are_listed_by_name_and_those_that_were_revoked_are_served_no_more() {
        let (folder, registry) = registry();
        assert_eq!(registry.banks().unwrap(), []);
        for bank in [bank("bank-c"), revoked("bank-a"), bank("bank-b")] {
            registry.store(&bank).unwrap();
        }
        for other in ["bank-a.invitation", ".enroll.lock", "notes"] {
            std::fs::write(folder.path().join(other), "something else").unwrap();
        }
        assert_eq!(names(&registry.banks().unwrap()), ["bank-a", "bank-b", "bank-c"]);
        assert_eq!(registry.served("bank-a").unwrap(), None);
        assert_eq!(registry.served("bank-b").unwrap(), Some(bank("bank-b")));
        assert_eq!(registry.served("bank-d").unwrap(), None);
    }

    #[test]
    fn a_file_that_is_no_enrolment_of_its_name_is_an_error_wherever_it_is_read() {
        let (folder, registry) = registry();
        let path = folder.path().join("bank-a.toml");
        let fails = |says: &str| {
            for failure in [
                registry.bank("bank-a").map(drop).unwrap_err(),
                registry.served("bank-a").map(drop).unwrap_err(),
                registry.banks().map(drop).unwrap_err(),
                registry.invited(&[1; 32], NOW_S).map(drop).unwrap_err(),
                registry.certified(&[1; 32]).map(drop).unwrap_err(),
            ] {
                assert_eq!(failure.exit(), Exit::Input, "{failure}");
                assert!(failure.to_string().contains("bank-a.toml"), "{failure}");
                assert!(failure.to_string().contains(says), "{failure}");
            }
        };
        std::fs::write(&path, "name = \"bank-a\"\nper_dya = 1\n").unwrap();
        fails("per_dya");
        registry.store(&bank("bank-b")).unwrap();
        std::fs::rename(folder.path().join("bank-b.toml"), &path).unwrap();
        fails("is of another bank");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        fails("is a folder");
        let nowhere = Registry { folder: folder.path().join("nowhere") };
        assert!(nowhere.banks().unwrap_err().to_string().contains("nowhere"));
        assert!(nowhere.store(&bank("bank-a")).is_err());
        assert_eq!(nowhere.bank("bank-a").unwrap(), None);
    }

    #[test]
    fn a_token_is_its_banks_until_it_runs_out_or_the_bank_is_revoked() {
        let (_folder, registry) = registry();
        let open = |token: u8, expires_s| OpenInvitation { token_sha256: to_hex(&[token; 32]), expires_s };
        let mut invited = bank("bank-b");
        invited.invitations = vec![open(1, NOW_S + 1), open(2, NOW_S)];
        let mut gone = revoked("bank-c");
        gone.invitations = vec![open(3, NOW_S + 1)];
        let mut unreadable = bank("bank-d");
        unreadable.invitations = vec![OpenInvitation { token_sha256: "04".to_owned(), expires_s: u64::MAX }];
        for bank in [&bank("bank-a"), &invited, &gone, &unreadable] {
            registry.store(bank).unwrap();
        }
        let of = |token: u8| registry.invited(&[token; 32], NOW_S).unwrap().map(|bank| bank.name);
        assert_eq!(of(1).as_deref(), Some("bank-b"));
        for token in [0, 2, 3, 4] {
            assert_eq!(of(token), None, "{token}");
        }
    }

    #[test]
    fn a_certified_key_is_its_banks_until_the_bank_is_revoked() {
        let (_folder, registry) = registry();
        let with = |bank: Bank, key: u8| Bank { keys: vec![to_hex(&[9; 32]), to_hex(&[key; 32])], ..bank };
        registry.store(&bank("bank-a")).unwrap();
        registry.store(&Bank { keys: vec![to_hex(&[1; 32])], ..bank("bank-b") }).unwrap();
        registry.store(&with(revoked("bank-c"), 2)).unwrap();
        let of = |key: u8| registry.certified(&[key; 32]).unwrap().map(|bank| bank.name);
        assert_eq!(of(1).as_deref(), Some("bank-b"));
        assert_eq!([of(2), of(3)], [None, None]);
        registry.store(&with(bank("bank-c"), 2)).unwrap();
        assert_eq!(of(2).as_deref(), Some("bank-c"));
    }
}
