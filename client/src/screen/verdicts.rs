//! The matches of each row, in order of rows, in bounded memory whatever the number of either.
//!
//! ```text
//! ledger, sorted by identifier ──┬→ join → tags, as many as memory holds → match → sorted by slot, and so by row
//! places, sorted by identifier ──┘
//! ```
//!
//! What stands in between on disk are slots, breaches and labels.

use std::path::Path;

use rayon::prelude::*;
use samar_local::exit::Failure;
use samar_local::progress::{Progress, Unit};
use samar_local::sort::{Merge, Sorter};
use samar_protocol::oprf::{Element, Tag};

use super::memory::Memory;
use super::scope::Scope;
use super::survey::{SLOT_BYTES, Survey, slot_bytes, slot_of};
use crate::evaluation::BATCH;
use crate::ledger::{Ledger, Met};
use crate::matching::{MATCHING_BYTES, Match, match_breach, match_news};
use crate::synced::OpenBreach;

/// A match: breach (2) ‖ label (4), big-endian.
const MATCH_BYTES: usize = 2 + 4;
const OF_SLOT_BYTES: usize = SLOT_BYTES + MATCH_BYTES;
/// Memory for each identifier and slot of a part: element, tag and its matching, end of its slots, a slot.
const PART_BYTES: usize = size_of::<Element>() + MATCHING_BYTES + 2 * size_of::<u64>();
/// More identifiers than this at a time gain nothing.
const PART_MAX: usize = 4 << 20;

/// The matches of rows, to be asked for in order.
pub(super) struct Verdicts {
    merge: Merge<OF_SLOT_BYTES>,
    /// Slots of a row.
    width: u64,
    ahead: Option<(u64, Match)>,
    /// Of the row that was asked for last.
    current: Vec<(usize, Match)>,
}

/// Identifiers that are matched together, and their slots.
#[derive(Default)]
struct Part {
    elements: Vec<Element>,
    /// For each identifier, where its slots end in `slots`.
    ends: Vec<usize>,
    slots: Vec<u64>,
    /// For each identifier, whether nothing of it was looked up before.
    new: Vec<bool>,
}

impl Verdicts {
    /// Matches everyone in the file, each of whom stands in the ledger; gives back whom of it the file met.
    pub(super) fn find(
        survey: &Survey,
        ledger: &Ledger,
        (breaches, scope): (&[OpenBreach], &Scope),
        folder: &Path,
        memory: Memory,
    ) -> Result<(Self, Met), Failure> {
        let mut found = Sorter::<OF_SLOT_BYTES>::new(folder, memory.share());
        let at_once = (memory.share() / PART_BYTES).clamp(BATCH, PART_MAX);
        let progress = Progress::new("match", Unit::Count, Some(survey.usable));
        let met = join(survey, ledger, scope, memory, at_once, |part| {
            progress.add(part.slots.len() as u64);
            part.matches(breaches, scope, &mut found)
        })?;
        let mut merge = found.finish().map_err(Failure::local)?;
        let (width, ahead) = (survey.columns.len() as u64, next_of_slot(&mut merge)?);
        Ok((Self { merge, width, ahead, current: Vec::new() }, met))
    }

    /// The matches of a row with the number of the column that each comes from, by column and breach. Rows ascend from one
    /// call to the next.
    pub(super) fn of(&mut self, row: u64) -> Result<&[(usize, Match)], Failure> {
        self.current.clear();
        while let Some((slot, found)) = self.ahead
            && slot < (row + 1) * self.width
        {
            if let Some(column) = slot.checked_sub(row * self.width) {
                self.current.push((usize::try_from(column).map_err(Failure::local)?, found));
            }
            self.ahead = next_of_slot(&mut self.merge)?;
        }
        Ok(&self.current)
    }
}

fn next_of_slot(merge: &mut Merge<OF_SLOT_BYTES>) -> Result<Option<(u64, Match)>, Failure> {
    let record = merge.next().transpose().map_err(Failure::local)?;
    Ok(record.map(|record| {
        let (slot, found) = record.split_at(SLOT_BYTES);
        (slot_of(slot), match_of(found))
    }))
}

/// Brings the file and the ledger together, part by part.
fn join(
    survey: &Survey,
    ledger: &Ledger,
    scope: &Scope,
    memory: Memory,
    at_once: usize,
    mut each: impl FnMut(&Part) -> Result<(), Failure>,
) -> Result<Met, Failure> {
    let mut met = ledger.unmet();
    let mut known =
        if scope.has_known() { ledger.read_dated(memory.share())? } else { ledger.read(memory.share())? };
    let mut part = Part::default();
    let (mut of, mut ahead) = (None, known.next()?);
    for place in survey.places()? {
        let (hash, slot) = place?;
        if of != Some(hash) {
            of = Some(hash);
            if part.slots.len() >= at_once {
                each(&part)?;
                part.clear();
            }
            while ahead.is_some_and(|known| known.hash < hash) {
                ahead = known.next()?;
            }
            // A customer that is missing here would be reported clear.
            let entry = ahead.filter(|known| known.hash == hash).ok_or_else(|| ledger.incomplete())?;
            met.mark(&entry);
            part.elements.push(entry.element);
            part.new.push(scope.is_new(&entry));
            part.ends.push(part.slots.len());
        }
        part.slots.push(slot);
        if let Some(end) = part.ends.last_mut() {
            *end = part.slots.len();
        }
    }
    each(&part)?;
    Ok(met)
}

impl Part {
    fn clear(&mut self) {
        self.elements.clear();
        self.new.clear();
        self.ends.clear();
        self.slots.clear();
    }

    /// Adds the matches of each of its slots to `found`.
    fn matches(
        &self,
        breaches: &[OpenBreach],
        scope: &Scope,
        found: &mut Sorter<OF_SLOT_BYTES>,
    ) -> Result<(), Failure> {
        let tags: Vec<Tag> = self.elements.par_iter().map(Element::tag).collect();
        for ((breach, open), known) in (0u16..).zip(breaches).zip(&scope.known) {
            let matches = match known {
                0 => match_breach(open, &tags)?,
                known => match_news(open, *known, &tags, |ordinal| self.new[ordinal as usize])?,
            };
            for (ordinal, label) in matches {
                for slot in self.slots_of(ordinal as usize) {
                    found.push(of_slot(*slot, Match { breach, label })).map_err(Failure::local)?;
                }
            }
        }
        Ok(())
    }

    fn slots_of(&self, ordinal: usize) -> &[u64] {
        let start = ordinal.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.slots[start..self.ends[ordinal]]
    }
}

fn of_slot(slot: u64, found: Match) -> [u8; OF_SLOT_BYTES] {
    let mut record = [0; OF_SLOT_BYTES];
    record[..SLOT_BYTES].copy_from_slice(&slot_bytes(slot));
    record[SLOT_BYTES..][..2].copy_from_slice(&found.breach.to_be_bytes());
    record[SLOT_BYTES + 2..].copy_from_slice(&found.label.to_be_bytes());
    record
}

fn match_of(bytes: &[u8]) -> Match {
    let number = |bytes: &[u8]| bytes.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    let (breach, label) = bytes.split_at(2);
    #[allow(clippy::cast_possible_truncation)] // two bytes
    Match { breach: number(breach) as u16, label: number(label) }
}

#[cfg(test)]
mod tests {
    use super::super::survey::tests::Scene;
    use super::*;

    /// Stands for what evaluation makes of a person.
    fn element(person: usize) -> Element {
        let mut element = [0; 32];
        element[..8].copy_from_slice(&person.to_le_bytes());
        Element(element)
    }

    #[test]
    fn every_row_gets_the_matches_of_its_person_whatever_the_memory() {
        for share_bytes in [1_000, 1 << 20] {
            let scene = Scene::new(share_bytes);
            let ledger = scene.ledger();
            // Persons over 1,000 are of another file.
            for persons in [0..700, 700..1_200] {
                let hashes: Vec<_> = persons.clone().map(|person| Scene::hash(&ledger, person)).collect();
                ledger.append(&hashes, &persons.map(element).collect::<Vec<_>>()).unwrap();
            }
            ledger.settle(scene.memory.share()).unwrap();
            let survey = scene.survey(&ledger.hash_key);
            // Every second person in one breach, every sixth in another.
            let matches_of = |person: usize| -> Vec<Match> {
                let breaches =
                    [(0, 2), (3, 6)].into_iter().filter(|(_, every)| person.is_multiple_of(*every));
                breaches
                    .map(|(breach, _)| Match { breach, label: u32::try_from(person).unwrap() << 8 })
                    .collect()
            };
            let folder = scene.home().pending();
            let mut found = Sorter::<OF_SLOT_BYTES>::new(&folder, scene.memory.share());
            let mut parts = 0;
            let met = join(&survey, &ledger, &Scope::default(), scene.memory, 100, |part| {
                parts += 1;
                for (ordinal, element) in part.elements.iter().enumerate() {
                    let person = usize::from_le_bytes(*element.0.first_chunk().unwrap());
                    for slot in part.slots_of(ordinal) {
                        for matched in matches_of(person) {
                            found.push(of_slot(*slot, matched)).unwrap();
                        }
                    }
                }
                Ok(())
            });
            ledger.screened(&met.unwrap()).unwrap();
            assert!(parts > 20, "{parts}");
            assert_eq!(scene.runs().is_empty(), share_bytes > 1_000);
            let mut merge = found.finish().unwrap();
            let ahead = next_of_slot(&mut merge).unwrap();
            let mut verdicts = Verdicts { merge, width: 1, ahead, current: Vec::new() };
            for (row, person) in (0..).zip(&scene.persons) {
                let Some(person) = person else { continue }; // a row of nobody is not asked for
                let expected: Vec<_> = matches_of(*person).into_iter().map(|found| (0, found)).collect();
                assert_eq!(verdicts.of(row).unwrap(), expected, "row {row}");
            }
            drop((verdicts, survey));
            assert!(scene.runs().is_empty());
        }
    }

    #[test]
    fn a_row_gets_the_matches_of_all_its_columns_whatever_the_memory() {
        let dir = tempfile::tempdir().unwrap();
        let matches_of = |slot: u64| {
            let breaches =
                [0u16, 1, 2].into_iter().filter(move |breach| slot % (3 + u64::from(*breach)) == 1);
            breaches.map(move |breach| Match { breach, label: u32::try_from(slot).unwrap() })
        };
        for memory_bytes in [1_000, 1 << 20] {
            let mut found = Sorter::<OF_SLOT_BYTES>::new(dir.path(), memory_bytes);
            for slot in (0..3_000u64).map(|at| at * 1_873 % 3_000) {
                matches_of(slot).for_each(|matched| found.push(of_slot(slot, matched)).unwrap());
            }
            let mut merge = found.finish().unwrap();
            let ahead = next_of_slot(&mut merge).unwrap();
            let mut verdicts = Verdicts { merge, width: 3, ahead, current: Vec::new() };
            for row in (0..1_000).filter(|row| row % 7 != 2) {
                let of_column = |column: u64| {
                    matches_of(3 * row + column)
                        .map(move |matched| (usize::try_from(column).unwrap(), matched))
                };
                let expected: Vec<_> = (0..3).flat_map(of_column).collect();
                assert_eq!(verdicts.of(row).unwrap(), expected, "row {row}");
            }
        }
    }

    #[test]
    fn a_customer_that_the_ledger_lost_is_an_error_and_never_clear() {
        let scene = Scene::new(1 << 20);
        let ledger = scene.ledger();
        let persons = (0..1_000).filter(|person| *person != 500);
        let hashes: Vec<_> = persons.map(|person| Scene::hash(&ledger, person)).collect();
        ledger.append(&hashes, &vec![element(1); hashes.len()]).unwrap();
        ledger.settle(scene.memory.share()).unwrap();
        let survey = scene.survey(&ledger.hash_key);
        let Err(failure) = join(&survey, &ledger, &Scope::default(), scene.memory, 100, |_| Ok(())) else {
            panic!("a customer is missing")
        };
        assert!(failure.to_string().contains("does not stand in it"), "{failure}");
    }
}
