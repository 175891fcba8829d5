//! What a breach holds, taken to another key: every element multiplied by the ratio of the keys, which brings them into another
//! order, and sorted anew.

use rayon::prelude::*;
use samar_local::durable;
use samar_local::exit::{Failure, io_failure};
use samar_local::progress::{Progress, Unit};
use samar_local::sort::Sorter;
use samar_protocol::group::Backend;
use samar_protocol::oprf::{KeyRatio, PublicKey};
use samar_protocol::vault::VaultHeader;

use crate::layout::Layout;
use crate::vault::elements::Elements;
use crate::vault::file::{RECORD_BYTES, Reader, Record, VAULT_REMEDY, Writer};

/// Records read at a time: all cores multiply some while those of before are sorted and the next are read.
const CHUNK: usize = 131_072;
/// Elements that share an inversion.
const BATCH: usize = 1_024;

/// Removes what an earlier rotation, to another key than this, left of a breach.
pub(super) fn remove_foreign(layout: &Layout, id: &str, to: &PublicKey) -> Result<(), Failure> {
    let (path, made) = (layout.next_vault(id), layout.next_made(id));
    // One that cannot be read is made anew.
    let ours = |reader: Option<Reader>| reader.is_some_and(|reader| reader.header().key_id == to.id().0);
    if !Reader::open(&path).is_ok_and(ours) {
        for path in [made, path] {
            if path.exists() {
                durable::remove(&path).map_err(|error| io_failure("remove", &path, &error))?;
            }
        }
    }
    Ok(())
}

/// Writes what a breach holds under the key to come, unless that was done: whole, and durable.
pub(super) fn carry(
    layout: &Layout,
    backend: Backend,
    ratio: &KeyRatio,
    id: &str,
    memory_bytes: usize,
) -> Result<(), Failure> {
    let Some(mut elements) = Elements::open(layout, id)? else { return Ok(()) };
    let header = elements.header().clone();
    if header.key_id != ratio.from().id().0 {
        return Err(Failure::local(format!("the vault of {id} was made with another OPRF key"))
            .remedy("restore the key file that belongs to this vault"));
    }
    let place = layout.next_vault(id);
    if place.exists() {
        return Ok(());
    }
    let progress = Progress::new("rotate", Unit::Count, Some(elements.count_most()));
    let mut sorter = Sorter::<RECORD_BYTES>::new(&layout.runs(), memory_bytes);
    let mut chunk = read_chunk(&mut elements)?;
    let mut carried = Vec::new();
    while !chunk.is_empty() {
        let before = std::mem::take(&mut carried);
        let (made, next) = rayon::join(
            || carry_chunk(&chunk, ratio, backend),
            || {
                progress.add(before.len() as u64);
                sorter.extend(before).map_err(Failure::local)?;
                read_chunk(&mut elements)
            },
        );
        carried = made.ok_or_else(|| damaged(layout, id))?;
        chunk = next?;
    }
    // The last read, past the end, checked the hash of each part.
    sorter.extend(carried).map_err(Failure::local)?;
    let mut writer = Writer::create(&place, &VaultHeader { key_id: ratio.to().id().0, ..header })?;
    for record in sorter.finish().map_err(Failure::local)?.ahead() {
        writer.push(Record::from_bytes(&record.map_err(Failure::local)?))?;
    }
    progress.finish();
    writer.finish().map(drop)
}

fn read_chunk(elements: &mut Elements) -> Result<Vec<Record>, Failure> {
    let mut chunk = Vec::with_capacity(CHUNK);
    while chunk.len() < CHUNK {
        let Some(record) = elements.read_record()? else { break };
        chunk.push(record);
    }
    Ok(chunk)
}

/// Nothing where one of them is no element.
fn carry_chunk(chunk: &[Record], ratio: &KeyRatio, backend: Backend) -> Option<Vec<[u8; RECORD_BYTES]>> {
    let batch = |records: &[Record]| {
        let elements: Vec<[u8; 32]> = records.iter().map(|record| record.element.0).collect();
        let carried = ratio.carry(backend, &elements).ok()?;
        let record = |(element, record): (_, &Record)| Record { element, ..*record }.to_bytes();
        Some(carried.into_iter().zip(records).map(record).collect::<Vec<_>>())
    };
    Some(chunk.par_chunks(BATCH).map(batch).collect::<Option<Vec<_>>>()?.concat())
}

fn damaged(layout: &Layout, id: &str) -> Failure {
    let folder = layout.breach(id);
    Failure::local(format!("{} is damaged: it holds what is no element", folder.display()))
        .remedy(VAULT_REMEDY)
}
