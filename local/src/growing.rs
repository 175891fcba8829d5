//! A file that grows in place: what was synced stays, what was not may be torn.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::durable::{folder_of, sync_folder};
use crate::watch::{self, Operation};

/// A file that is appended to.
#[derive(Debug)]
pub struct Growing {
    file: File,
    place: PathBuf,
    bytes: u64,
}

impl Growing {
    /// Begins a file (mode 0600) with these bytes, durably; nothing where there is one of this name already.
    ///
    /// # Errors
    /// Of the file system.
    pub fn begin(place: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(place) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(error),
        };
        watch::done(&Operation::Created(place));
        let mut begun = Self { file, place: place.to_owned(), bytes: 0 };
        begun.append(bytes)?;
        begun.sync()?;
        sync_folder(folder_of(place))
    }

    /// Opens a file that is there, to go on after its end.
    ///
    /// # Errors
    /// Of the file system.
    pub fn open(place: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(place)?;
        let bytes = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, place: place.to_owned(), bytes })
    }

    /// Its length.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds to its end; not durable before [`Growing::sync`].
    ///
    /// # Errors
    /// Of the file system; what stands at its end is then unknown.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        watch::done(&Operation::Written(&self.place, self.bytes, bytes));
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Cuts it to this length; not durable before [`Growing::sync`].
    ///
    /// # Errors
    /// Of the file system.
    pub fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)?;
        self.bytes = self.file.seek(SeekFrom::Start(bytes))?;
        watch::done(&Operation::Cut(&self.place, bytes));
        Ok(())
    }

    /// Makes durable what it holds.
    ///
    /// # Errors
    /// Of the file system; what the disk holds is then unknown.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        watch::done(&Operation::Synced(&self.place));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_grows_from_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("log");
        Growing::begin(&place, b"begun").unwrap();
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
        Growing::begin(&place, b"not again").unwrap();
        let mut file = Growing::open(&place).unwrap();
        file.append(b", torn").unwrap();
        file.cut(5).unwrap();
        file.append(b" and").unwrap();
        drop(file);
        let mut file = Growing::open(&place).unwrap();
        assert_eq!(file.bytes(), 9);
        file.append(b" on").unwrap();
        file.sync().unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"begun and on");
    }
}
