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
//!
//! A run that is cut short may also have paid for batches whose answer it never saw. The blinds of a batch therefore come
//! from the hash key and the batch itself: the next run forms the same batches from the same file, sends the same bytes,
//! and is answered for free (SPEC.md section "Allowance"). A block of nothing says that an answer was refused: from there on
//! all blinds are others, because those of a refused answer must not be used again (SPEC.md section "OPRF").

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar_local::durable::sync_folder;
use samar_local::exit::{Failure, io_failure};
use samar_local::folder::create_private;
use samar_local::sort;
use samar_protocol::limits::ELEMENT_BYTES;
use samar_protocol::oprf::{Blinding, Element, KeyId};

use crate::config::Home;
use crate::customers::{Hash, HashKey};
use crate::evaluation::BATCH;

/// Opens every spool; the last two bytes are the version, little-endian.
pub(crate) const MAGIC: &[u8; 10] = b"SAMARSPL\x01\x00";
/// Bytes before the first block.
pub(crate) const HEAD_BYTES: usize = 10 + 8 + 32;
/// Bytes of an evaluation in a block.
pub(crate) const RECORD_BYTES: usize = size_of::<Hash>() + ELEMENT_BYTES;
/// Bytes that end a block.
pub(crate) const CHECKSUM_BYTES: usize = 32;

/// The spool of one OPRF key. Hold the folder's lock "screen" while it is open. Of what is in it, memory holds a block
/// at a time.
pub(super) struct Spool {
    path: PathBuf,
    file: File,
    /// Under which identifiers are hashed in this spool, and so in this run.
    pub(super) key: HashKey,
    whole: Mutex<Whole>,
}

/// How far the file consists of whole blocks.
#[derive(Clone, Copy)]
struct Whole {
    end: u64,
    records: u64,
    /// Blocks of nothing.
    refused: u64,
}

impl Spool {
    /// Opens the spool of this OPRF key, or begins one. Spools of other keys are of no use and are removed, and so is
    /// what a killed run was sorting beside them.
    pub(super) fn open(home: &Home, key_id: KeyId) -> Result<Self, Failure> {
        let folder = home.pending();
        create_private(&folder)?;
        sort::remove_leftovers(&folder).map_err(Failure::local)?;
        let path = folder.join(format!("{key_id}.spool"));
        remove_others(&folder, &path).map_err(|error| io_failure("clean", &folder, &error))?;
        let open = || -> io::Result<Self> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path)?;
            let mut reader = BufReader::new(&file);
            let mut whole = Whole { end: HEAD_BYTES as u64, records: 0, refused: 0 };
            let key = match read_head(&mut reader, key_id)? {
                Some(key) => {
                    while let Some(block) = read_block(&mut reader)? {
                        whole.end += block.len() as u64;
                        let records = records(&block).count() as u64;
                        whole.records += records;
                        whole.refused += u64::from(records == 0);
                    }
                    key
                }
                None => {
                    let key = HashKey::fresh();
                    file.set_len(0)?;
                    // Durable before anything is sent: a batch can be sent again only under the same key.
                    file.write_all_at(&[MAGIC.as_slice(), &key_id.0, &key.0].concat(), 0)?;
                    file.sync_all()?;
                    sync_folder(&folder)?;
                    key
                }
            };
            file.set_len(whole.end)?; // what follows the last whole block goes
            Ok(Self { path: path.clone(), file, key, whole: Mutex::new(whole) })
        };
        open().map_err(|error| io_failure("open", &path, &error))
    }

    /// Identifiers in it.
    pub(super) fn records(&self) -> u64 {
        self.whole().records
    }

    /// What stands in it now, from the first block on.
    pub(super) fn blocks(&self) -> Result<Blocks<'_>, Failure> {
        let open = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(HEAD_BYTES as u64))?;
            Ok(file)
        };
        let file = open().map_err(|error| io_failure("read", &self.path, &error))?;
        Ok(Blocks { spool: self, reader: BufReader::new(file).take(self.whole().end - HEAD_BYTES as u64) })
    }

    /// Where the blinds of a batch come from. The same identifiers in the same order have the same blinds, and only they: a
    /// blind never hides two identifiers, nor one under two ways of blinding. A new screening has a new key, so that the
    /// server cannot tell it from any other.
    pub(super) fn blinds_of(&self, hashes: &[Hash], blinding: Blinding) -> StdRng {
        let key = blake3::derive_key("samar 2026 blinds of a batch v1", &self.key.0);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(&[match blinding {
            Blinding::Additive => 0,
            Blinding::Rfc => 1,
        }]);
        hasher.update(&self.whole().refused.to_le_bytes());
        hasher.update(hashes.as_flattened());
        StdRng::from_seed(*hasher.finalize().as_bytes())
    }

    /// Makes all blinds others from here on, durably: an answer was refused.
    pub(super) fn discard_blinds(&self) -> Result<(), Failure> {
        self.append(&[], &[])
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
            let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = self.file.write_all_at(&block, whole.end) {
                // On a full disk half a block would stand before those that other batches add.
                let _ = self.file.set_len(whole.end);
                return Err(error);
            }
            whole.end += block.len() as u64;
            whole.records += hashes.len() as u64;
            whole.refused += u64::from(hashes.is_empty());
            drop(whole); // batches are synced together
            self.file.sync_data()
        };
        write().map_err(|error| io_failure("write", &self.path, &error))
    }

    /// Removes the spool: all of it was reported.
    pub(super) fn remove(self) -> Result<(), Failure> {
        std::fs::remove_file(&self.path).map_err(|error| io_failure("remove", &self.path, &error))
    }

    /// What to say when it no longer holds what it held.
    pub(super) fn damaged(&self) -> Failure {
        Failure::local(format!("{} was damaged while it was in use", self.path.display()))
            .remedy("check the disk and run the same command again")
    }

    fn whole(&self) -> Whole {
        *self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blocks of a spool, each with its checksum verified.
pub(super) struct Blocks<'a> {
    spool: &'a Spool,
    reader: io::Take<BufReader<File>>,
}

impl Iterator for Blocks<'_> {
    type Item = Result<Vec<(Hash, Element)>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.limit() == 0 {
            return None;
        }
        match read_block(&mut self.reader) {
            Ok(Some(block)) => Some(Ok(records(&block).collect())),
            Ok(None) => Some(Err(self.spool.damaged())),
            Err(error) => Some(Err(io_failure("read", &self.spool.path, &error))),
        }
    }
}

/// Room that so many identifiers take in a spool.
pub(super) fn room_bytes(identifiers: u64) -> u64 {
    let blocks = identifiers.div_ceil(BATCH as u64);
    HEAD_BYTES as u64 + identifiers * RECORD_BYTES as u64 + blocks * (4 + CHECKSUM_BYTES as u64)
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

/// The records of a block that was read whole.
fn records(block: &[u8]) -> impl Iterator<Item = (Hash, Element)> {
    let records = &block[4..block.len() - CHECKSUM_BYTES];
    records.as_chunks::<RECORD_BYTES>().0.iter().filter_map(|record| {
        let (hash, element) = record.split_first_chunk()?;
        Some((*hash, Element(*element.first_chunk()?)))
    })
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
    use std::collections::BTreeMap;

    use samar_protocol::identifier::Nik;

    use super::*;

    const KEY: KeyId = KeyId([7; 8]);

    fn spool(home: &Home) -> Spool {
        Spool::open(home, KEY).unwrap()
    }

    /// What stands in it, by hash.
    fn known(spool: &Spool) -> BTreeMap<Hash, Element> {
        let known: BTreeMap<_, _> = spool.blocks().unwrap().flat_map(Result::unwrap).collect();
        assert_eq!(known.len() as u64, spool.records());
        known
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
        assert_eq!(known(&first).len(), 3, "what was added now is there too");
        drop(first);
        let whole = std::fs::read(&path).unwrap();
        assert!(!whole.windows(16).any(|bytes| bytes == nik.digits()), "an identifier stands in the spool");
        assert_eq!(known(&spool(&home)).len(), 3);

        for cut in [one + 1, one + 40, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let again = spool(&home);
            assert_eq!(again.key.hash(&nik), hash, "the key is that of the first run");
            let left = known(&again);
            assert_eq!((left.get(&hash), left.len()), (Some(&Element([2; 32])), 2));
            again.append(&[[4; 16]], &[Element([5; 32])]).unwrap();
            assert_eq!(known(&spool(&home)).len(), 3, "after a cut it can be added to");
        }
        let mut flipped = whole.clone();
        flipped[one + 10] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        assert_eq!(known(&spool(&home)).len(), 2);
    }

    #[test]
    fn a_batch_has_its_own_blinds_and_has_them_again_in_the_next_run() {
        use rand::Rng as _;
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let drawn = |spool: &Spool, hashes: &[Hash], blinding| spool.blinds_of(hashes, blinding).next_u64();
        let (first, additive) = (spool(&home), Blinding::Additive);
        let batch = drawn(&first, &[[1; 16], [2; 16]], additive);
        for other in [&[[2; 16], [1; 16]][..], &[[1; 16]], &[[1; 16], [2; 16], [3; 16]]] {
            assert_ne!(drawn(&first, other, additive), batch, "a blind would hide two identifiers");
        }
        assert_ne!(drawn(&first, &[[1; 16], [2; 16]], Blinding::Rfc), batch);
        drop(first); // cut short: nothing was appended
        let second = spool(&home);
        assert_eq!(drawn(&second, &[[1; 16], [2; 16]], additive), batch, "else it is paid for twice");
        second.append(&[[3; 16]], &[Element([4; 32])]).unwrap();
        assert_eq!(drawn(&second, &[[1; 16], [2; 16]], additive), batch);
        second.discard_blinds().unwrap();
        let anew = drawn(&second, &[[1; 16], [2; 16]], additive);
        assert_ne!(anew, batch, "the blinds of a refused answer are used again");
        drop(second);
        assert_eq!(drawn(&spool(&home), &[[1; 16], [2; 16]], additive), anew, "the next run must know of it");
        assert_eq!(known(&spool(&home)).len(), 1, "and what was paid for is still there");
        spool(&home).remove().unwrap();
        assert_ne!(drawn(&spool(&home), &[[1; 16], [2; 16]], additive), batch, "another screening");
    }

    #[test]
    fn damage_while_it_is_in_use_is_an_error_and_never_a_shorter_spool() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(&Home::new(dir.path()));
        spool.append(&[[1; 16]], &[Element([2; 32])]).unwrap();
        let whole = std::fs::read(&spool.path).unwrap();
        let mut flipped = whole.clone();
        flipped[HEAD_BYTES + 10] ^= 1;
        for damaged in [flipped.as_slice(), &whole[..whole.len() - 1], &whole[..HEAD_BYTES]] {
            std::fs::write(&spool.path, damaged).unwrap();
            let failure = spool.blocks().unwrap().next().unwrap().unwrap_err();
            assert!(failure.to_string().contains("damaged while it was in use"), "{failure}");
        }
    }

    #[test]
    fn another_key_or_a_foreign_file_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        spool(&home).append(&[[1; 16]], &[Element([2; 32])]).unwrap();
        assert_eq!(Spool::open(&home, KeyId([8; 8])).unwrap().records(), 0);
        assert_eq!(std::fs::read_dir(home.pending()).unwrap().count(), 1, "the old key's spool is gone");
        std::fs::write(home.pending().join("0808080808080808.spool"), b"not a spool").unwrap();
        let anew = Spool::open(&home, KeyId([8; 8])).unwrap();
        anew.append(&[[1; 16]], &[Element([2; 32])]).unwrap();
        assert_eq!(known(&Spool::open(&home, KeyId([8; 8])).unwrap()).len(), 1);
        anew.remove().unwrap();
        assert_eq!(Spool::open(&home, KeyId([8; 8])).unwrap().records(), 0);
    }

    #[test]
    fn what_a_killed_run_was_sorting_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let path = spool(&home).path;
        std::fs::write(home.pending().join("run-a1B2c3.tmp"), b"hashes").unwrap();
        spool(&home);
        let left: Vec<_> = std::fs::read_dir(home.pending()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(left, [path]);
    }
}
