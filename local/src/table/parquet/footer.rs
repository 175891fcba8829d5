//! The end of a Parquet file, which says what stands where. It is looked through for shapes that cannot be held before it is
//! made into anything.

use std::io::Read as _;

use parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
};

use super::super::COLUMNS_MAX;
use super::super::input::Shared;
use super::thrift::{Broken, Compact, I32, LIST, STRUCT};

/// A thousand row groups of thirty columns come to 5 MB.
const FOOTER_BYTES_MAX: u64 = 32 << 20;
/// How deep groups lie in groups.
const LEVELS_MAX: usize = 64;
/// The length of the footer and the file's last four bytes.
const TAIL_BYTES: usize = 8;

const CUT: &str = "its directory stands at its end, so a file that was cut or is still being written has none; copy it again";
const EXPORT: &str = "export it again, or as CSV";

/// Why there is no footer to go by, and what to do about it.
pub(super) type Refused = (String, &'static str);

/// Reads it.
pub(super) fn read(file: &Shared) -> Result<ParquetMetaData, Refused> {
    let failed = |error: std::io::Error| (error.to_string(), EXPORT);
    let length = file.length;
    let Some(end) = length.checked_sub(TAIL_BYTES as u64).filter(|end| *end >= 4) else {
        return Err((format!("it has only {length} bytes"), CUT));
    };
    let mut tail = [0; TAIL_BYTES];
    file.section(end, length).read_exact(&mut tail).map_err(failed)?;
    let [a, b, c, d, magic @ ..] = tail;
    match &magic {
        b"PAR1" => {}
        b"PARE" => return Err(("it is encrypted".to_owned(), "decrypt it first")),
        _ => return Err(("it does not end as such a file does".to_owned(), CUT)),
    }
    let bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
    if bytes > end {
        return Err((format!("its directory would have {bytes} bytes"), CUT));
    }
    if bytes > FOOTER_BYTES_MAX {
        return Err((format!("its directory has more than {} MiB", FOOTER_BYTES_MAX >> 20), EXPORT));
    }
    let mut footer = Vec::new();
    file.section(end - bytes, end).read_to_end(&mut footer).map_err(failed)?;
    check_shape(&footer).map_err(|what| (what.to_owned(), EXPORT))?;
    let options = ParquetMetaDataOptions::new()
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    ParquetMetaDataReader::decode_metadata_with_options(&footer, Some(&options))
        .map_err(|error| (super::said(&error), EXPORT))
}

/// The schema is a tree in a list, and is made into one by going down as deep as it says.
fn check_shape(footer: &[u8]) -> Result<(), &'static str> {
    let broken = |_: Broken| "its directory is damaged";
    let mut walk = Compact::new(footer);
    let mut last = 0;
    while let Some((field, kind)) = walk.field(&mut last).map_err(broken)? {
        if (field, kind) != (2, LIST) {
            walk.skip(kind).map_err(broken)?;
            continue;
        }
        let (elements, kind) = walk.list().map_err(broken)?;
        if kind != STRUCT {
            return Err("its directory is damaged");
        }
        if elements > 4 * COLUMNS_MAX as u64 {
            return Err("it has too many columns");
        }
        // For each open group, how many elements are still to come in it.
        let mut open: Vec<u64> = vec![1];
        for _ in 0..elements {
            let children = children(&mut walk).map_err(broken)?;
            if let Some(left) = open.last_mut() {
                *left = left.saturating_sub(1);
            }
            open.push(children);
            while open.last() == Some(&0) {
                open.pop();
            }
            if open.len() > LEVELS_MAX {
                return Err("its columns lie too deep in one another");
            }
        }
    }
    Ok(())
}

fn children(walk: &mut Compact<'_>) -> Result<u64, Broken> {
    let (mut last, mut children) = (0, 0);
    while let Some((field, kind)) = walk.field(&mut last)? {
        if (field, kind) == (5, I32) {
            children = u64::try_from(walk.i32()?).map_err(|_| Broken::Wrong)?;
        } else {
            walk.skip(kind)?;
        }
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    use super::check_shape;

    /// A schema of groups in one another: field 2, a list of structs, each with one child and no more.
    fn nested(depth: u8) -> Vec<u8> {
        let mut bytes = vec![0x29, 0xfc, depth];
        for _ in 0..depth {
            bytes.extend([0x55, 2, 0]); // field 5, i32, 1
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_schema_that_lies_too_deep_is_refused() {
        assert_eq!(check_shape(&nested(40)), Ok(()));
        assert_eq!(check_shape(&nested(100)), Err("its columns lie too deep in one another"));
        let mut cut = nested(40);
        cut.truncate(20);
        assert_eq!(check_shape(&cut), Err("its directory is damaged"));
    }
}
