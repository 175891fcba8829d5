//! What stands on a bank's disk: the ledger, written here from SPEC.md section "Ledger (local)" alone.

use std::path::Path;

use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use samar::Home;
use samar::kept::{is_protected, read_whole};
use samar_protocol::oprf::SecretKey;

use crate::operator_files::scratch;
use crate::script::Script;

const FILE_KEY: [u8; 32] = [6; 32];
const LEDGER_ID: [u8; 16] = [4; 16];
const RUN: u32 = 1;
const TAIL: u32 = 2;
const HEADER_BYTES: usize = 32;
/// Records of a full block of a run.
const RUN_BLOCK: usize = 1_024;
/// Records of the largest run here: one full block and a second one.
const RUN_RECORDS_MAX: u16 = 1_100;
const MEMORY_BYTES: usize = 1 << 20;

/// A ledger of one run and one tail, of which one file is changed or not: it is read as it was written, or refused. Of a tail the
/// blocks before the first changed one stay, since what follows them may be what a killed run was writing. Days that cannot be read are
/// taken for none, and nobody is passed over for them. What was read once is read again the same. One under a passphrase is read by
/// nobody who has none, and nobody is asked for it.
pub fn ledger(data: &[u8]) {
    let mut script = Script::new(data);
    let act = script.byte();
    let is_sealed = act & 0x40 != 0;
    let written = Files::written(&mut script, is_sealed);
    let mut files = written.clone();
    match act % 5 {
        0 => {}
        1 => script.change(&mut files.head),
        2 => script.change(&mut files.run),
        3 => script.change(&mut files.days),
        _ => script.change(&mut files.tail),
    }
    let is_resealed = act & 0x80 != 0 && act % 5 == 1;
    if is_resealed {
        files.head.truncate(files.head.len().saturating_sub(32));
        files.head.extend(blake3::hash(&files.head).as_bytes());
    }

    let folder = scratch();
    files.write(folder.path());
    let read = read_whole(folder.path(), MEMORY_BYTES);
    let told = read.as_ref().map_err(ToString::to_string);
    match files.customers(&written) {
        Some(_) if is_sealed => assert!(told.is_err_and(|told| {
            told.contains("is under a passphrase, which is not asked for")
                || told.contains("the ledger is damaged")
        })),
        // Another head with a true check: whatever it says, no more comes of it than was written.
        _ if is_resealed => assert!(told.is_err() || told <= Ok(&written.all())),
        Some(customers) => assert_eq!(told, Ok(&customers)),
        None => assert!(told.is_err(), "damage was read as {told:?}"),
    }
    if let Ok(customers) = read {
        assert_eq!(read_whole(folder.path(), MEMORY_BYTES).unwrap(), customers, "read again, it has others");
    }
}

/// The file that says that a passphrase is set is taken exactly where a plain reading of SPEC.md takes it. Mode: 0, its bytes; 1, what
/// stands before its check.
pub fn ledger_passphrase(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else { return };
    let mut file = data.to_vec();
    if mode & 1 == 1 {
        file.truncate(80);
        let check = *blake3::hash(&file).as_bytes();
        file.extend(check);
    }
    let folder = scratch();
    std::fs::create_dir(folder.path().join("ledger")).unwrap();
    std::fs::write(folder.path().join("ledger/passphrase"), &file).unwrap();
    let taken = is_protected(&Home::new(folder.path()));
    let told = taken.as_ref().map_err(ToString::to_string);
    assert_eq!(told.is_ok(), is_marker(&file), "{told:?}");
    assert!(told != Ok(&false), "it is there");
}

/// Whether these are such a file's bytes, and ask for no more work than is allowed.
fn is_marker(file: &[u8]) -> bool {
    let Some((content, check)) = file.split_last_chunk::<32>() else { return false };
    let number = |at: usize| u32::from_le_bytes(core::array::from_fn(|byte| content[at + byte]));
    // Magic, part, protection; cost, salt, nonce, tag.
    content.len() == 12 + 12 + 16 + 24 + 16
        && blake3::hash(content) == *check
        && content.starts_with(b"SAMARDGR\x01\x00\x05\x01")
        && (8..=1_048_576).contains(&number(12))
        && (1..=16).contains(&number(16))
        && (1..=16).contains(&number(20))
        && number(12) >= 8 * number(20)
}

impl Script<'_> {
    /// Turns a few bytes of a file, cuts it short, goes on with it, or puts another in its place.
    fn change(&mut self, file: &mut Vec<u8>) {
        match self.byte() % 4 {
            0 => drop(self.patch(file, 3)),
            1 => file.truncate(file.len().saturating_sub(self.u16().into())),
            2 => file.extend(self.counted()),
            _ => *file = self.counted().to_vec(),
        }
    }
}

/// The files of a ledger. Without records in it there is no run.
#[derive(Clone)]
struct Files {
    head: Vec<u8>,
    run: Vec<u8>,
    days: Vec<u8>,
    tail: Vec<u8>,
    in_run: u64,
    /// Where each block of the tail ends, and how many customers stand in the tail up to there.
    blocks: Vec<(usize, u64)>,
}

impl Files {
    /// As a screening writes them: a run, then up to four batches. No customer is in it twice.
    fn written(script: &mut Script<'_>, is_sealed: bool) -> Self {
        let in_run = script.u16() % (RUN_RECORDS_MAX + 1);
        let mut records: Vec<_> = (0..in_run.into()).map(record).collect();
        records.sort_unstable();
        let mut run = header(2, RUN);
        for (index, block) in (0..).zip(records.chunks(RUN_BLOCK)) {
            run.extend(sealed(&header(2, RUN), index, block));
        }
        let mut days = [header(4, RUN), script.array::<2>().repeat(in_run.into())].concat();
        days.extend(blake3::hash(&days).as_bytes());

        let (mut tail, mut blocks, mut in_tail) = (header(3, TAIL), Vec::new(), 0);
        for index in 0..u64::from(script.byte() % 5) {
            let batch = u64::from(script.byte());
            let records: Vec<_> = (in_tail..in_tail + batch).map(|person| record(1 << 32 | person)).collect();
            tail.extend(sealed(&header(3, TAIL), index, &records));
            in_tail += batch;
            blocks.push((tail.len(), in_tail));
        }

        let key = SecretKey::from_bytes(&core::array::from_fn(|at| u8::from(at == 0) * 9)).unwrap();
        let mut head =
            [b"SAMARDGR\x01\x00\x01", [u8::from(is_sealed)].as_slice(), &key.public().to_bytes(), &LEDGER_ID]
                .concat();
        if is_sealed {
            head.extend(script.array::<132>());
        } else {
            head.extend([[5; 32], FILE_KEY].as_flattened());
        }
        head.extend(script.array::<2>().map(|count| u64::from(count).to_le_bytes()).as_flattened());
        head.extend(TAIL.to_le_bytes());
        head.extend(u32::from(in_run > 0).to_le_bytes());
        if in_run > 0 {
            head.extend([RUN.to_le_bytes().as_slice(), &u64::from(in_run).to_le_bytes()].concat());
        }
        head.extend(blake3::hash(&head).as_bytes());
        Self { head, run, days, tail, in_run: in_run.into(), blocks }
    }

    fn write(&self, folder: &Path) {
        for (name, bytes) in
            [("head", &self.head), ("1.run", &self.run), ("1.days", &self.days), ("2.tail", &self.tail)]
        {
            if self.in_run > 0 || !name.starts_with("1.") {
                std::fs::write(folder.join(name), bytes).unwrap();
            }
        }
    }

    /// Customers of the whole ledger.
    fn all(&self) -> u64 {
        self.in_run + self.blocks.last().map_or(0, |(_, customers)| *customers)
    }

    /// Customers who can be read of these files, where `written` is what was written; nothing where they are damaged.
    fn customers(&self, written: &Self) -> Option<u64> {
        if self.head != written.head || (self.in_run > 0 && self.run != written.run) {
            return None;
        }
        if self.tail.len() >= HEADER_BYTES && self.tail[..HEADER_BYTES] != written.tail[..HEADER_BYTES] {
            return None;
        }
        let same = self.tail.iter().zip(&written.tail).take_while(|(found, wrote)| found == wrote).count();
        let in_tail = written.blocks.iter().take_while(|(end, _)| *end <= same).last();
        Some(self.in_run + in_tail.map_or(0, |(_, customers)| *customers))
    }
}

/// What a run, a file of days and a tail open with.
fn header(part: u8, number: u32) -> Vec<u8> {
    [b"SAMARDGR\x01\x00".as_slice(), &[part, 0], &number.to_le_bytes(), &LEDGER_ID].concat()
}

/// Hash and element of a customer.
fn record(person: u64) -> [u8; 48] {
    let bytes = *blake3::hash(&person.to_le_bytes()).as_bytes();
    core::array::from_fn(|at| if at < 16 { bytes[at] } else { bytes[at - 16] })
}

fn sealed(header: &[u8], index: u64, records: &[[u8; 48]]) -> Vec<u8> {
    let count = u32::try_from(records.len()).unwrap().to_le_bytes();
    let nonce =
        *blake3::hash(&[header, &index.to_le_bytes()].concat()).as_bytes().first_chunk::<24>().unwrap();
    let bound = [header, &index.to_le_bytes(), &count].concat();
    let mut encrypted = records.as_flattened().to_vec();
    let cipher = XChaCha20Poly1305::new(&FILE_KEY.into());
    let tag =
        cipher.encrypt_inout_detached(&XNonce::from(nonce), &bound, encrypted.as_mut_slice().into()).unwrap();
    [count.as_slice(), &nonce, &encrypted, &tag].concat()
}
