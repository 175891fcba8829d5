//! Where everything stands in the operator's folder. The only place that knows file names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use samar_protocol::invitation::to_hex;
use samar_protocol::manifest::is_breach_id;
use samar_protocol::segment::SegmentKind;

use crate::keys::{Passphrase, Source};

/// Opens the names of breaches that were taken out; no breach id begins with it.
const TAKEN_OUT_PREFIX: &str = ".taken-out-";
const KINDS: [SegmentKind; 3] = [SegmentKind::Base, SegmentKind::Add, SegmentKind::Remove];

fn kind_name(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Base => "base",
        SegmentKind::Add => "add",
        SegmentKind::Remove => "remove",
    }
}

/// The operator's folder.
///
/// ```text
/// samar-server.toml        configuration
/// keys/                    OPRF, publisher, CA and server keys; CA and server certificates
/// vault/BREACH/            elements of a breach in parts, and what is known of it
/// published/manifests/     every manifest, by epoch
/// published/segments/      segments, by root
/// accounts/                banks, the account log, and its checkpoint
/// ```
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
    passphrase: Arc<Passphrase>,
}

impl Layout {
    /// The folder at `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let source = Source::EnvironmentOrPrompt {
            variable: "SAMAR_PASSPHRASE",
            prompt: "Passphrase of the keys",
            twice: false,
        };
        Self { root: root.into(), passphrase: Arc::new(Passphrase::new(source)) }
    }

    /// The same folder, with another source of the passphrase that opens its keys.
    #[must_use]
    pub fn opened_with(self, passphrase: Passphrase) -> Self {
        Self { passphrase: Arc::new(passphrase), ..self }
    }

    /// What opens its keys, where they are sealed.
    #[must_use]
    pub fn passphrase(&self) -> &Passphrase {
        &self.passphrase
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All of it: what no list or invitation may take the place of.
    #[must_use]
    pub fn kept(&self) -> [PathBuf; 5] {
        [self.config(), self.keys(), self.vault(), self.root.join("published"), self.root.join("accounts")]
    }

    /// Configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("samar-server.toml")
    }

    /// Folder of keys and certificates.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// OPRF secret key.
    #[must_use]
    pub fn oprf_key(&self) -> PathBuf {
        self.keys().join("oprf.key")
    }

    /// The OPRF key to come, while a rotation is made: until the manifest that names it is published.
    #[must_use]
    pub fn next_oprf_key(&self) -> PathBuf {
        self.keys().join("oprf-next.key")
    }

    /// The OPRF key of before, until its grace is over.
    #[must_use]
    pub fn previous_oprf_key(&self) -> PathBuf {
        self.keys().join("oprf-previous.key")
    }

    /// Ed25519 key that signs manifests.
    #[must_use]
    pub fn publisher_key(&self) -> PathBuf {
        self.keys().join("publisher.key")
    }

    /// The same to come, until the manifest that names it is published.
    #[must_use]
    pub fn next_publisher_key(&self) -> PathBuf {
        self.keys().join("publisher-next.key")
    }

    /// Key of the certificate authority, PEM.
    #[must_use]
    pub fn ca_key(&self) -> PathBuf {
        self.keys().join("ca.key")
    }

    /// Certificate of the authority, PEM.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        self.keys().join("ca.pem")
    }

    /// Key of the server's certificate, PEM.
    #[must_use]
    pub fn server_key(&self) -> PathBuf {
        self.keys().join("server.key")
    }

    /// The server's certificate, PEM.
    #[must_use]
    pub fn server_certificate(&self) -> PathBuf {
        self.keys().join("server.pem")
    }

    /// Folder of all breaches.
    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.root.join("vault")
    }

    /// Folder of one breach.
    #[must_use]
    pub fn breach(&self, id: &str) -> PathBuf {
        self.vault().join(id)
    }

    /// A part of a breach's vault, by its number and what it does.
    #[must_use]
    pub fn part(&self, id: &str, number: u32, kind: SegmentKind) -> PathBuf {
        self.breach(id).join(format!("{number}-{}.vault", kind_name(kind)))
    }

    /// The number and kind that [`Layout::part`] gave the name to; `None` of any other name.
    #[must_use]
    pub fn part_of(name: &str) -> Option<(u32, SegmentKind)> {
        let (number, kind) = name.strip_suffix(".vault")?.split_once('-')?;
        let kind = KINDS.into_iter().find(|known| kind_name(*known) == kind)?;
        number.parse().ok().filter(|read: &u32| read.to_string() == number).map(|number| (number, kind))
    }

    /// What stays of a breach that was taken out, until a manifest without it is published.
    #[must_use]
    pub fn taken_out(&self, id: &str) -> PathBuf {
        self.vault().join(format!("{TAKEN_OUT_PREFIX}{id}"))
    }

    /// The breach that [`Layout::taken_out`] gave the name to; `None` of any other name.
    #[must_use]
    pub fn taken_out_of(name: &str) -> Option<&str> {
        name.strip_prefix(TAKEN_OUT_PREFIX).filter(|id| is_breach_id(id))
    }

    /// What is known of a breach.
    #[must_use]
    pub fn about(&self, id: &str) -> PathBuf {
        self.breach(id).join("about.toml")
    }

    /// Which segments were last made of a breach's parts.
    #[must_use]
    pub fn made(&self, id: &str) -> PathBuf {
        self.breach(id).join("published.toml")
    }

    /// What a breach holds under the OPRF key to come.
    #[must_use]
    pub fn next_vault(&self, id: &str) -> PathBuf {
        self.breach(id).join("next.vault")
    }

    /// Which segment was made of it.
    #[must_use]
    pub fn next_made(&self, id: &str) -> PathBuf {
        self.breach(id).join("next.toml")
    }

    /// Folder for sorted runs while `ingest` or `publish` works.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.vault().join(".runs")
    }

    /// Folder of manifests.
    #[must_use]
    pub fn manifests(&self) -> PathBuf {
        self.root.join("published/manifests")
    }

    /// The manifest of an epoch.
    #[must_use]
    pub fn manifest(&self, epoch: u64) -> PathBuf {
        self.manifests().join(format!("{epoch}.manifest"))
    }

    /// Folder of segments.
    #[must_use]
    pub fn segments(&self) -> PathBuf {
        self.root.join("published/segments")
    }

    /// A segment by its root.
    #[must_use]
    pub fn segment(&self, root: &[u8; 32]) -> PathBuf {
        self.segments().join(format!("{}.segment", to_hex(root)))
    }

    /// The hint of a segment's private lookups.
    #[must_use]
    pub fn hint(&self, root: &[u8; 32]) -> PathBuf {
        self.segment(root).with_extension("hint")
    }

    /// Folder of banks.
    #[must_use]
    pub fn banks(&self) -> PathBuf {
        self.root.join("accounts/banks")
    }

    /// The account log. Its checkpoint stands beside it (`account.checkpoint`).
    #[must_use]
    pub fn account_log(&self) -> PathBuf {
        self.root.join("accounts/account.log")
    }
}
