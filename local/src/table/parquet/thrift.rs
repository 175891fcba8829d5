//! Thrift's compact encoding, as far as a footer and the header of a page must be looked at before anything is made of them.

/// Deeper than this nothing of Parquet lies.
const DEPTH_MAX: usize = 32;

pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
pub(super) const I32: u8 = 5;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

/// Why bytes cannot be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// They end too early.
    Short,
    /// They are no such encoding.
    Wrong,
}

/// A walk through bytes.
pub(super) struct Compact<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Compact<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let byte = *self.bytes.get(self.at).ok_or(Broken::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Broken::Wrong)
    }

    fn zigzag(&mut self) -> Result<i64, Broken> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A number of 32 bits.
    pub(super) fn i32(&mut self) -> Result<i32, Broken> {
        i32::try_from(self.zigzag()?).map_err(|_| Broken::Wrong)
    }

    /// The next field of a struct, by number and type; nothing at its end. `last` is the number of the one before.
    pub(super) fn field(&mut self, last: &mut i16) -> Result<Option<(i16, u8)>, Broken> {
        let byte = self.byte()?;
        let kind = byte & 0x0f;
        if kind == 0 {
            return Ok(None);
        }
        *last = match byte >> 4 {
            0 => i16::try_from(self.zigzag()?).map_err(|_| Broken::Wrong)?,
            step => last.checked_add(step.into()).ok_or(Broken::Wrong)?,
        };
        Ok(Some((*last, kind)))
    }

    /// How many elements a list has, and their type.
    pub(super) fn list(&mut self) -> Result<(u64, u8), Broken> {
        let byte = self.byte()?;
        let length = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        Ok((length, byte & 0x0f))
    }

    /// Goes past a field of this type.
    pub(super) fn skip(&mut self, kind: u8) -> Result<(), Broken> {
        self.skip_in(kind, true, 0)
    }

    fn skip_in(&mut self, kind: u8, is_field: bool, depth: usize) -> Result<(), Broken> {
        if depth > DEPTH_MAX {
            return Err(Broken::Wrong);
        }
        match kind {
            TRUE | FALSE if is_field => Ok(()), // the type is the value
            TRUE | FALSE | 3 => self.byte().map(|_| ()),
            4..=6 => self.varint().map(|_| ()),
            7 => self.take(8),
            8 => {
                let length = self.varint()?;
                self.take(length)
            }
            LIST | 10 => {
                let (length, kind) = self.list()?;
                (0..length).try_for_each(|_| self.skip_in(kind, false, depth + 1))
            }
            11 => {
                let length = self.varint()?;
                let kinds = if length == 0 { 0 } else { self.byte()? };
                (0..length).try_for_each(|_| {
                    self.skip_in(kinds >> 4, false, depth + 1)?;
                    self.skip_in(kinds & 0x0f, false, depth + 1)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_in(kind, true, depth + 1)?;
                }
                Ok(())
            }
            13 => self.take(16),
            _ => Err(Broken::Wrong),
        }
    }

    fn take(&mut self, length: u64) -> Result<(), Broken> {
        let length = usize::try_from(length).map_err(|_| Broken::Wrong)?;
        let end = self.at.checked_add(length).ok_or(Broken::Wrong)?;
        if end > self.bytes.len() {
            return Err(Broken::Short);
        }
        self.at = end;
        Ok(())
    }
}
