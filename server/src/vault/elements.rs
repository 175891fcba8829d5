//! What a breach holds: its parts read as one, in the order of elements.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use samar_local::exit::Failure;
use samar_protocol::segment::SegmentKind;
use samar_protocol::vault::VaultHeader;

use super::file::{Reader, Record};
use super::parts::{self, Part};
use crate::layout::Layout;

/// The elements of a breach with their labels, each once, ascending: additions joined in, removals left out (SPEC.md section
/// "Segments of one breach"). Memory: 1 MiB a part.
#[derive(Debug)]
pub struct Elements {
    parts: Vec<(Part, Reader)>,
    /// The next record of the base.
    base: Option<Record>,
    /// The next record of each later part: element, place of the part among `parts`, label.
    later: BinaryHeap<Reverse<([u8; 32], usize, u32)>>,
    begun: bool,
}

impl Elements {
    /// Opens a breach; `None` where the vault has none of this id.
    ///
    /// # Errors
    /// As [`parts::open`].
    pub fn open(layout: &Layout, id: &str) -> Result<Option<Self>, Failure> {
        let parts = parts::open(layout, id)?;
        let there = !parts.is_empty();
        Ok(there.then(|| Self { parts, base: None, later: BinaryHeap::new(), begun: false }))
    }

    /// The header, which all parts share.
    #[must_use]
    pub fn header(&self) -> &VaultHeader {
        // Unwrap safety: there is a part, or it was not opened.
        self.parts.first().map(|(_, reader)| reader.header()).expect("a breach has a base")
    }

    /// Parts of it.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Entries that it has at most: known exactly only once all were read.
    #[must_use]
    pub fn count_most(&self) -> u64 {
        let holding = self.parts.iter().filter(|(part, _)| part.kind != SegmentKind::Remove);
        holding.fold(0, |sum: u64, (_, reader)| sum.saturating_add(reader.count()))
    }

    /// Entries that it has, by reading them where more than one part says something of them.
    ///
    /// # Errors
    /// As [`Elements::read_record`].
    pub fn count(mut self) -> Result<u64, Failure> {
        if let [(_, base)] = self.parts.as_slice() {
            return Ok(base.count());
        }
        let mut count = 0;
        while self.read_record()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The next record; `None` after the last, once all parts were found to be as they were written.
    ///
    /// # Errors
    /// Damage, or the file system.
    pub fn read_record(&mut self) -> Result<Option<Record>, Failure> {
        if !self.begun {
            self.begun = true;
            self.base = self.parts[0].1.read_record()?;
            for place in 1..self.parts.len() {
                self.advance(place)?;
            }
        }
        loop {
            let Some(Reverse((later, ..))) = self.later.peek() else {
                // Most elements of most breaches come this way.
                let record = self.base;
                if record.is_some() {
                    self.base = self.parts[0].1.read_record()?;
                }
                return Ok(record);
            };
            let mut found = None;
            let element = match self.base {
                Some(base) if base.element.0 < *later => {
                    self.base = self.parts[0].1.read_record()?;
                    return Ok(Some(base));
                }
                Some(base) if base.element.0 == *later => {
                    found = Some(base);
                    self.base = self.parts[0].1.read_record()?;
                    base.element
                }
                _ => samar_protocol::oprf::Element(*later),
            };
            while let Some(&Reverse((next, place, label))) = self.later.peek()
                && next == element.0
            {
                self.later.pop();
                found = match self.parts[place].0.kind {
                    SegmentKind::Remove => None,
                    SegmentKind::Base | SegmentKind::Add => {
                        let before = found.map_or(0, |record: Record| record.label);
                        Some(Record { element, label: before | label })
                    }
                };
                self.advance(place)?;
            }
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Puts the next record of a later part on the heap.
    fn advance(&mut self, place: usize) -> Result<(), Failure> {
        if let Some(record) = self.parts[place].1.read_record()? {
            self.later.push(Reverse((record.element.0, place, record.label)));
        }
        Ok(())
    }
}
