//! The head of a ledger: its keys, and which files are its own. It is replaced whole; what it does not name does not count.
//!
//! magic, version (10) ‖ part 1 (u8) ‖ protection (u8) ‖ OPRF public key (32) ‖ ledger id (16) ‖ keys ‖ screenings (u64) ‖
//! answers refused (u64) ‖ number of the tail (u32) ‖ count of runs (u32) ‖ each: number (u32), records (u64) ‖ BLAKE3 of
//! all before (32). Numbers are little-endian. The keys are hash key (32) ‖ file key (32): under protection 0 as they are, under
//! protection 1 sealed under a passphrase, with all before them authenticated.

use samar_inspect::Fault;
use samar_inspect::binary::Fields;
use samar_local::seal::{Cost, Sealed};
use samar_protocol::oprf::PublicKey;
use zeroize::Zeroizing;

use super::block::{FileHeader, FileKey, ID_BYTES, MAGIC, Part};
use crate::customers::HashKey;

/// More runs than any ledger comes to: each is at most a quarter of the next.
const RUNS_MAX: u32 = 1_024;
const CHECK_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
/// The largest head.
pub(crate) const HEAD_BYTES_MAX: usize = 4_096 + RUNS_MAX as usize * 12;

/// A ledger's head, with its keys.
#[derive(Clone)]
pub(crate) struct Head {
    /// Under which everything in the ledger was evaluated.
    pub(crate) public_key: PublicKey,
    /// Binds the files of one ledger together.
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) hash_key: HashKey,
    pub(crate) file_key: FileKey,
    /// The keys as they stand in the file, where they are under a passphrase.
    pub(crate) sealed: Option<Sealed>,
    /// Screenings that came to their end.
    pub(crate) screenings: u64,
    /// Answers that were refused: from there on all blinds are others.
    pub(crate) refused: u64,
    /// The tail; every run has a smaller number.
    pub(crate) tail: u32,
    /// The largest first.
    pub(crate) runs: Vec<RunRef>,
}

/// A head as it stands in its file. Of one under a passphrase everything can be told but the keys.
pub(crate) struct ClosedHead {
    pub(crate) public_key: PublicKey,
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) screenings: u64,
    refused: u64,
    tail: u32,
    pub(crate) runs: Vec<RunRef>,
    keys: Keys,
}

enum Keys {
    InTheClear(HashKey, FileKey),
    Sealed(Sealed),
}

/// A run that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunRef {
    pub(crate) number: u32,
    pub(crate) records: u64,
}

impl Head {
    /// Of a new ledger.
    pub(crate) fn fresh(public_key: PublicKey) -> Self {
        Self {
            public_key,
            id: rand::random(),
            hash_key: HashKey::fresh(),
            file_key: FileKey::fresh(),
            sealed: None,
            screenings: 0,
            refused: 0,
            tail: 1,
            runs: Vec::new(),
        }
    }

    pub(crate) fn header(&self, part: Part, number: u32) -> FileHeader {
        FileHeader { part, number, ledger: self.id }
    }

    /// Records of all runs.
    pub(crate) fn records(&self) -> u64 {
        records(&self.runs)
    }

    /// What stands before the keys, under this protection.
    pub(super) fn before_keys(&self, protection: u8) -> Vec<u8> {
        before_keys(protection, &self.public_key, &self.id)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.before_keys(u8::from(self.sealed.is_some()));
        match &self.sealed {
            Some(sealed) => bytes.extend(sealed.to_bytes()),
            None => {
                bytes.extend(self.hash_key.0);
                bytes.extend(self.file_key.0);
            }
        }
        bytes.extend(self.screenings.to_le_bytes());
        bytes.extend(self.refused.to_le_bytes());
        bytes.extend(self.tail.to_le_bytes());
        bytes.extend(u32::try_from(self.runs.len()).unwrap_or(u32::MAX).to_le_bytes());
        for run in &self.runs {
            bytes.extend(run.number.to_le_bytes());
            bytes.extend(run.records.to_le_bytes());
        }
        bytes.extend(blake3::hash(&bytes).as_bytes());
        bytes
    }
}

impl ClosedHead {
    /// # Errors
    /// The first [`Fault`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut fields = Fields::new(bytes, 0);
        if let Some(changed) = fields.magic(MAGIC)? {
            return Err(changed);
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(Fault::whole("longer than a head of a ledger can be"));
        }
        let checked = bytes.split_last_chunk::<CHECK_BYTES>();
        if checked.is_none_or(|(content, check)| blake3::hash(content) != *check) {
            return Err(Fault::whole(
                "its check does not match: it is cut short, or a byte of it was changed",
            ));
        }
        let [part, protection] = fields.array("part and protection")?;
        if part != Part::Head as u8 {
            return Err(Fault::at(10, "this is another file of a ledger, not its head"));
        }
        if protection > 1 {
            return Err(
                Fault::at(11, "protected in a way that this version does not know").or_remedy("update Samar")
            );
        }
        let at = fields.at();
        let public_key = PublicKey::from_bytes(&fields.array("the public key")?)
            .map_err(|error| Fault::at(at, format!("the public key is {error}")))?;
        let id = fields.array("the ledger's id")?;
        let keys = match protection {
            0 => Keys::InTheClear(
                HashKey(fields.array("the hash key")?),
                FileKey(fields.array("the file key")?),
            ),
            _ => {
                let at = fields.at();
                let sealed = Sealed::parse(fields.take("the sealed keys", Sealed::bytes(2 * KEY_BYTES))?);
                let sealed = sealed.filter(|sealed| sealed.cost.is_bearable());
                let too_much = || Fault::at(at, "it asks for more work than any ledger of this version");
                Keys::Sealed(sealed.ok_or_else(too_much)?)
            }
        };
        let mut head = Self {
            public_key,
            id,
            keys,
            screenings: fields.u64("the screenings")?,
            refused: fields.u64("the refused answers")?,
            tail: fields.u32("the tail")?,
            runs: Vec::new(),
        };
        let at = fields.at();
        let count = fields.u32("the count of runs")?;
        if count > RUNS_MAX || fields.left() != count as usize * 12 + CHECK_BYTES {
            return Err(Fault::at(at, format!("{count} runs do not fit the length of the file")));
        }
        for _ in 0..count {
            let at = fields.at();
            let run = RunRef { number: fields.u32("a run")?, records: fields.u64("a run's records")? };
            let twice = head.runs.iter().any(|other| other.number == run.number);
            if twice || run.number >= head.tail || run.records == 0 {
                return Err(Fault::at(at, "a run that cannot be"));
            }
            head.runs.push(run);
        }
        Ok(head)
    }

    /// Whether its keys are under a passphrase.
    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self.keys, Keys::Sealed(_))
    }

    /// What its passphrase costs to try, where it is under one.
    pub(crate) fn cost(&self) -> Option<Cost> {
        if let Keys::Sealed(sealed) = &self.keys { Some(sealed.cost) } else { None }
    }

    /// Records of all runs.
    pub(crate) fn records(&self) -> u64 {
        records(&self.runs)
    }

    /// The head with its keys. `unseal` opens them, given what stands before them. Nothing where what it gives back is not two keys.
    ///
    /// # Errors
    /// Of `unseal`.
    pub(crate) fn open<E>(
        self,
        unseal: impl FnOnce(&Sealed, &[u8]) -> Result<Zeroizing<Vec<u8>>, E>,
    ) -> Result<Option<Head>, E> {
        let Self { public_key, id, screenings, refused, tail, runs, keys } = self;
        let (hash_key, file_key, sealed) = match keys {
            Keys::InTheClear(hash_key, file_key) => (hash_key, file_key, None),
            Keys::Sealed(sealed) => {
                let keys = unseal(&sealed, &before_keys(1, &public_key, &id))?;
                let [hash_key, file_key] = *keys.as_chunks::<KEY_BYTES>().0 else { return Ok(None) };
                (HashKey(hash_key), FileKey(file_key), Some(sealed))
            }
        };
        Ok(Some(Head { public_key, id, hash_key, file_key, sealed, screenings, refused, tail, runs }))
    }
}

fn before_keys(protection: u8, public_key: &PublicKey, id: &[u8; ID_BYTES]) -> Vec<u8> {
    [&MAGIC[..], &[Part::Head as u8, protection], &public_key.to_bytes(), id].concat()
}

fn records(runs: &[RunRef]) -> u64 {
    runs.iter().map(|run| run.records).fold(0, u64::saturating_add)
}
