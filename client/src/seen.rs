//! `seen.toml`: the manifest that was accepted last. The client's view of the set only ever moves forward from it.

use ed25519_dalek::VerifyingKey;
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::invitation::{from_hex, to_hex};
use samar_protocol::manifest::{Floor, ManifestHash};
use serde::{Deserialize, Serialize};

use crate::config::Home;

/// What a sync left behind: everything it names is on disk, whole and verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The manifest accepted last.
    pub floor: Floor,
    /// Key that must sign the next one.
    pub publisher_key: VerifyingKey,
    /// When it was synced, seconds since 1970 UTC.
    pub synced_s: u64,
}

/// The file as it stands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    epoch: u64,
    hash: String,
    publisher_key: String,
    synced_s: u64,
}

impl Seen {
    /// Reads the folder's `seen.toml`; nothing where no sync was completed yet.
    ///
    /// # Errors
    /// [`Failure`] where it is damaged: starting over from the invitation's floor would let a rollback pass.
    pub fn load(home: &Home) -> Result<Option<Self>, Failure> {
        let path = home.seen();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_failure("read", &path, &error)),
        };
        let seen = parse(&text).ok_or_else(|| {
            Failure::local(format!(
                "{} is damaged: it keeps the server from showing an old set",
                path.display()
            ))
            .remedy("restore it from a backup, or join again with a new invitation in another --dir")
        })?;
        Ok(Some(seen))
    }

    /// Replaces `seen.toml`, durably.
    ///
    /// # Errors
    /// Of the file system; the file is then as it was.
    pub fn store(&self, home: &Home) -> Result<(), Failure> {
        let file = File {
            epoch: self.floor.epoch,
            hash: to_hex(&self.floor.hash.0),
            publisher_key: to_hex(self.publisher_key.as_bytes()),
            synced_s: self.synced_s,
        };
        let text = toml::to_string(&file).map_err(|error| Failure::local(error.to_string()))?;
        let path = home.seen();
        durable::write(&path, text.as_bytes(), Mode::Private)
            .map_err(|error| io_failure("write", &path, &error))
    }
}

/// The file's text; nothing where it is damaged.
pub(crate) fn parse(text: &str) -> Option<Seen> {
    let file: File = toml::from_str(text).ok()?;
    Some(Seen {
        floor: Floor { epoch: file.epoch, hash: ManifestHash(from_hex(&file.hash)?) },
        publisher_key: VerifyingKey::from_bytes(&from_hex(&file.publisher_key)?).ok()?,
        synced_s: file.synced_s,
    })
}

#[cfg(test)]
mod tests {
    use samar_local::exit::Exit;

    use super::*;

    #[test]
    fn is_kept_and_a_damaged_one_is_never_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        assert_eq!(Seen::load(&home).unwrap(), None);
        let seen = Seen {
            floor: Floor { epoch: 7, hash: ManifestHash([9; 32]) },
            publisher_key: ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key(),
            synced_s: 1_800_000_000,
        };
        seen.store(&home).unwrap();
        assert_eq!(Seen::load(&home).unwrap(), Some(seen));

        let text = std::fs::read_to_string(home.seen()).unwrap();
        for damaged in
            ["", "epoch = 7\n", &text[..text.len() / 2], &text.replace("hash = \"09", "hash = \"9")]
        {
            std::fs::write(home.seen(), damaged).unwrap();
            assert_eq!(Seen::load(&home).unwrap_err().exit(), Exit::Local, "{damaged}");
        }
    }
}
