//! A merge on a thread of its own, so that merging and what is done with the records share two cores.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::vec::IntoIter;

use super::{Merge, SortError};

/// Records handed over at a time, and how many such parts wait.
const PART_RECORDS: usize = 8_192;
const PARTS: usize = 4;

/// The records of a [`Merge`], in the same order. Memory beside the merge's: 49,152 records.
///
/// Dropping it ends the merge and waits for that, so that its runs are gone.
pub struct Ahead<const N: usize> {
    part: IntoIter<[u8; N]>,
    parts: Option<Receiver<Result<Vec<[u8; N]>, SortError>>>,
    merging: Option<JoinHandle<()>>,
}

impl<const N: usize> Merge<N> {
    /// Merges on a thread of its own.
    #[must_use]
    pub fn ahead(mut self) -> Ahead<N> {
        let (send, parts) = sync_channel(PARTS);
        let merging = std::thread::spawn(move || {
            loop {
                let part: Result<Vec<[u8; N]>, SortError> = self.by_ref().take(PART_RECORDS).collect();
                let is_last = part.as_ref().map_or(true, |part| part.len() < PART_RECORDS);
                // Where nobody receives any more the rest is not wanted.
                if send.send(part).is_err() || is_last {
                    return;
                }
            }
        });
        Ahead { part: Vec::new().into_iter(), parts: Some(parts), merging: Some(merging) }
    }
}

impl<const N: usize> Iterator for Ahead<N> {
    type Item = Result<[u8; N], SortError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.part.next() {
                return Some(Ok(record));
            }
            match self.parts.as_ref()?.recv() {
                Ok(Ok(part)) => self.part = part.into_iter(),
                Ok(Err(error)) => {
                    self.parts = None;
                    return Some(Err(error));
                }
                Err(_) => {
                    self.parts = None;
                    self.end();
                    return None;
                }
            }
        }
    }
}

impl<const N: usize> Ahead<N> {
    fn end(&mut self) {
        if let Some(merging) = self.merging.take() {
            // Unwrap safety: merging does not panic. An end that only looked like one would be a shorter set.
            merging.join().expect("a merge does not panic");
        }
    }
}

impl<const N: usize> Drop for Ahead<N> {
    fn drop(&mut self) {
        self.parts = None;
        if let Some(merging) = self.merging.take() {
            let _ = merging.join();
        }
    }
}
