//! The bank's folder: where each file stands, and `samar.toml`, which `join` writes.
//!
//! ```text
//! samar.toml   whom to ask, what to trust       client.key  client.pem  ca.pem
//! seen.toml    the manifest seen last           manifests/EPOCH.manifest
//! segments/ROOT.segment (whole and verified; .part while it is fetched)
//! screened/EPOCH-DAY.manifest   the manifests of epochs that were screened
//! ledger/KEY-ID/   what was evaluated under a key      pending/run-*.tmp   what a running screening sorts
//! ledger/passphrase   that those are under a passphrase, and under which
//! pending/KEY-ID/  the same of a screening that keeps no ledger, until it has come to its end
//! lookups/ROOT.index, ROOT.hint   what private lookups need of a segment that is not here
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::passphrase::{Passphrase, Source};
use samar_protocol::invitation::{from_hex, to_hex};
use samar_protocol::manifest::{Floor, ManifestHash};
use samar_protocol::oprf::Blinding;
use serde::{Deserialize, Serialize};

use crate::ledger::Protection;

/// The bank's folder.
#[derive(Clone, Debug)]
pub struct Home {
    dir: PathBuf,
    passphrase: Arc<Passphrase>,
}

impl Home {
    /// The folder at `dir`; it need not be there yet.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        let source = Source::EnvironmentOrPrompt {
            variable: "SAMAR_PASSPHRASE",
            prompt: "Passphrase of the ledger",
            twice: false,
        };
        Self { dir: dir.to_owned(), passphrase: Arc::new(Passphrase::new(source)) }
    }

    /// The same folder, with another source of the passphrase that opens its ledgers, where they are under one.
    #[must_use]
    pub fn opened_with(self, passphrase: Passphrase) -> Self {
        Self { passphrase: Arc::new(passphrase), ..self }
    }

    /// What opens its ledgers.
    pub(crate) fn protection(&self) -> Protection {
        Protection::new(Arc::clone(&self.passphrase), &self.ledgers())
    }

    /// The folder itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join("samar.toml")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.dir.join("client.key")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.join("client.pem")
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    pub(crate) fn seen(&self) -> PathBuf {
        self.dir.join("seen.toml")
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.dir.join("manifests")
    }

    pub(crate) fn manifest(&self, epoch: u64) -> PathBuf {
        self.manifests().join(format!("{epoch}.manifest"))
    }

    pub(crate) fn segments(&self) -> PathBuf {
        self.dir.join("segments")
    }

    pub(crate) fn segment(&self, root: &[u8; 32]) -> PathBuf {
        self.segments().join(format!("{}.segment", to_hex(root)))
    }

    pub(crate) fn ledgers(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    pub(crate) fn screened(&self) -> PathBuf {
        self.dir.join("screened")
    }

    pub(crate) fn lookups(&self) -> PathBuf {
        self.dir.join("lookups")
    }

    pub(crate) fn lookup_index(&self, root: &[u8; 32]) -> PathBuf {
        self.lookups().join(format!("{}.index", to_hex(root)))
    }

    pub(crate) fn lookup_hint(&self, root: &[u8; 32]) -> PathBuf {
        self.lookups().join(format!("{}.hint", to_hex(root)))
    }

    pub(crate) fn pending(&self) -> PathBuf {
        self.dir.join("pending")
    }

    /// All of it: what no report may take the place of.
    pub(crate) fn kept(&self) -> [PathBuf; 11] {
        [
            self.config(),
            self.key(),
            self.certificate(),
            self.ca(),
            self.seen(),
            self.manifests(),
            self.segments(),
            self.ledgers(),
            self.screened(),
            self.lookups(),
            self.pending(),
        ]
    }
}

/// Which key exchanges the bank accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyExchange {
    /// X25519MLKEM768 alone: a recording of today stays closed to a quantum computer of tomorrow.
    #[default]
    Hybrid,
    /// Also plain X25519, for a network that stops the larger first packet. What a recording then shows later: which
    /// segments were fetched and their bytes; never an identifier.
    HybridOrX25519,
}

/// `samar.toml`: whom to ask and what to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The operator, a line for people.
    pub operator: String,
    /// Name of the bank's account.
    pub bank: String,
    /// The server, `host:port`.
    pub address: String,
    /// Key that signs manifests from the floor on; what a rollover made of it stands in `seen.toml`.
    pub publisher_key: VerifyingKey,
    /// The newest manifest when the invitation was written: no older one is ever accepted.
    pub floor: Floor,
    /// Accepted key exchanges. Default: the hybrid one alone.
    pub key_exchange: KeyExchange,
    /// Whether the network card cuts what is sent into packets, where it can. `false` for a card or tunnel that does it wrong.
    /// Default: `true`.
    pub gso: bool,
    /// How identifiers are hidden: `additive`, or `rfc` at about three times the work. The server cannot tell, and the
    /// results are the same. Default: `additive`.
    pub blinding: Blinding,
}

/// The file as it stands.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    operator: String,
    bank: String,
    address: String,
    publisher_key: String,
    floor_epoch: u64,
    floor_hash: String,
    #[serde(default)]
    key_exchange: KeyExchange,
    #[serde(default = "yes")]
    gso: bool,
    #[serde(default)]
    blinding: Blinding,
}

fn yes() -> bool {
    true
}

impl Config {
    /// Reads the folder's `samar.toml`.
    ///
    /// # Errors
    /// [`Failure`]: not joined yet, or a line that cannot be used.
    pub fn load(home: &Home) -> Result<Self, Failure> {
        let path = home.config();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let what = format!("{} is not joined to an operator", home.dir().display());
                let remedy = "`samar join FILE` with the invitation that the operator sent, or another --dir";
                return Err(Failure::input(what).remedy(remedy));
            }
            Err(error) => return Err(io_failure("read", &path, &error)),
        };
        Self::parse(&text).map_err(|reason| {
            Failure::input(format!("{}: {reason}", path.display()))
                .remedy("mend the line, or join again in another --dir")
        })
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let key = from_hex(&file.publisher_key).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        let hash = from_hex(&file.floor_hash).ok_or("floor_hash is not 64 hexadecimal digits")?;
        Ok(Self {
            operator: file.operator,
            bank: file.bank,
            address: file.address,
            publisher_key: key.ok_or("publisher_key is not an Ed25519 key in 64 hexadecimal digits")?,
            floor: Floor { epoch: file.floor_epoch, hash: ManifestHash(hash) },
            key_exchange: file.key_exchange,
            gso: file.gso,
            blinding: file.blinding,
        })
    }

    fn to_text(&self) -> Result<String, Failure> {
        let file = File {
            operator: self.operator.clone(),
            bank: self.bank.clone(),
            address: self.address.clone(),
            publisher_key: to_hex(self.publisher_key.as_bytes()),
            floor_epoch: self.floor.epoch,
            floor_hash: to_hex(&self.floor.hash.0),
            key_exchange: self.key_exchange,
            gso: self.gso,
            blinding: self.blinding,
        };
        toml::to_string(&file).map_err(|error| Failure::input(format!("cannot write samar.toml: {error}")))
    }

    /// Writes the folder's `samar.toml`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn store(&self, home: &Home) -> Result<(), Failure> {
        let path = home.config();
        durable::write(&path, self.to_text()?.as_bytes(), Mode::Private)
            .map_err(|error| io_failure("write", &path, &error))
    }
}

#[cfg(test)]
mod tests {
    use samar_local::exit::Exit;

    use super::*;

    fn config() -> Config {
        Config {
            operator: "Badan Contoh".to_owned(),
            bank: "bank-a".to_owned(),
            address: "127.0.0.1:4433".to_owned(),
            publisher_key: ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key(),
            floor: Floor { epoch: 4, hash: ManifestHash([5; 32]) },
            key_exchange: KeyExchange::HybridOrX25519,
            gso: false,
            blinding: Blinding::Rfc,
        }
    }

    #[test]
    fn reads_back_as_written_and_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        config().store(&home).unwrap();
        assert_eq!(Config::load(&home).unwrap(), config());
        assert_eq!(std::fs::metadata(home.config()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn without_a_line_only_the_hybrid_key_exchange_is_accepted() {
        let text = config().to_text().unwrap();
        let without = text.replace("key_exchange = \"hybrid-or-x25519\"\n", "");
        assert_ne!(text, without);
        assert_eq!(Config::parse(&without).unwrap().key_exchange, KeyExchange::Hybrid);
    }

    #[test]
    fn without_a_line_packets_are_cut_by_the_card() {
        let text = config().to_text().unwrap();
        let without = text.replace("gso = false\n", "");
        assert_ne!(text, without);
        assert!(Config::parse(&without).unwrap().gso);
    }

    #[test]
    fn without_a_line_blinding_is_additive() {
        let text = config().to_text().unwrap();
        let without = text.replace("blinding = \"rfc\"\n", "");
        assert_ne!(text, without);
        assert_eq!(Config::parse(&without).unwrap().blinding, Blinding::Additive);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let text = config().to_text().unwrap();
        let refused = |from: &str, to: &str| Config::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(refused("bank = ", "bnak = ").contains("bnak"));
        assert!(refused("hybrid-or-x25519", "none").contains("key_exchange"));
        assert!(refused("\"rfc\"", "\"none\"").contains("blinding"));
        assert!(refused("publisher_key = \"", "publisher_key = \"0").contains("publisher_key"));
    }

    #[test]
    fn a_folder_that_was_never_joined_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let failure = Config::load(&Home::new(dir.path())).unwrap_err();
        assert_eq!(failure.exit(), Exit::Input);
        assert!(failure.to_string().contains("not joined"), "{failure}");
    }
}
