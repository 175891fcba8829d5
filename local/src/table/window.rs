//! A window on a stream of text, for forms that are read token by token or object by object.

use std::io::{self, Read};

use super::source::Source;

/// First size of the buffer, and so of reads.
const READ_BYTES: usize = 256 << 10;

pub(super) struct Window {
    reader: Source,
    /// The window is `buffer[start..end]`: read and not yet used.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    /// Number of the line at `start`, from 1.
    line: u64,
}

impl Window {
    pub(super) fn new(reader: Source) -> Self {
        Self { reader, buffer: vec![0; READ_BYTES], start: 0, end: 0, ended: false, line: 1 }
    }

    /// The line that comes next, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// What has been read and not yet used.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The next byte; nothing at the end.
    #[inline]
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.start == self.end && !self.more()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.start]))
    }

    /// Takes the byte that was peeked at.
    #[inline]
    pub(super) fn bump(&mut self) {
        self.line += u64::from(self.buffer[self.start] == b'\n');
        self.start += 1;
    }

    /// Takes so many bytes of the window.
    pub(super) fn consume(&mut self, bytes: usize) {
        let taken = &self.buffer[self.start..self.start + bytes];
        self.line += memchr::memchr_iter(b'\n', taken).count() as u64;
        self.start += bytes;
    }

    /// Makes the window longer; false at the end. Who asks bounds it.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        let read = loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += read;
        self.ended = read == 0;
        Ok(!self.ended)
    }

    /// Takes what comes up to and with the end of the line.
    pub(super) fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', self.rest()) {
                self.consume(at + 1);
                return Ok(());
            }
            self.consume(self.rest().len());
            if !self.more()? {
                return Ok(());
            }
        }
    }
}
