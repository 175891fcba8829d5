//! Evaluations that were paid for and not yet reported: `pending/KEY-ID.spool`.
//!
//! A screening that is cut short (allowance, network, power) leaves what it got here, and the next one goes on from
//! it; a screening that ends well removes it. No identifier stands in it, but a keyed hash of each, and the key beside
//! them: a thief of the file can test guesses against it, just as against the elements themselves with a segment.
//!
//! | Part | Bytes |
//! | --- | --- |
//! | magic, version | 10 |
//! | OPRF key id | 8 |
//! | hash key | 32 |
//! | blocks: count u32 LE, then hash (16) ‖ element (32) each, then BLAKE3 of the block | 36 + 48 × count |
//!
//! A block that was cut short, or does not match its hash, ends the file: what follows was never relied on.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use samar_local::exit::{Failure, io_failure};
use samar_local::folder::create_private;
use samar_protocol::limits::ELEMENT_BYTES;
use samar_protocol::oprf::{Element, KeyId};

use crate::config::Home;
use crate::customers::{ByHash, Hash, HashKey};
use crate::evaluation::BATCH;

/// Opens every spool; the last two bytes are the version, little-endian.
pub(crate) const MAGIC: &[u8; 10] = b"SAMARSPL\x01\x00";
/// Bytes before the first block.
pub(crate) const HEAD_BYTES: usize = 10 + 8 + 32;
/// Bytes of an evaluation in a block.
pub(crate) const RECORD_BYTES: usize = size_of::<Hash>() + ELEMENT_BYTES;
/// Bytes that end a block.
pub(crate) const CHECKSUM_BYTES: usize = 32;

/// The spool of one OPRF key. Hold the folder's lock "screen" while it is open.
pub(super) struct Spool {
    path: PathBuf,
    file: File,
    /// Under which identifiers are hashed in this spool, and so in this run.
    pub(super) key: HashKey,
    /// What an earlier run left.
    pub(super) known: ByHash<Element>,
}

impl Spool {
    /// Opens the spool of this OPRF key, or begins one. Spools of other keys are of no use and are removed.
    pub(super) fn open(home: &Home, key_id: KeyId) -> Result<Self, Failure> {
        let folder = home.pending();
        create_private(&folder)?;
        let path = folder.join(format!("{key_id}.spool"));
        remove_others(&folder, &path).map_err(|error| io_failure("clean", &folder, &error))?;
        let open = || -> io::Result<Self> {
            let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
            let mut known = ByHash::default();
            let mut reader = BufReader::new(&file);
            let (key, end) = match read_head(&mut reader, key_id)? {
                Some(key) => {
                    let mut end = HEAD_BYTES as u64;
                    while let Some(block) = read_block(&mut reader)? {
                        end += block.len() as u64;
                        take(&block, &mut known);
                    }
                    (key, end)
                }
                None => (HashKey::fresh(), 0),
            };
            file.set_len(end)?; // what follows the last whole block goes
            if end == 0 {
                (&file).write_all(&[MAGIC.as_slice(), &key_id.0, &key.0].concat())?;
            }
            Ok(Self { path: path.clone(), file, key, known })
        };
        open().map_err(|error| io_failure("open", &path, &error))
    }

    /// Adds a verified batch, durably.
    pub(super) fn append(&self, hashes: &[Hash], elements: &[Element]) -> Result<(), Failure> {
        let mut block = u32::try_from(hashes.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        for (hash, element) in hashes.iter().zip(elements) {
            block.extend_from_slice(hash);
            block.extend_from_slice(&element.0);
        }
        let checksum = blake3::hash(&block);
        block.extend_from_slice(checksum.as_bytes());
        let write = || {
            (&self.file).write_all(&block)?;
            self.file.sync_data()
        };
        write().map_err(|error| io_failure("write", &self.path, &error))
    }

    /// Removes the spool: all of it was reported.
    pub(super) fn remove(self) -> Result<(), Failure> {
        std::fs::remove_file(&self.path).map_err(|error| io_failure("remove", &self.path, &error))
    }
}

fn remove_others(folder: &Path, kept: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path != kept && path.extension().is_some_and(|extension| extension == "spool") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The hash key, if the file begins as a spool of this OPRF key does.
fn read_head(reader: &mut impl Read, key_id: KeyId) -> io::Result<Option<HashKey>> {
    let mut head = [0; HEAD_BYTES];
    if !fill(reader, &mut head)? {
        return Ok(None);
    }
    let key = head.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(&key_id.0));
    Ok(key.and_then(<[u8]>::first_chunk).map(|key| HashKey(*key)))
}

/// The next block with its checksum, if it is whole.
fn read_block(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut count = [0; 4];
    if !fill(reader, &mut count)? {
        return Ok(None);
    }
    let records = u32::from_le_bytes(count) as usize;
    if records > BATCH {
        return Ok(None);
    }
    let mut block = count.to_vec();
    block.resize(count.len() + records * RECORD_BYTES + CHECKSUM_BYTES, 0);
    if !fill(reader, &mut block[count.len()..])? {
        return Ok(None);
    }
    let (content, checksum) = block.split_at(block.len() - CHECKSUM_BYTES);
    Ok((blake3::hash(content).as_bytes() == checksum).then_some(block))
}

fn take(block: &[u8], known: &mut ByHash<Element>) {
    let records = &block[4..block.len() - CHECKSUM_BYTES];
    for record in records.as_chunks::<RECORD_BYTES>().0 {
        let (hash, element) = record.split_at(size_of::<Hash>());
        if let (Some(hash), Some(element)) = (hash.first_chunk(), element.first_chunk()) {
            known.insert(*hash, Element(*element));
        }
    }
}

/// Fills `bytes`; false where the file ends before that.
fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use samar_protocol::identifier::Nik;

    use super::*;

    const KEY: KeyId = KeyId([7; 8]);

    fn spool(home: &Home) -> Spool {
        Spool::open(home, KEY).unwrap()
    }

    #[test]
    fn what_was_paid_for_survives_a_cut_at_any_byte() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let nik = Nik::parse("3201010101010001").unwrap();
        let first = spool(&home);
        let hash = first.key.hash(&nik);
        first.append(&[hash, [1; 16]], &[Element([2; 32]), Element([3; 32])]).unwrap();
        let path = first.path.clone();
        let one = std::fs::read(&path).unwrap().len();
        first.append(&[[4; 16]], &[Element([5; 32])]).unwrap();
        drop(first);
        let whole = std::fs::read(&path).unwrap();
        assert!(!whole.windows(16).any(|bytes| bytes == nik.digits()), "an identifier stands in the spool");
        assert_eq!(spool(&home).known.len(), 3);

        for cut in [one + 1, one + 40, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let again = spool(&home);
            assert_eq!(again.key.hash(&nik), hash, "the key is that of the first run");
            assert_eq!(again.known.get(&hash), Some(&Element([2; 32])));
            assert_eq!(again.known.len(), 2);
            again.append(&[[4; 16]], &[Element([5; 32])]).unwrap();
            assert_eq!(spool(&home).known.len(), 3, "after a cut it can be added to");
        }
        let mut flipped = whole.clone();
        flipped[one + 10] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        assert_eq!(spool(&home).known.len(), 2);
    }

    #[test]
    fn another_key_or_a_foreign_file_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        spool(&home).append(&[[1; 16]], &[Element([2; 32])]).unwrap();
        assert_eq!(Spool::open(&home, KeyId([8; 8])).unwrap().known.len(), 0);
        assert_eq!(std::fs::read_dir(home.pending()).unwrap().count(), 1, "the old key's spool is gone");
        std::fs::write(home.pending().join("0808080808080808.spool"), b"not a spool").unwrap();
        let anew = Spool::open(&home, KeyId([8; 8])).unwrap();
        anew.append(&[[1; 16]], &[Element([2; 32])]).unwrap();
        assert_eq!(Spool::open(&home, KeyId([8; 8])).unwrap().known.len(), 1);
        anew.remove().unwrap();
        assert_eq!(Spool::open(&home, KeyId([8; 8])).unwrap().known.len(), 0);
    }
}
