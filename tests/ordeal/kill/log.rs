//! The account log, read by SPEC.md section "Account log" and not by the server's own code.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use samar_protocol::account::Record;
use samar_protocol::codec;

use crate::ordeal::cannot;

/// A batch by its hash.
pub(crate) type BatchHash = [u8; 32];

/// Everything read so far.
pub(crate) struct LogReader {
    path: PathBuf,
    read: usize,
    chain: [u8; 32],
    debits: HashMap<String, HashMap<BatchHash, u32>>,
}

impl LogReader {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: 0, chain: [0; 32], debits: HashMap::new() }
    }

    /// Reads what was added; whether the end is torn.
    ///
    /// A record that does not match the chain, or a second debit of one batch, is a violation. (No ordeal lasts two days, after
    /// which a batch may be charged again.)
    pub(crate) fn read_on(&mut self) -> Result<bool, String> {
        let bytes = std::fs::read(&self.path).map_err(cannot("read the account log"))?;
        if self.read == 0 {
            if !bytes.starts_with(b"SAMARLOG\x01\x00") {
                return Err("the account log does not open as one".to_owned());
            }
            self.read = 10;
        }
        let mut rest = bytes.get(self.read..).ok_or("the account log has become shorter")?;
        while let Some((head, after)) = rest.split_first_chunk::<4>() {
            let length = u16::from_le_bytes([head[0], head[1]]);
            if length != !u16::from_le_bytes([head[2], head[3]]) {
                return Err(format!("byte {} of the account log is no length", self.read));
            }
            let body_bytes = usize::from(length & 0x7fff); // the bit above says that a group begins
            let Some((body, after)) = after.split_at_checked(body_bytes) else { break };
            let Some((chain, after)) = after.split_first_chunk::<32>() else { break };
            let expected = [b"samar account log v1".as_slice(), &self.chain, body].concat();
            if blake3::hash(&expected).as_bytes() != chain {
                return Err(format!("the record at byte {} does not match the chain", self.read));
            }
            self.take(codec::decode(body).map_err(cannot("read a record"))?)?;
            self.chain = *chain;
            self.read += 4 + body.len() + 32;
            rest = after;
        }
        Ok(!rest.is_empty())
    }

    fn take(&mut self, record: Record) -> Result<(), String> {
        let Record::Debit { bank, batch, count, .. } = record else { return Ok(()) };
        match self.debits.entry(bank.clone()).or_default().insert(batch, count) {
            None => Ok(()),
            Some(_) => Err(format!("{bank} was charged twice for one batch")),
        }
    }

    /// What was charged for a batch.
    pub(crate) fn count_of(&self, bank: &str, batch: &BatchHash) -> Option<u32> {
        self.debits.get(bank)?.get(batch).copied()
    }

    /// What was charged to a bank.
    pub(crate) fn sum_of(&self, bank: &str) -> u64 {
        self.debits.get(bank).into_iter().flat_map(HashMap::values).map(|count| u64::from(*count)).sum()
    }
}
