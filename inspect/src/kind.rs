//! What a file is, by its content.
//!
//! Two kinds have no mark of their own and are told by their names: a sorted run, which is bare records, and a download or
//! draft of a segment whose first page is not there yet.

use samar_local::exit::{Exit, Failure};

use crate::source::Source;

/// A kind of file that one of the programs writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // `title` says each
pub enum Kind {
    Invitation,
    Manifest,
    Segment,
    Hint,
    Certificate,
    PrivateKey,
    BankConfig,
    Seen,
    Ledger,
    Screening,
    ScreeningSummary,
    ServerConfig,
    KeyFile,
    Vault,
    About,
    Made,
    Enrolment,
    AccountLog,
    Checkpoint,
    Rejects,
    Run,
    MadeUp,
}

/// The first eight bytes of each binary kind.
const MAGICS: [(&[u8; 8], Kind); 8] = [
    (b"SAMARSEG", Kind::Segment),
    (b"SAMARHNT", Kind::Hint),
    (b"SAMARMAN", Kind::Manifest),
    (b"SAMARVLT", Kind::Vault),
    (b"SAMARLOG", Kind::AccountLog),
    (b"SAMARCKP", Kind::Checkpoint),
    (b"SAMARKEY", Kind::KeyFile),
    (b"SAMARDGR", Kind::Ledger),
];

/// Keys of each TOML file; the first stands in no other.
const KEYS: [(Kind, &[&str]); 7] = [
    (Kind::Invitation, &["samar_invitation", "token", "ca_certificate", "expires_s", "certificate"]),
    (Kind::Seen, &["synced_s", "epoch", "hash"]),
    (Kind::ServerConfig, &["listen", "operator", "address", "manifest_days", "per_day", "lifetime"]),
    (
        Kind::BankConfig,
        &["blinding", "operator", "bank", "address", "floor_epoch", "floor_hash", "publisher_key"],
    ),
    (Kind::Made, &["file_bytes", "vault", "root", "entries", "page_bytes", "part"]),
    (Kind::About, &["title", "date", "status"]),
    (Kind::Enrolment, &["invitations", "name", "per_day", "lifetime", "keys", "token_sha256"]),
];

impl Kind {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// What it is, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Invitation => ("invitation", "an invitation, with which a bank joins"),
            Self::Manifest => ("manifest", "a manifest: what the operator published, signed"),
            Self::Segment => ("segment", "a segment: one published part of a breach"),
            Self::Hint => ("hint", "a hint: what private lookups in a segment need, beside its header"),
            Self::Certificate => ("certificate", "a certificate"),
            Self::PrivateKey => ("private-key", "a private key of TLS (never shown)"),
            Self::BankConfig => ("bank-config", "samar.toml: whom a bank asks, and what it trusts"),
            Self::Seen => ("seen", "seen.toml: the manifest that a bank accepted last"),
            Self::Ledger => ("ledger", "a file of a ledger: what a bank had evaluated"),
            Self::Screening => ("screening", "a report of a screening"),
            Self::ScreeningSummary => ("screening-summary", "a summary of a screening"),
            Self::ServerConfig => ("server-config", "samar-server.toml: what the operator decides"),
            Self::KeyFile => ("key-file", "a key file of the operator (the key is never shown)"),
            Self::Vault => ("vault", "a vault: the encoded set of one breach"),
            Self::About => ("about", "about.toml: what is known of a breach"),
            Self::Made => ("published", "published.toml: which segments were made of a vault"),
            Self::Enrolment => ("enrolment", "the enrolment of a bank"),
            Self::AccountLog => ("account-log", "the account log: what each bank was charged"),
            Self::Checkpoint => ("account-checkpoint", "a checkpoint: what the account log comes to"),
            Self::Rejects => ("rejects", "the rejected rows of an ingest"),
            Self::Run => ("run", "a sorted run of ingest or publish at work"),
            Self::MadeUp => ("made-up", "made-up data of samar-server synth"),
        }
    }
}

/// The kind of a file.
///
/// # Errors
/// [`Failure`]: it is no file of Samar, or so short that its kind cannot be told.
pub(crate) fn recognise(source: &Source) -> Result<Kind, Failure> {
    let head = source.head();
    if head.is_empty() {
        let what = format!("{} is empty: nothing tells what it was", source.name());
        let remedy = "of Samar's files only locks (.NAME.lock) are empty; restore any other from its backup";
        return Err(Failure::input(what).remedy(remedy));
    }
    let text = String::from_utf8_lossy(head);
    if let Some(kind) = by_magic(head).or_else(|| by_text(&text)).or_else(|| by_name(source, head)) {
        return Ok(kind);
    }
    if head.len() < 8 && b"SAMAR".starts_with(&head[..head.len().min(5)]) {
        let what =
            format!("{} is damaged at byte {}: it is cut short in its first word", source.name(), head.len());
        return Err(Failure::new(Exit::Local, what).remedy("restore it from its backup"));
    }
    let what = format!("{} is no file of Samar", source.name());
    Err(Failure::input(what)
        .remedy("name a file of their folders; reports, pages, notices and exports are text"))
}

/// One wrong byte does not hide what a file was; its decoder names it.
fn by_magic(head: &[u8]) -> Option<Kind> {
    let head = head.first_chunk::<8>()?;
    let wrong = |magic: &[u8; 8]| magic.iter().zip(head).filter(|(a, b)| a != b).count();
    MAGICS.iter().find(|(magic, _)| wrong(magic) <= 1).map(|(_, kind)| *kind)
}

fn by_text(text: &str) -> Option<Kind> {
    let first = text.lines().next().unwrap_or_default();
    if first == "file,line,reason" {
        return Some(Kind::Rejects);
    }
    if matches!(
        first,
        "NOKA,NIK,NAMA,NO_HP,EMAIL,ALAMAT,FOTO" | "CIF,NIK,NAMA,NO_HP" | "row,status,breaches,person"
    ) {
        return Some(Kind::MadeUp);
    }
    if first.contains("samar_status") {
        return Some(Kind::Screening);
    }
    if text.starts_with('{') && text.contains("\"rows\"") && text.contains("\"unique\"") {
        return Some(Kind::ScreeningSummary);
    }
    by_keys(text).or_else(|| by_pem(text))
}

fn by_keys(text: &str) -> Option<Kind> {
    let found: Vec<&str> =
        text.lines().filter_map(|line| Some(line.split_once('=')?.0.trim())).take(200).collect();
    if found.contains(&"samar_invitation") {
        return Some(Kind::Invitation);
    }
    let score = |keys: &[&str]| {
        let has = |key: &&str| found.contains(key);
        let known = keys.iter().filter(|key| has(key)).count();
        if known < 2 { 0 } else { known + 2 * usize::from(keys.first().is_some_and(has)) }
    };
    let best = KEYS.iter().max_by_key(|(_, keys)| score(keys))?;
    (score(best.1) > 0).then_some(best.0)
}

fn by_pem(text: &str) -> Option<Kind> {
    let begins = text.lines().find_map(|line| line.strip_prefix("-----BEGIN "))?;
    match begins {
        _ if begins.starts_with("CERTIFICATE REQ") => None,
        _ if begins.starts_with("CERT") => Some(Kind::Certificate),
        _ => begins.contains("PRIVATE").then_some(Kind::PrivateKey),
    }
}

fn by_name(source: &Source, head: &[u8]) -> Option<Kind> {
    let name = source.file_name();
    if name.starts_with("run-") && name.ends_with(".tmp") {
        return Some(Kind::Run);
    }
    let to_come = source.is_part() || (source.unfinished().is_some() && name.ends_with(".segment"));
    (to_come && head.iter().take(64).all(|byte| *byte == 0)).then_some(Kind::Segment)
}
