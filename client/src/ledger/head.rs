//! The head of a ledger: its keys, and which files are its own. It is replaced whole; what it does not name does not count.
//!
//! magic, version (10) ‖ part 1 (u8) ‖ protection 0 (u8) ‖ OPRF public key (32) ‖ ledger id (16) ‖ hash key (32) ‖ file
//! key (32) ‖ screenings (u64) ‖ answers refused (u64) ‖ number of the tail (u32) ‖ count of runs (u32) ‖ each: number
//! (u32), records (u64) ‖ BLAKE3 of all before (32). Numbers are little-endian.

use samar_inspect::Fault;
use samar_inspect::binary::Fields;
use samar_protocol::oprf::PublicKey;

use super::block::{FileHeader, FileKey, ID_BYTES, MAGIC, Part};
use crate::customers::HashKey;

/// More runs than any ledger comes to: each is at most a quarter of the next.
const RUNS_MAX: u32 = 1_024;
const CHECK_BYTES: usize = 32;
/// The largest head.
pub(crate) const HEAD_BYTES_MAX: usize = 4_096 + RUNS_MAX as usize * 12;

/// A ledger's head.
#[derive(Clone)]
pub(crate) struct Head {
    /// Under which everything in the ledger was evaluated.
    pub(crate) public_key: PublicKey,
    /// Binds the files of one ledger together.
    pub(crate) id: [u8; ID_BYTES],
    pub(crate) hash_key: HashKey,
    pub(crate) file_key: FileKey,
    /// Screenings that came to their end.
    pub(crate) screenings: u64,
    /// Answers that were refused: from there on all blinds are others.
    pub(crate) refused: u64,
    /// The tail; every run has a smaller number.
    pub(crate) tail: u32,
    /// The largest first.
    pub(crate) runs: Vec<RunRef>,
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
            file_key: FileKey(rand::random()),
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
        self.runs.iter().map(|run| run.records).fold(0, u64::saturating_add)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([Part::Head as u8, 0]);
        bytes.extend(self.public_key.to_bytes());
        bytes.extend(self.id);
        bytes.extend(self.hash_key.0);
        bytes.extend(self.file_key.0);
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
        if protection != 0 {
            return Err(
                Fault::at(11, "protected in a way that this version does not know").or_remedy("update Samar")
            );
        }
        let at = fields.at();
        let public_key = PublicKey::from_bytes(&fields.array("the public key")?)
            .map_err(|error| Fault::at(at, format!("the public key is {error}")))?;
        let mut head = Self {
            public_key,
            id: fields.array("the ledger's id")?,
            hash_key: HashKey(fields.array("the hash key")?),
            file_key: FileKey(fields.array("the file key")?),
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
}
