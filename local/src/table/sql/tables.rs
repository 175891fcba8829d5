//! Which tables a dump has, and what their columns are called.

use std::io;

use super::{Fault, Head, Sql, Token};
use crate::table::COLUMNS_MAX;

/// More tables than this are not noted.
const TABLES_MAX: usize = 10_000;
/// What a list in CREATE TABLE begins with where it is no column.
const NO_COLUMNS: [&str; 12] = [
    "PRIMARY",
    "KEY",
    "UNIQUE",
    "CONSTRAINT",
    "INDEX",
    "FULLTEXT",
    "SPATIAL",
    "FOREIGN",
    "CHECK",
    "LIKE",
    "EXCLUDE",
    "PERIOD",
];

#[derive(Default)]
pub(super) struct Tables(Vec<Known>);

struct Known {
    name: String,
    columns: Option<Vec<String>>,
    has_rows: bool,
}

impl Tables {
    fn of(&mut self, name: &str) -> Option<&mut Known> {
        if let Some(at) = self.0.iter().position(|known| known.name == name) {
            return self.0.get_mut(at);
        }
        if self.0.len() == TABLES_MAX {
            return None;
        }
        self.0.push(Known { name: name.to_owned(), columns: None, has_rows: false });
        self.0.last_mut()
    }

    pub(super) fn columns(&self, name: &str) -> Option<&[String]> {
        self.0.iter().find(|known| known.name == name)?.columns.as_deref()
    }

    pub(super) fn has_rows(&mut self, name: &str) {
        if let Some(known) = self.of(name) {
            known.has_rows = true;
        }
    }

    pub(super) fn with_rows(&self) -> Vec<String> {
        self.0.iter().filter(|known| known.has_rows).map(|known| known.name.clone()).collect()
    }
}

/// Whether `wanted` means the table: its whole name or the last part of it, in any case.
pub(super) fn means(wanted: &str, table: &str) -> bool {
    let (wanted, table) = (wanted.to_lowercase(), table.to_lowercase());
    table == wanted || table.strip_suffix(&wanted).is_some_and(|before| before.ends_with('.'))
}

impl Sql {
    /// A name, perhaps with its database and schema before it; nothing if none comes.
    pub(super) fn table_name(&mut self) -> io::Result<Option<String>> {
        let mut parts = Vec::new();
        loop {
            match self.token()? {
                Token::Word(part) | Token::Name(part) => parts.push(part),
                other => {
                    self.ahead = Some(other);
                    return Ok(None);
                }
            }
            match self.token()? {
                Token::Sign(b'.') if parts.len() < 4 => {}
                other => {
                    self.ahead = Some(other);
                    break;
                }
            }
        }
        if let ([_], Some(scope)) = (parts.as_slice(), &self.scope) {
            parts.insert(0, scope.clone());
        }
        Ok(Some(parts.join(".")))
    }

    /// `(a, b, c)`, where it comes.
    pub(super) fn column_list(&mut self) -> io::Result<Option<Vec<String>>> {
        match self.token()? {
            Token::Sign(b'(') => {}
            other => {
                self.ahead = Some(other);
                return Ok(None);
            }
        }
        let mut columns = Vec::new();
        loop {
            match self.token()? {
                Token::Word(name) | Token::Name(name) if columns.len() < COLUMNS_MAX => columns.push(name),
                Token::Sign(b')') | Token::End => return Ok((!columns.is_empty()).then_some(columns)),
                _ => {}
            }
        }
    }

    /// `CREATE [..] TABLE [IF NOT EXISTS] name (column type, .., KEY ..)`. It has no rows.
    pub(super) fn create(&mut self) -> Result<Option<Head>, Fault> {
        let mut token = self.token()?;
        for known in ["GLOBAL", "LOCAL", "TEMPORARY", "TEMP", "UNLOGGED", "FOREIGN"] {
            if token.is_word(known) {
                token = self.token()?;
            }
        }
        if !token.is_word("TABLE") {
            self.ahead = Some(token);
            return Ok(None);
        }
        token = self.token()?;
        for known in ["IF", "NOT", "EXISTS"] {
            if token.is_word(known) {
                token = self.token()?;
            }
        }
        self.ahead = Some(token);
        let Some(name) = self.table_name()? else { return Ok(None) };
        match self.token()? {
            Token::Sign(b'(') => {}
            other => {
                self.ahead = Some(other);
                return Ok(None);
            }
        }
        let mut columns = Vec::new();
        let (mut depth, mut begins) = (0u32, true);
        loop {
            match self.token()? {
                Token::Name(name) if begins && columns.len() < COLUMNS_MAX => columns.push(name),
                Token::Word(word)
                    if begins
                        && columns.len() < COLUMNS_MAX
                        && !NO_COLUMNS.iter().any(|known| word.eq_ignore_ascii_case(known)) =>
                {
                    columns.push(word);
                }
                Token::Sign(b'(') => depth += 1,
                Token::Sign(b')') if depth > 0 => depth -= 1,
                Token::Sign(b',') if depth == 0 => {
                    begins = true;
                    continue;
                }
                Token::Sign(b')' | b';') | Token::End => break,
                _ => {}
            }
            begins = false;
        }
        if let Some(known) = self.tables.of(&name).filter(|_| !columns.is_empty()) {
            known.columns = Some(columns);
        }
        Ok(None)
    }

    /// `USE database`
    pub(super) fn use_database(&mut self) -> Result<Option<Head>, Fault> {
        match self.token()? {
            Token::Word(name) | Token::Name(name) => self.scope = Some(name),
            other => self.ahead = Some(other),
        }
        Ok(None)
    }

    /// `SET search_path = schema, ..`; other settings say nothing of rows.
    pub(super) fn set(&mut self) -> Result<Option<Head>, Fault> {
        let token = self.token()?;
        if !token.is_word("search_path") {
            self.ahead = Some(token);
            return Ok(None);
        }
        let _equals = self.token()?;
        self.use_database()
    }
}
