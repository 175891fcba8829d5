//! A range of a file, as it is sent.

use std::fs::File;
use std::io::{Error, ErrorKind};

use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread};

/// `length` bytes from `offset` on, read into memory that was not cleared before: half of a download's bytes would else be
/// written twice.
///
/// # Errors
/// The file cannot be read, or ends before.
pub(super) fn read_range(file: &File, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    let length = length as usize;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let at = offset + bytes.len() as u64;
        match pread(file, spare_capacity(&mut bytes), at) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(length); // a vector may have more room than was asked for
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_range_is_read_whole_or_not_at_all() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        file.write_all(&content).unwrap();

        assert_eq!(read_range(&file, 7, 300_001).unwrap(), content[7..300_008]);
        assert_eq!(read_range(&file, 399_999, 1).unwrap(), content[399_999..]);
        assert!(read_range(&file, 0, 0).unwrap().is_empty());
        for (offset, length) in [(0, 400_001), (400_000, 1), (1 << 40, 1), (399_990, 11)] {
            let error = read_range(&file, offset, length).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{length} from {offset}");
        }
    }
}
