//! Bytes read as instructions. What is not there any more is zero, so that every input means something and a shorter one
//! means nearly the same: that is what a minimiser needs.

pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn array<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut array = [0; BYTES];
        let taken = self.take(BYTES);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// So many bytes, fewer only at the end.
    pub(crate) fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes behind a length of two bytes.
    pub(crate) fn counted(&mut self) -> &'a [u8] {
        let bytes = self.u16();
        self.take(bytes.into())
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    /// Changes `bytes` at places of its own choosing; true if they are others than before.
    pub(crate) fn patch(&mut self, bytes: &mut [u8], patches_max: usize) -> bool {
        let before = bytes.to_vec();
        for _ in 0..patches_max {
            if self.is_over() || bytes.is_empty() {
                break;
            }
            let at = usize::from(self.u16()) % bytes.len();
            bytes[at] ^= self.byte();
        }
        before != bytes
    }
}
