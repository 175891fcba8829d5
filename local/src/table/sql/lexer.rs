//! What statements are made of, and passing over those that hold no rows.

use std::io;

use memchr::{memchr, memchr2, memmem};

use super::Sql;

/// Longer names are cut; no database has them.
const NAME_BYTES_MAX: usize = 256;

#[derive(Debug)]
pub(super) enum Token {
    /// A word, a number or an unquoted name.
    Word(String),
    /// A quoted name.
    Name(String),
    /// A string, which says nothing outside rows.
    Text,
    Sign(u8),
    End,
}

impl Token {
    pub(super) fn is_word(&self, wanted: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(wanted))
    }
}

impl Sql {
    pub(super) fn token(&mut self) -> io::Result<Token> {
        if let Some(token) = self.ahead.take() {
            return Ok(token);
        }
        self.space()?;
        let Some(first) = self.window.peek()? else { return Ok(Token::End) };
        match first {
            b'`' | b'"' | b'[' => {
                self.window.bump();
                Ok(Token::Name(self.quoted_name(if first == b'[' { b']' } else { first })?))
            }
            b'\'' => {
                self.window.bump();
                self.skip_string(b'\'')?;
                Ok(Token::Text)
            }
            _ if is_in_word(first) => Ok(Token::Word(self.word()?)),
            sign => {
                self.window.bump();
                Ok(Token::Sign(sign))
            }
        }
    }

    /// The letters, digits and such that come next.
    pub(super) fn word(&mut self) -> io::Result<String> {
        let mut word = Vec::new();
        while let Some(byte) = self.window.peek()?.filter(|byte| is_in_word(*byte)) {
            if word.len() < NAME_BYTES_MAX {
                word.push(byte);
            }
            self.window.bump();
        }
        Ok(String::from_utf8_lossy(&word).into_owned())
    }

    fn quoted_name(&mut self, quote: u8) -> io::Result<String> {
        let mut name = Vec::new();
        while let Some(byte) = self.window.peek()? {
            self.window.bump();
            if byte == quote {
                if self.window.peek()? != Some(quote) {
                    break;
                }
                self.window.bump();
            }
            if name.len() < NAME_BYTES_MAX {
                name.push(byte);
            }
        }
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    /// Passes over white space and comments.
    pub(super) fn space(&mut self) -> io::Result<()> {
        while let Some(byte) = self.window.peek()? {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => self.window.bump(),
                b'#' => self.window.skip_line()?,
                b'-' | b'/' => {
                    if !self.comment()? {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Passes over a comment, if one begins here. One that MySQL would execute (`/*!40101 SET ..*/`) has no rows in it.
    fn comment(&mut self) -> io::Result<bool> {
        while self.window.rest().len() < 2 && self.window.more()? {}
        match self.window.rest() {
            [b'-', b'-', ..] => self.window.skip_line()?,
            [b'/', b'*', ..] => {
                self.window.consume(2);
                self.skip_past(b"*/")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Passes over the rest of a string, its closing quote with it.
    pub(super) fn skip_string(&mut self, quote: u8) -> io::Result<()> {
        let escape = if self.backslashes { b'\\' } else { quote };
        loop {
            let rest = self.window.rest();
            let Some(at) = memchr2(quote, escape, rest) else {
                self.window.consume(rest.len());
                if !self.window.more()? {
                    return Ok(());
                }
                continue;
            };
            let found = rest[at];
            self.window.consume(at + 1);
            if found == quote && self.window.peek()? != Some(quote) {
                return Ok(());
            }
            if self.window.peek()?.is_some() {
                self.window.bump(); // what the backslash escapes, or the second of two quotes
            }
        }
    }

    /// Passes over the rest of a statement and the `;` at its end.
    pub(super) fn skip_statement(&mut self) -> io::Result<()> {
        if matches!(self.ahead.take(), Some(Token::Sign(b';') | Token::End)) {
            return Ok(());
        }
        loop {
            let rest = self.window.rest();
            let special = |byte: &u8| matches!(byte, b';' | b'\n' | b'\'' | b'"' | b'`' | b'-' | b'/' | b'$');
            let Some(at) = rest.iter().position(special) else {
                self.window.consume(rest.len());
                if !self.window.more()? {
                    return Ok(());
                }
                continue;
            };
            let found = rest[at];
            self.window.consume(at);
            match found {
                b'-' | b'/' => {
                    if !self.comment()? {
                        self.window.bump();
                    }
                }
                b'$' => self.dollar()?,
                b'\n' => {
                    self.window.bump();
                    if self.is_go()? {
                        return Ok(());
                    }
                }
                b';' => {
                    self.window.bump();
                    return Ok(());
                }
                quote => {
                    self.window.bump();
                    self.skip_string(quote)?;
                }
            }
        }
    }

    /// Whether the line is `GO`, which ends statements of SQL Server's that have no `;`.
    fn is_go(&mut self) -> io::Result<bool> {
        while self.window.rest().len() < 3 && self.window.more()? {}
        Ok(matches!(
            self.window.rest(),
            [b'G' | b'g', b'O' | b'o'] | [b'G' | b'g', b'O' | b'o', b'\r' | b'\n', ..]
        ))
    }

    /// Passes over `$tag$ .. $tag$`, PostgreSQL's way to quote a function's body.
    fn dollar(&mut self) -> io::Result<()> {
        let mut tag = vec![b'$'];
        self.window.bump();
        while let Some(byte) = self.window.peek()? {
            if !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'$') || tag.len() > NAME_BYTES_MAX {
                return Ok(()); // a lone sign
            }
            self.window.bump();
            tag.push(byte);
            if byte == b'$' {
                return self.skip_past(&tag);
            }
        }
        Ok(())
    }

    /// `DELIMITER ;;` and what follows up to `DELIMITER ;`: procedures and triggers, whose statements are not of the dump.
    pub(super) fn skip_procedures(&mut self) -> io::Result<()> {
        while self.window.peek()?.is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            self.window.bump();
        }
        while memchr(b'\n', self.window.rest()).is_none()
            && self.window.rest().len() < 64
            && self.window.more()?
        {}
        let line = self.window.rest().split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.trim_ascii() == b";" { self.window.skip_line() } else { self.skip_past(b"DELIMITER ;\n") }
    }

    /// Passes over what comes up to and with these bytes.
    fn skip_past(&mut self, end: &[u8]) -> io::Result<()> {
        loop {
            let rest = self.window.rest();
            if let Some(at) = memmem::find(rest, end) {
                self.window.consume(at + end.len());
                return Ok(());
            }
            // What ends the window may be the beginning of what is looked for.
            self.window.consume(rest.len().saturating_sub(end.len() - 1));
            if !self.window.more()? {
                self.window.consume(self.window.rest().len());
                return Ok(());
            }
        }
    }
}

fn is_in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'@') || byte >= 0x80
}
