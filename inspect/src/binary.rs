//! Binary structures read field by field, so that what stands before a fault is shown and the fault has a place. The strict
//! decoders of `protocol` read whole structures or nothing; they have the last word on what is shown here.

use crate::report::Fault;

/// What is left of a structure.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    at: u64,
}

impl<'a> Fields<'a> {
    /// A structure that begins at byte `at` of its file.
    #[must_use]
    pub fn new(bytes: &'a [u8], at: u64) -> Self {
        Self { rest: bytes, at }
    }

    /// Where the next field begins.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Bytes not yet read.
    #[must_use]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next bytes.
    ///
    /// # Errors
    /// [`Fault`] at the field, if the structure ends before.
    pub fn take(&mut self, name: &str, bytes: usize) -> Result<&'a [u8], Fault> {
        let Some((taken, rest)) = self.rest.split_at_checked(bytes) else {
            let what = format!("{name} should have {bytes} bytes, but {} are left", self.rest.len());
            return Err(Fault::at(self.at, what));
        };
        self.rest = rest;
        self.at += bytes as u64;
        Ok(taken)
    }

    /// A field of fixed length.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn array<const BYTES: usize>(&mut self, name: &str) -> Result<[u8; BYTES], Fault> {
        let mut out = [0; BYTES];
        out.copy_from_slice(self.take(name, BYTES)?);
        Ok(out)
    }

    /// A number of one byte.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn u8(&mut self, name: &str) -> Result<u8, Fault> {
        self.array(name).map(u8::from_le_bytes)
    }

    /// A number of two bytes.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn u16(&mut self, name: &str) -> Result<u16, Fault> {
        self.array(name).map(u16::from_le_bytes)
    }

    /// A number of four bytes.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn u32(&mut self, name: &str) -> Result<u32, Fault> {
        self.array(name).map(u32::from_le_bytes)
    }

    /// A number of eight bytes.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn u64(&mut self, name: &str) -> Result<u64, Fault> {
        self.array(name).map(u64::from_le_bytes)
    }

    /// A string of a control structure: its length (u64), then UTF-8.
    ///
    /// # Errors
    /// As [`Fields::take`], or bytes that are no text.
    pub fn string(&mut self, name: &str) -> Result<String, Fault> {
        let at = self.at;
        let length = usize::try_from(self.u64(name)?).unwrap_or(usize::MAX);
        let text = self.take(name, length).map_err(|fault| Fault { at: Some(at), ..fault })?;
        let text = str::from_utf8(text).map_err(|_| Fault::at(at, format!("{name} is no text (UTF-8)")))?;
        Ok(text.to_owned())
    }

    /// A list of strings of a control structure.
    ///
    /// # Errors
    /// As [`Fields::string`].
    pub fn strings(&mut self, name: &str) -> Result<Vec<String>, Fault> {
        // Nothing is allocated by this number: each string takes bytes that are there.
        (0..self.u64(name)?).map(|_| self.string(name)).collect()
    }

    /// Magic and version that open a file, given together as they stand. A letter that was changed hides nothing of what
    /// follows: its fault is given back, to be kept while reading goes on.
    ///
    /// # Errors
    /// [`Fault`]: cut short, or another version, of which nothing more can be read.
    pub fn magic(&mut self, expected: &[u8; 10]) -> Result<Option<Fault>, Fault> {
        let start = self.at;
        let found: [u8; 10] = self.array("the file's magic and version")?;
        if found[8..] != expected[8..] {
            let version = u16::from_le_bytes([found[8], found[9]]);
            let fault =
                Fault::at(start + 8, format!("version {version}, where this program knows version 1"));
            return Err(fault.or_remedy("update Samar, or restore the file from its backup"));
        }
        let changed = expected.iter().zip(found).position(|(a, b)| *a != b);
        Ok(changed.map(|at| Fault::at(start + at as u64, "the first bytes do not name this kind of file")))
    }
}
