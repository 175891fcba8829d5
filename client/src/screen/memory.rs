//! How `--memory` is shared out.
//!
//! Most of it is four shares of equal size, of which each step uses some, so that their sum is never passed:
//!
//! | Step | First | Second | Third | Fourth |
//! | --- | --- | --- | --- | --- |
//! | survey | places | | | |
//! | what is unknown | places | | rows to evaluate | blocks of the ledger |
//! | evaluate | places | | rows to evaluate | |
//! | settle | places | | | evaluations to sort, or blocks to merge |
//! | match | places | matches by row | elements and tags | blocks of the ledger |
//! | report | places | matches by row | | |
//!
//! Besides, a bit for each customer of the ledger: whether it was met.

use samar_local::exit::Failure;
use samar_protocol::manifest::{Manifest, SegmentRef};

/// What a run needs whatever it screens: the program itself, batches under way, buffers, and what the allocator keeps.
const FIXED_BYTES: u64 = 80 << 20;
/// Below this, sorting would spend its time on tiny runs.
const SHARE_BYTES_MIN: u64 = 1 << 20;
const SHARES: u64 = 4;
/// Of a directory in memory, for each page: its hash and its first bucket.
const PAGE_MEMORY_BYTES: u64 = 36;
/// The number of a row's cell has five bytes in what is sorted.
const SLOTS_MAX: u64 = 1 << 40;

/// What a run may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    share_bytes: u64,
    /// What the rest needs, the shares apart.
    other_bytes: u64,
}

impl Memory {
    /// Shares out `memory_bytes` for screening against the set of this manifest.
    ///
    /// # Errors
    /// Less than works, with the least that does.
    pub(super) fn share_out(memory_bytes: u64, manifest: &Manifest) -> Result<Self, Failure> {
        let directory = |segment: &SegmentRef| {
            (segment.file_bytes / u64::from(segment.page_bytes.max(1))).saturating_mul(PAGE_MEMORY_BYTES)
        };
        let directories = || manifest.breaches.iter().flat_map(|breach| &breach.segments).map(directory);
        // The largest stands there twice while it is read.
        let directories =
            directories().fold(directories().max().unwrap_or(0), |sum, bytes| sum.saturating_add(bytes));
        let other_bytes = FIXED_BYTES.saturating_add(directories);
        let share_bytes = memory_bytes.saturating_sub(other_bytes) / SHARES;
        if share_bytes < SHARE_BYTES_MIN {
            return Err(too_little(memory_bytes, "this set", other_bytes, SHARE_BYTES_MIN));
        }
        Ok(Self { share_bytes, other_bytes })
    }

    /// Shares of this size, however small.
    #[cfg(test)]
    pub(super) fn of_share(share_bytes: u64) -> Self {
        Self { share_bytes, other_bytes: 0 }
    }

    /// Bytes of a share.
    pub(super) fn share(&self) -> usize {
        usize::try_from(self.share_bytes).unwrap_or(usize::MAX)
    }

    /// Refuses a file of more rows, times its columns of identifiers, than one share can count with a bit each.
    pub(super) fn check_slots(&self, slots: u64) -> Result<(), Failure> {
        if slots >= SLOTS_MAX {
            return Err(Failure::input(format!("more than {} identifiers: split the file", SLOTS_MAX - 1)));
        }
        let needed = slots.div_ceil(64) * 8;
        if needed > self.share_bytes {
            let allowed = self.other_bytes.saturating_add(self.share_bytes * SHARES);
            return Err(too_little(allowed, "so many rows", self.other_bytes, needed));
        }
        Ok(())
    }
}

fn too_little(allowed: u64, what: &str, other_bytes: u64, share_bytes: u64) -> Failure {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let least = mib(other_bytes.saturating_add(share_bytes.saturating_mul(SHARES)));
    Failure::input(format!("{} MiB of memory are too little for {what}", allowed >> 20))
        .remedy(format!("allow at least --memory {least}MiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_memory_cannot_count_is_refused_with_what_can() {
        let memory = Memory { share_bytes: 1 << 20, other_bytes: 50 << 20 };
        memory.check_slots(8 << 20).unwrap();
        let refused = memory.check_slots(80 << 20).unwrap_err();
        assert!(refused.to_string().starts_with("54 MiB of memory are too little"), "{refused}");
        let enough = Memory { share_bytes: 10 << 20, other_bytes: 50 << 20 };
        enough.check_slots(80 << 20).unwrap();
        Memory::of_share(u64::MAX / SHARES).check_slots(SLOTS_MAX).unwrap_err();
    }
}
