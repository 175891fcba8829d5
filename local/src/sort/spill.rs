//! A run on its way to the disk: sorted and written while the next records are collected.

use std::thread::JoinHandle;

use rayon::slice::ParallelSliceMut as _;

use super::SortError;
use super::run::{Run, RunWriter};

/// Dropped unfinished, it waits: no file is left behind by a program that ends.
#[derive(Debug)]
pub(super) struct Spill<const N: usize>(Option<Writing<N>>);

/// Gives the run, and the memory that the records stood in, empty.
type Writing<const N: usize> = JoinHandle<Result<(Run, Vec<[u8; N]>), SortError>>;

impl<const N: usize> Spill<N> {
    pub(super) fn begin(mut records: Vec<[u8; N]>, mut writer: RunWriter) -> Self {
        Self(Some(std::thread::spawn(move || {
            records.par_sort_unstable();
            writer.write(records.as_flattened())?;
            records.clear();
            Ok((writer.finish::<N>()?, records))
        })))
    }

    pub(super) fn end(mut self) -> Result<(Run, Vec<[u8; N]>), SortError> {
        // Unwrap safety: it ends once, and sorting and writing do not panic.
        self.0.take().and_then(|writing| writing.join().ok()).expect("a spill does not panic")
    }
}

impl<const N: usize> Drop for Spill<N> {
    fn drop(&mut self) {
        if let Some(writing) = self.0.take() {
            let _ = writing.join(); // the run goes away with its result
        }
    }
}
