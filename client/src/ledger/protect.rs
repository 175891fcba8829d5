//! Ledgers under a passphrase (SPEC.md section "Ledger (local)"): what opens them, what new ones are begun under, and the changing
//! of it.
//!
//! Beside the ledgers stands `passphrase`, which seals nothing: as long as it is there, no ledger is begun in the clear, and one is
//! begun under the passphrase that opens it, however it was mistyped.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use samar_inspect::Fault;
use samar_inspect::binary::Fields;
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure, say};
use samar_local::folder::{create_private, lock};
use samar_local::passphrase::Passphrase;
use samar_local::seal::{Cost, Sealed, WrappingKey};
use samar_local::space::{self, Need};
use zeroize::Zeroizing;

use super::block::{FileKey, MAGIC, Part};
use super::head::{ClosedHead, Head};
use super::{HEAD, Ledger, compact, damaged, heads, room_bytes, write_head};
use crate::config::{Config, Home};

/// Name of the file that says that a passphrase is set.
const MARKER: &str = "passphrase";
const CHECK_BYTES: usize = 32;
/// Bytes of that file.
pub(crate) const MARKER_BYTES: usize = MAGIC.len() + 2 + Sealed::bytes(0) + CHECK_BYTES;
/// Memory for writing a ledger anew.
const MEMORY_BYTES: usize = 64 << 20;

/// What opens the ledgers of a folder that are under a passphrase.
#[derive(Clone, Debug)]
pub(crate) struct Protection {
    passphrase: Arc<Passphrase>,
    marker: PathBuf,
}

/// What keys are sealed under.
pub(super) struct Wrapping {
    cost: Cost,
    key: Arc<WrappingKey>,
}

impl Protection {
    /// Of the ledgers in this folder.
    pub(crate) fn new(passphrase: Arc<Passphrase>, ledgers: &Path) -> Self {
        Self { passphrase, marker: ledgers.join(MARKER) }
    }

    /// A head with its keys; `path` is its file.
    ///
    /// # Errors
    /// No passphrase, or another one.
    pub(super) fn open(&self, closed: ClosedHead, path: &Path) -> Result<Head, Failure> {
        if !closed.is_sealed() && self.marker.exists() {
            say(format_args!(
                "samar: warning: {} is in the clear, though a passphrase is set: run `samar ledger passphrase`",
                path.display()
            ));
        }
        opened(closed, path, &[&self.passphrase])
    }

    /// A new head, under the passphrase that is set for the folder, or that `before` is under, the ledger which it follows.
    ///
    /// # Errors
    /// As of [`Protection::open`]; a damaged marker.
    pub(super) fn begin(&self, mut head: Head, before: Option<&Head>) -> Result<Head, Failure> {
        if let Some(wrapping) = self.wrapping(&[&self.passphrase])? {
            head.seal(&wrapping);
        } else if let Some(sealed) = before.and_then(|before| before.sealed.as_ref()) {
            // Its passphrase was right: it is open.
            let key = self.passphrase.wrapping_key(&sealed.cost, &self.marker)?;
            head.seal(&Wrapping { cost: sealed.cost, key });
        }
        Ok(head)
    }

    /// Whether a passphrase is set for the folder.
    ///
    /// # Errors
    /// A damaged marker.
    pub(crate) fn is_set(&self) -> Result<bool, Failure> {
        Ok(self.marked()?.is_some())
    }

    /// The marker, where a passphrase is set.
    fn marked(&self) -> Result<Option<Sealed>, Failure> {
        let mut bytes = Vec::new();
        let read = File::open(&self.marker)
            .and_then(|file| file.take(MARKER_BYTES as u64 + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_failure("read", &self.marker, &error)),
            Ok(_) => {}
        }
        let sealed = parse_marker(&bytes).map_err(|fault| {
            let what = format!("{} is damaged: {}", self.marker.display(), fault.what);
            Failure::local(what).remedy("restore it from a backup; or remove it, and set the passphrase again with `samar ledger passphrase`")
        })?;
        Ok(Some(sealed))
    }

    /// What is set for the folder, where anything is, opened with one of these.
    fn wrapping(&self, passphrases: &[&Passphrase]) -> Result<Option<Wrapping>, Failure> {
        let Some(sealed) = self.marked()? else { return Ok(None) };
        for passphrase in passphrases {
            let key = passphrase.wrapping_key(&sealed.cost, &self.marker)?;
            if sealed.open(&key, &before_seal()).is_some() {
                return Ok(Some(Wrapping { cost: sealed.cost, key }));
            }
        }
        Err(wrong(&self.marker))
    }
}

impl Head {
    /// Puts its keys under a passphrase. What it is written as from here on needs that no more.
    fn seal(&mut self, wrapping: &Wrapping) {
        let keys = Zeroizing::new([self.hash_key.0, self.file_key.0].concat());
        self.sealed = Some(Sealed::new(&wrapping.key, &wrapping.cost, &self.before_keys(1), &keys));
    }
}

impl Ledger {
    /// Puts its keys under a passphrase, and what is in it under another file key: who has the keys from before, of a copy, reads
    /// nothing that is written from here on. Or leaves its keys in the clear.
    fn protect(self, wrapping: Option<&Wrapping>) -> Result<(), Failure> {
        let mut state = self.state();
        let mut new = state.head.clone();
        let Some(wrapping) = wrapping else {
            new.sealed = None;
            return write_head(&self.folder, &new);
        };
        let path = self.folder.join(HEAD);
        let failed = |error: std::io::Error| io_failure("write", &path, &error);
        let old = std::fs::OpenOptions::new().write(true).open(&path).map_err(failed)?;
        new.file_key = FileKey::fresh();
        new.seal(wrapping);
        compact::write_anew(&self.folder, &mut state.head, new, MEMORY_BYTES)?;
        // Without its keys what the disk still has of the removed files is no use to anybody.
        let overwrite = || {
            let bytes = usize::try_from(old.metadata()?.len()).unwrap_or_default();
            (&old).write_all(&vec![0; bytes])?;
            old.sync_all()
        };
        overwrite().map_err(failed)
    }
}

/// Puts every ledger of the folder under `new`, and those that begin later; or leaves them in the clear, where there is none. How many
/// ledgers that were. Each is replaced whole; cut short, the same command goes on: what is under the new passphrase already
/// is opened with that.
///
/// # Errors
/// A wrong passphrase, a screening that runs, a damaged ledger, no room. All are opened before the first is written.
pub fn protect(home: &Home, new: Option<&Passphrase>) -> Result<u64, Failure> {
    Config::load(home)?; // says so where nothing was joined
    let _lock = lock(home.dir(), "screen")?;
    let (protection, ledgers) = (home.protection(), home.ledgers());
    create_private(&ledgers)?;
    durable::remove_leftovers(&ledgers).map_err(|error| io_failure("clean", &ledgers, &error))?;
    let known: Vec<&Passphrase> = [Some(&*protection.passphrase), new].into_iter().flatten().collect();
    protection.wrapping(&known)?;
    let mut open = Vec::new();
    for (folder, closed) in heads(&ledgers)?.into_iter().chain(heads(&home.pending())?) {
        let head = opened(closed, &folder.join(HEAD), &known)?;
        open.push((folder, head));
    }
    let cost = Cost::fresh();
    let marker = &protection.marker;
    let wrapping = new.map(|new| Ok::<_, Failure>(Wrapping { cost, key: new.wrapping_key(&cost, marker)? }));
    let wrapping = wrapping.transpose()?;
    let most = open.iter().map(|(_, head)| head.records()).max().unwrap_or_default();
    if wrapping.is_some() {
        space::require(&[Need { what: "the ledger", folder: &ledgers, bytes: room_bytes(most) / 3 }])?;
    }
    if let Some(wrapping) = &wrapping {
        durable::write(marker, &marker_bytes(wrapping), Mode::Private)
            .map_err(|error| io_failure("write", marker, &error))?;
    }
    let count = open.len() as u64;
    for (folder, head) in open {
        Ledger::of_head(&folder, head, MEMORY_BYTES)?.protect(wrapping.as_ref())?;
    }
    if wrapping.is_none() && marker.exists() {
        let remove = || durable::remove(marker).and_then(|()| durable::sync_folder(&ledgers));
        remove().map_err(|error| io_failure("remove", marker, &error))?;
    }
    Ok(count)
}

/// A head with its keys, which one of these passphrases opens.
fn opened(closed: ClosedHead, path: &Path, passphrases: &[&Passphrase]) -> Result<Head, Failure> {
    closed
        .open(|sealed, before| {
            for passphrase in passphrases {
                let key = passphrase.wrapping_key(&sealed.cost, path)?;
                if let Some(keys) = sealed.open(&key, before) {
                    return Ok(keys);
                }
            }
            Err(wrong(path))
        })?
        .ok_or_else(|| damaged(path, None, "what is sealed in it are not two keys"))
}

fn wrong(path: &Path) -> Failure {
    Failure::input(format!("this passphrase does not open {}", path.display()))
        .remedy("try again; where a change of passphrase was cut short, run `samar ledger passphrase` again")
}

fn before_seal() -> Vec<u8> {
    [&MAGIC[..], &[Part::Passphrase as u8, 1]].concat()
}

fn marker_bytes(wrapping: &Wrapping) -> Vec<u8> {
    let mut bytes = before_seal();
    bytes.extend(Sealed::new(&wrapping.key, &wrapping.cost, &before_seal(), &[]).to_bytes());
    bytes.extend(blake3::hash(&bytes).as_bytes());
    bytes
}

/// The file that says that a passphrase is set.
///
/// # Errors
/// The first [`Fault`].
pub(crate) fn parse_marker(bytes: &[u8]) -> Result<Sealed, Fault> {
    let mut fields = Fields::new(bytes, 0);
    if let Some(changed) = fields.magic(MAGIC)? {
        return Err(changed);
    }
    let checked = bytes.split_last_chunk::<CHECK_BYTES>();
    if checked.is_none_or(|(content, check)| blake3::hash(content) != *check) {
        return Err(Fault::whole("its check does not match: it is cut short, or a byte of it was changed"));
    }
    let [part, protection] = fields.array("part and protection")?;
    if part != Part::Passphrase as u8 || bytes.len() != MARKER_BYTES {
        return Err(Fault::at(10, "this is not the file that says that a passphrase is set"));
    }
    if protection != 1 {
        return Err(
            Fault::at(11, "protected in a way that this version does not know").or_remedy("update Samar")
        );
    }
    let sealed = Sealed::parse(fields.take("what is sealed", Sealed::bytes(0))?);
    sealed
        .filter(|sealed| sealed.cost.is_bearable())
        .ok_or_else(|| Fault::at(12, "it asks for more work than any ledger of this version"))
}
