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
    let identifiers = rows.saturating_mul(plan.columns.len().max(1) as u64);
    let new = identifiers.saturating_mul(RECORD_BYTES as u64);
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
    let rows = u128::from(metadata.len()) * rows_in(&sample) as u128 / (sample.len() as u128).max(1);
    Ok(u64::try_from(rows).unwrap_or(u64::MAX))
}

/// Rows by their ends: of lines, `\n` or on old systems `\r`; and of what stands on one line, between the brackets of two rows
/// of an SQL `INSERT` or of JSON. Where there are some of each, what there is most of counts.
fn rows_in(sample: &[u8]) -> usize {
    let ends = |end: u8| sample.iter().filter(|byte| **byte == end).count();
    let between = |closing: u8, opening: u8| {
        let mut is_closed = false;
        let mut count = 0;
        for byte in sample.iter().filter(|byte| !matches!(byte, b',' | b' ' | b'\t' | b'\r' | b'\n')) {
            count += usize::from(is_closed && *byte == opening);
            is_closed = *byte == closing;
        }
        count
    };
    [ends(b'\n'), ends(b'\r'), between(b')', b'('), between(b'}', b'{')].into_iter().max().unwrap_or(0)
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
        assert_eq!(rows(&b"3201010101900001,Ani\r".repeat(3)), 3);
        let on_one_line = |first: &str, row: &str, last: &str| [first, &row.repeat(100_000), last].concat();
        let row = "('3201010101900001', 'Ani'), ";
        let many =
            rows(on_one_line("INSERT INTO t VALUES ", row, "('3201010101900002', 'Budi');").as_bytes());
        assert!((99_000..=100_100).contains(&many), "{many}");
        let many = rows(on_one_line("[", "{\"nik\":\"3201010101900001\"},", "{}]").as_bytes());
        assert!((99_000..=100_100).contains(&many), "{many}");
        assert_eq!(rows(&[COMPRESSED[0], &[b'\n'; 1_000]].concat()), 0);
        assert_eq!(estimate_rows(Path::new("/dev/null")).unwrap(), 0);
    }
}
