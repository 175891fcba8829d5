//! A file to be shown: opened read only, its reading bounded.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use samar_local::exit::{Failure, io_failure};
use zeroize::Zeroizing;

use crate::report::{Fault, printable};

/// Bytes by which a kind is told.
const HEAD_BYTES: u64 = 64 << 10;
/// A text file of Samar is shorter.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// A file. Its length is that at opening: a log may grow meanwhile.
#[derive(Debug)]
pub struct Source {
    file: File,
    name: String,
    file_name: String,
    length: u64,
    mode: u32,
    /// The first bytes; they may be those of a secret key.
    head: Zeroizing<Vec<u8>>,
}

impl Source {
    /// Opens a regular file.
    ///
    /// # Errors
    /// [`Failure`]: not there, not a file, not to be read.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let name = printable(&path.display().to_string());
        // Asked before it is opened: opening a pipe would wait for whoever writes to it.
        let found = std::fs::metadata(path).map_err(|error| io_failure("read", path, &error))?;
        if found.is_dir() {
            let what = format!("{name} is a folder, not a file");
            return Err(Failure::input(what).remedy("name one of the files in it"));
        }
        if !found.is_file() {
            return Err(
                Failure::input(format!("{name} is not a regular file")).remedy("name a file on a disk")
            );
        }
        let file = File::open(path).map_err(|error| io_failure("read", path, &error))?;
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (length, mode) = (found.len(), found.permissions().mode());
        let mut source = Self { file, name, file_name, length, mode, head: Zeroizing::new(Vec::new()) };
        source.head = source.read(0, HEAD_BYTES)?;
        Ok(source)
    }

    /// What it is called in messages; safe to show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The last part of its path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The file itself.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its first 64 KiB, or all of it.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// At most `bytes_max` bytes from here on, fewer where the file ends before.
    ///
    /// # Errors
    /// Of the file system.
    pub fn read(&self, from: u64, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let bytes = self.length.saturating_sub(from).min(bytes_max);
        let mut out = Zeroizing::new(vec![0; usize::try_from(bytes).map_err(Failure::local)?]);
        let filled = self.fill(from, &mut out)?;
        out.truncate(filled);
        Ok(out)
    }

    /// Fills `out` from here on, as far as the file goes; bytes that came.
    ///
    /// # Errors
    /// Of the file system.
    pub fn fill(&self, from: u64, out: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while filled < out.len() {
            match self.file.read_at(&mut out[filled..], from + filled as u64) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::local(format!("cannot read {}: {error}", self.name))),
            }
        }
        Ok(filled)
    }

    /// The file as text, up to the first byte that is none, and the fault that stands there.
    ///
    /// # Errors
    /// Of the file system.
    pub fn text(&self) -> Result<(Zeroizing<String>, Option<Fault>), Failure> {
        let bytes = self.read(0, TEXT_BYTES_MAX)?;
        let too_long = (self.length > TEXT_BYTES_MAX).then(|| Fault::at(TEXT_BYTES_MAX, "it is too long"));
        Ok(match str::from_utf8(&bytes) {
            Ok(text) => (Zeroizing::new(text.to_owned()), too_long),
            Err(error) => {
                let (text, _) = bytes.split_at(error.valid_up_to());
                let fault = Fault::at(text.len() as u64, "a byte that is no text (UTF-8)");
                (Zeroizing::new(String::from_utf8_lossy(text).into_owned()), Some(fault))
            }
        })
    }

    /// The fault of a secret that others may read.
    #[must_use]
    pub fn readable_by_others(&self) -> Option<Fault> {
        (self.mode & 0o077 != 0).then(|| {
            let what = format!("it holds a secret, but others may read it (mode {:04o})", self.mode & 0o7777);
            Fault::whole(what).or_remedy(&format!("chmod 600 {}", self.name))
        })
    }

    /// Why a file of this name need not be whole.
    #[must_use]
    pub fn unfinished(&self) -> Option<&'static str> {
        if self.file_name.starts_with(".samar-unfinished-") {
            return Some("still being written, or left by a run that was killed: the next run removes it");
        }
        self.is_part().then_some("a download under way or cut short: samar sync goes on with it")
    }

    /// Whether its name is that of a download.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.file_name.ends_with(".part")
    }
}
