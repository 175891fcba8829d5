//! The encoder: reads the next rows while all cores encode those before.

use rayon::prelude::*;
use samar_local::exit::Failure;
use samar_protocol::group::Backend;
use samar_protocol::oprf::SecretKey;

use super::read::{Entry, Rows};
use super::{Rejects, Report};
use crate::vault::file::{RECORD_BYTES, Record};
use samar_local::sort::Sorter;

/// Rows encoded at a time: enough that all cores are busy, little enough that few identifiers are in memory.
const CHUNK_ROWS: usize = 32_768;
/// Elements that share an inversion.
const BATCH: usize = 1_024;

/// Encodes every row of a source into the sorter.
pub(super) fn encode(
    mut rows: Rows,
    key: &SecretKey,
    backend: Backend,
    sorter: &mut Sorter<RECORD_BYTES>,
    report: &mut Report,
    mut rejects: Option<&mut Rejects>,
) -> Result<(), Failure> {
    let mut chunk = read_chunk(&mut rows, report, rejects.as_deref_mut())?;
    while !chunk.is_empty() {
        let (records, next) = rayon::join(
            || encode_chunk(&chunk, key, backend),
            || read_chunk(&mut rows, report, rejects.as_deref_mut()),
        );
        sorter.extend(records).map_err(Failure::local)?;
        chunk = next?;
    }
    report.warn(rows.source_index, &rows.warnings());
    Ok(())
}

fn read_chunk(
    rows: &mut Rows,
    report: &mut Report,
    mut rejects: Option<&mut Rejects>,
) -> Result<Vec<Entry>, Failure> {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    while chunk.len() < CHUNK_ROWS {
        if !rows.advance()? {
            break;
        }
        rows.take(&mut chunk, report, rejects.as_deref_mut())?;
    }
    Ok(chunk)
}

fn encode_chunk(chunk: &[Entry], key: &SecretKey, backend: Backend) -> Vec<[u8; RECORD_BYTES]> {
    let batch = |entries: &[Entry]| {
        let inputs: Vec<&[u8]> = entries.iter().map(|entry| entry.input.as_ref()).collect();
        let elements = key.encode(backend, &inputs);
        let record = |(element, entry): (_, &Entry)| Record { element, label: entry.label }.to_bytes();
        elements.into_iter().zip(entries).map(record).collect::<Vec<_>>()
    };
    chunk.par_chunks(BATCH).flat_map_iter(batch).collect()
}
