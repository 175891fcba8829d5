//! The matches of each row, in order of rows, in bounded memory whatever the number of either.
//!
//! ```text
//! spool → blocks of tags → match → sorted by identifier ─┬→ join → sorted by row
//! survey: places, sorted by identifier ──────────────────┘
//! ```
//!
//! What stands in between are keyed hashes, rows, breaches and labels, in the spool's folder.

use std::path::Path;

use rayon::prelude::*;
use samar_local::exit::Failure;
use samar_local::progress::{Progress, Unit};
use samar_local::sort::{Merge, Sorter};
use samar_protocol::oprf::Tag;

use super::memory::Memory;
use super::spool::Spool;
use super::survey::{ROW_BYTES, Survey, row_bytes, row_of};
use crate::customers::Hash;
use crate::evaluation::BATCH;
use crate::matching::{MATCHING_BYTES, Match, match_breach};
use crate::synced::OpenBreach;

const HASH_BYTES: usize = size_of::<Hash>();
/// A match: breach (2) ‖ label (4), big-endian.
const MATCH_BYTES: usize = 2 + 4;
const OF_HASH_BYTES: usize = HASH_BYTES + MATCH_BYTES;
const OF_ROW_BYTES: usize = ROW_BYTES + MATCH_BYTES;
/// More tags than this at a time gain nothing.
const TAGS_MAX: usize = 4 << 20;

/// The matches of rows, to be asked for in order.
pub(super) struct Verdicts {
    merge: Merge<OF_ROW_BYTES>,
    ahead: Option<(u64, Match)>,
    /// Of the row that was asked for last.
    current: Vec<Match>,
}

impl Verdicts {
    /// Matches everything in the spool, and finds the rows of what is exposed.
    pub(super) fn find(
        survey: &Survey,
        spool: &Spool,
        breaches: &[OpenBreach],
        folder: &Path,
        memory: Memory,
    ) -> Result<Self, Failure> {
        let found = match_spool(spool, breaches, folder, memory)?;
        let mut merge = join(survey, found, folder, memory)?;
        let ahead = next_of_row(&mut merge)?;
        Ok(Self { merge, ahead, current: Vec::new() })
    }

    /// The matches of a row, by breach. Rows ascend from one call to the next.
    pub(super) fn of(&mut self, row: u64) -> Result<&[Match], Failure> {
        self.current.clear();
        while let Some((of, found)) = self.ahead
            && of <= row
        {
            if of == row {
                self.current.push(found);
            }
            self.ahead = next_of_row(&mut self.merge)?;
        }
        Ok(&self.current)
    }
}

fn next_of_row(merge: &mut Merge<OF_ROW_BYTES>) -> Result<Option<(u64, Match)>, Failure> {
    let record = merge.next().transpose().map_err(Failure::local)?;
    Ok(record.map(|record| {
        let (row, found) = record.split_at(ROW_BYTES);
        (row_of(row), match_of(found))
    }))
}

/// Every match, in order of hash and then of breach.
fn match_spool(
    spool: &Spool,
    breaches: &[OpenBreach],
    folder: &Path,
    memory: Memory,
) -> Result<Merge<OF_HASH_BYTES>, Failure> {
    let at_once = (memory.share() / (HASH_BYTES + MATCHING_BYTES)).clamp(BATCH, TAGS_MAX);
    let segments: usize = breaches.iter().map(|open| open.segments.len()).sum();
    let steps = spool.records().div_ceil(at_once as u64) * segments as u64;
    let progress = Progress::new("match", Unit::Count, Some(steps));
    let mut sorter = Sorter::<OF_HASH_BYTES>::new(folder, memory.share());
    let mut blocks = spool.blocks()?;
    let capacity = usize::try_from(spool.records()).map_or(at_once, |records| records.min(at_once));
    let (mut hashes, mut tags) = (Vec::<Hash>::with_capacity(capacity), Vec::<Tag>::with_capacity(capacity));
    let mut read = 0;
    loop {
        let block = blocks.next().transpose()?;
        if block.as_ref().is_none_or(|block| hashes.len() + block.len() > at_once) {
            for (breach, open) in (0u16..).zip(breaches) {
                for (ordinal, label) in match_breach(open, &tags, || progress.add(1))? {
                    let found = Match { breach, label };
                    let mut record = [0; OF_HASH_BYTES];
                    record[..HASH_BYTES].copy_from_slice(&hashes[ordinal as usize]);
                    record[HASH_BYTES..].copy_from_slice(&match_bytes(found));
                    sorter.push(record).map_err(Failure::local)?;
                }
            }
            hashes.clear();
            tags.clear();
        }
        let Some(block) = block else { break };
        read += block.len() as u64;
        hashes.extend(block.iter().map(|(hash, _)| *hash));
        tags.par_extend(block.par_iter().map(|(_, element)| element.tag()));
    }
    if read != spool.records() {
        // A customer that is missing here would be reported clear.
        return Err(spool.damaged());
    }
    sorter.finish().map_err(Failure::local)
}

/// The matches of each row: those of its identifier.
fn join(
    survey: &Survey,
    mut found: Merge<OF_HASH_BYTES>,
    folder: &Path,
    memory: Memory,
) -> Result<Merge<OF_ROW_BYTES>, Failure> {
    let mut next = || -> Result<Option<(Hash, Match)>, Failure> {
        let record = found.next().transpose().map_err(Failure::local)?;
        Ok(record.and_then(|record| {
            let (hash, found) = record.split_first_chunk::<HASH_BYTES>()?;
            Some((*hash, match_of(found)))
        }))
    };
    let mut sorter = Sorter::<OF_ROW_BYTES>::new(folder, memory.share());
    let mut ahead = next()?;
    let (mut of, mut matches) = (None, Vec::<Match>::new());
    for place in survey.places()? {
        let (hash, row) = place?;
        if of != Some(hash) {
            of = Some(hash);
            matches.clear();
            // What a run on another file left in the spool has no place in this one.
            while let Some((found_hash, found)) = ahead
                && found_hash <= hash
            {
                if found_hash == hash {
                    matches.push(found);
                }
                ahead = next()?;
            }
            matches.dedup(); // should the spool hold an identifier twice
        }
        for found in &matches {
            let mut record = [0; OF_ROW_BYTES];
            record[..ROW_BYTES].copy_from_slice(&row_bytes(row));
            record[ROW_BYTES..].copy_from_slice(&match_bytes(*found));
            sorter.push(record).map_err(Failure::local)?;
        }
    }
    sorter.finish().map_err(Failure::local)
}

fn match_bytes(found: Match) -> [u8; MATCH_BYTES] {
    let mut bytes = [0; MATCH_BYTES];
    bytes[..2].copy_from_slice(&found.breach.to_be_bytes());
    bytes[2..].copy_from_slice(&found.label.to_be_bytes());
    bytes
}

fn match_of(bytes: &[u8]) -> Match {
    let number = |bytes: &[u8]| bytes.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    let (breach, label) = bytes.split_at(2);
    #[allow(clippy::cast_possible_truncation)] // two bytes
    Match { breach: number(breach) as u16, label: number(label) }
}

#[cfg(test)]
mod tests {
    use super::super::survey::tests::{Scene, nik};
    use super::*;

    #[test]
    fn every_row_gets_the_matches_of_its_person_whatever_the_memory() {
        for share_bytes in [1_000, 1 << 20] {
            let scene = Scene::new(share_bytes);
            let spool = scene.spool();
            let survey = scene.survey(&spool.key);
            // Every second person in one breach, every sixth in another, in the order of neither rows nor hashes; persons
            // over 1,000 are of another file.
            let matches_of = |person: usize| -> Vec<Match> {
                let breaches =
                    [(0, 2), (3, 6)].into_iter().filter(|(_, every)| person.is_multiple_of(*every));
                breaches
                    .map(|(breach, _)| Match { breach, label: u32::try_from(person).unwrap() << 8 })
                    .collect()
            };
            let folder = scene.home().pending();
            let mut found = Sorter::<OF_HASH_BYTES>::new(&folder, scene.memory.share());
            for person in (0..1_200).rev() {
                for matched in matches_of(person) {
                    let hash = spool.key.hash(&nik(person));
                    let record = [hash.as_slice(), &match_bytes(matched)].concat();
                    found.push(record.try_into().unwrap()).unwrap();
                }
            }
            let mut merge = join(&survey, found.finish().unwrap(), &folder, scene.memory).unwrap();
            assert_eq!(scene.runs().is_empty(), share_bytes > 1_000);
            let ahead = next_of_row(&mut merge).unwrap();
            let mut verdicts = Verdicts { merge, ahead, current: Vec::new() };
            for (row, person) in (0..).zip(&scene.persons) {
                let Some(person) = person else { continue }; // a row of nobody is not asked for
                assert_eq!(verdicts.of(row).unwrap(), matches_of(*person), "row {row}");
            }
            drop((verdicts, survey));
            assert!(scene.runs().is_empty());
        }
    }
}
