//! How much disk an ingest needs, as far as it can be told before: a file's rows are counted from the length of its first
//! ones. Of a pipe or a compressed file nothing is known, and nothing is refused.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use samar_local::exit::{Failure, io_failure};
use samar_local::space::{self, Need};

use super::{Plan, Source};
use crate::layout::Layout;
use crate::vault::file::RECORD_BYTES;

/// What is looked at of a file.
const SAMPLE_BYTES: u64 = 64 << 10;
/// How files begin of which the length says nothing: gzip, zstd, zip and xlsx, Parquet.
const COMPRESSED: [&[u8]; 4] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd], b"PK\x03\x04", b"PAR1"];

/// Refuses an ingest that the disk has no room for.
pub(super) fn require(layout: &Layout, plan: &Plan) -> Result<(), Failure> {
    let mut rows = 0u64;
    for source in &plan.sources {
        if let Source::File(path) = source {
            let in_file = estimate_rows(path).map_err(|error| io_failure("read", path, &error))?;
            rows = rows.saturating_add(in_file);
        }
    }
    let new = rows.saturating_mul(RECORD_BYTES as u64);
    let sorting = if new > plan.memory_bytes as u64 { new } else { 0 };
    let folder = layout.vault();
    space::require(&[
        Need { what: "sorting", folder: &folder, bytes: sorting },
        Need { what: "the new vault file", folder: &folder, bytes: new },
    ])
}

fn estimate_rows(path: &Path) -> io::Result<u64> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Ok(0);
    }
    let mut sample = Vec::new();
    File::open(path)?.take(SAMPLE_BYTES).read_to_end(&mut sample)?;
    if COMPRESSED.iter().any(|magic| sample.starts_with(magic)) {
        return Ok(0);
    }
    let lines = sample.iter().filter(|byte| **byte == b'\n').count() as u128;
    let rows = u128::from(metadata.len()) * lines / (sample.len() as u128).max(1);
    Ok(u64::try_from(rows).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_the_first_ones_and_not_of_what_is_compressed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.csv");
        let rows = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            estimate_rows(&path).unwrap()
        };
        assert_eq!(rows(b""), 0);
        assert_eq!(rows(&b"3201010101900001,Ani\n".repeat(3)), 3);
        let many = rows(&b"3201010101900001,Ani\n".repeat(100_000));
        assert!((99_900..=100_000).contains(&many), "{many}");
        assert_eq!(rows(&[COMPRESSED[0], &[b'\n'; 1_000]].concat()), 0);
        assert_eq!(estimate_rows(Path::new("/dev/null")).unwrap(), 0);
    }
}
