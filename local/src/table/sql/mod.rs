//! Dumps in SQL: the rows of one table, statement by statement, whatever stands between them.
//!
//! ```text
//! INSERT INTO users (nik, nama) VALUES (..),(..);     value: a row is a list of values, wherever its line ends
//! COPY public.users (nik, nama) FROM stdin;           copy:  a row is a line, up to `\.`
//! ```
//!
//! Names of columns come from the statement's own list, else from the CREATE TABLE before it. Nothing is held but the row
//! that is read, so that a dump may be one line of any length. A backslash in a string escapes in MySQL's dumps and means
//! nothing in others, which the head of the dump tells.

mod copy;
mod lexer;
mod tables;
mod value;

use super::error::TableKind;
use super::form::Unit;
use super::source::Source;
use super::window::Window;
use super::{Fault, Row, TableError};
use lexer::Token;
use tables::Tables;

/// What dumps say that do not escape by backslash.
const PLAIN_STRINGS: [&[u8]; 6] = [
    b"PostgreSQL database",
    b"standard_conforming_strings = on",
    b"PRAGMA foreign_keys",
    b"SET IDENTITY_INSERT",
    b"SET ANSI_NULLS",
    b"INSERT [",
];

pub(super) struct Sql {
    window: Window,
    /// What messages call the file.
    name: String,
    wanted: Option<String>,
    /// Whether a backslash escapes in a string.
    backslashes: bool,
    /// A token that was read and belongs to what comes next.
    ahead: Option<Token>,
    /// The database or schema that unqualified names belong to, once the dump has named one.
    scope: Option<String>,
    tables: Tables,
    chosen: Option<Chosen>,
    state: State,
    rows: u64,
    spare: Row,
}

/// The table that is read.
struct Chosen {
    name: String,
    columns: Option<Vec<String>>,
}

enum State {
    Between,
    /// In the rows of an INSERT, or the lines of a COPY; `order` says where its cells belong if not one after the other.
    Rows {
        copy: bool,
        order: Option<Vec<usize>>,
    },
    Ended,
}

/// The head of a statement that has rows.
struct Head {
    table: String,
    columns: Option<Vec<String>>,
    copy: bool,
}

impl Sql {
    /// Goes to the first row of the only table that has any, or of the one that is `wanted`.
    pub(super) fn open(reader: Source, name: &str, head: &[u8], wanted: Option<&str>) -> Result<Self, Fault> {
        let says = |sign: &&[u8]| memchr::memmem::find(head, sign).is_some();
        let mut sql = Self {
            window: Window::new(reader),
            name: name.to_owned(),
            wanted: wanted.map(str::to_owned),
            backslashes: !PLAIN_STRINGS.iter().any(says),
            ahead: None,
            scope: None,
            tables: Tables::default(),
            chosen: None,
            state: State::Between,
            rows: 0,
            spare: Row::new(),
        };
        if !sql.next_statement()? {
            let (kind, tables, name) = (TableKind::Table, sql.tables.with_rows(), sql.name);
            return Err(Fault::Table(match sql.wanted {
                Some(wanted) => TableError::NoSuchTable { name, kind, wanted, tables },
                None => TableError::Form {
                    name,
                    form: "an SQL dump",
                    reason: "no INSERT and no COPY in it has rows".to_owned(),
                    remedy: "dump the data too, not the schema alone",
                },
            }));
        }
        Ok(sql)
    }

    /// The names of the columns, where the dump has them.
    pub(super) fn columns(&self) -> Option<&[String]> {
        self.chosen.as_ref()?.columns.as_deref()
    }

    /// The table that is read.
    pub(super) fn table(&self) -> &str {
        self.chosen.as_ref().map_or("", |chosen| &chosen.name)
    }

    pub(super) fn unit(&self) -> Unit {
        Unit::Row
    }

    /// The last line that was begun.
    pub(super) fn line(&self) -> u64 {
        self.window.line()
    }

    /// Reads the table's next row; false at the end. Rows are numbered from 1.
    pub(super) fn next_row(&mut self, row: &mut Row) -> Result<bool, Fault> {
        loop {
            let found = match &self.state {
                State::Ended => return Ok(false),
                State::Between => {
                    if !self.next_statement()? {
                        self.state = State::Ended;
                    }
                    continue;
                }
                State::Rows { copy: true, .. } => self.copied(row)?,
                State::Rows { copy: false, .. } => self.inserted(row)?,
            };
            if !found {
                self.state = State::Between;
                continue;
            }
            if let State::Rows { order: Some(order), .. } = &self.state
                && row.rejection().is_none()
            {
                row.rearrange(order, &mut self.spare);
            }
            return Ok(true);
        }
    }

    /// A new row, so far without cells.
    fn begin(&mut self, row: &mut Row) {
        self.rows += 1;
        row.clear(self.rows);
    }

    /// Goes to the rows of the next statement that has any of the table that is read; false at the end.
    fn next_statement(&mut self) -> Result<bool, Fault> {
        while let Some(head) = self.next_head()? {
            let columns = head.columns.or_else(|| self.tables.columns(&head.table).map(<[String]>::to_vec));
            if self.is_to_be_read(&head.table)? {
                let first = || Chosen { name: head.table, columns: columns.clone() };
                let chosen = self.chosen.get_or_insert_with(first);
                let order = chosen.order(columns.as_deref());
                self.state = State::Rows { copy: head.copy, order };
                return Ok(true);
            }
            self.tables.has_rows(&head.table);
            if head.copy { self.skip_copy()? } else { self.skip_statement()? }
        }
        Ok(false)
    }

    fn is_to_be_read(&self, table: &str) -> Result<bool, TableError> {
        let wanted = self.wanted.as_deref();
        if wanted.is_some_and(|wanted| !tables::means(wanted, table)) {
            return Ok(false);
        }
        let Some(chosen) = self.chosen.as_ref().filter(|chosen| chosen.name != table) else {
            return Ok(true);
        };
        let (name, kind) = (self.name.clone(), TableKind::Table);
        let tables = vec![chosen.name.clone(), table.to_owned()];
        match wanted {
            // The whole name of the one that is read.
            Some(wanted) if wanted == chosen.name => Ok(false),
            Some(wanted) => Err(TableError::AmbiguousTable { name, kind, wanted: wanted.to_owned(), tables }),
            None => Err(TableError::SeveralTables { name, kind, tables }),
        }
    }

    /// The next statement that has rows, of whichever table; what says how to read it is noted on the way.
    fn next_head(&mut self) -> Result<Option<Head>, Fault> {
        loop {
            let word = match self.token()? {
                Token::End => return Ok(None),
                Token::Sign(b';') => continue,
                Token::Sign(b'\\') => {
                    self.window.skip_line()?; // a command to psql
                    continue;
                }
                Token::Word(word) => word.to_ascii_uppercase(),
                _ => {
                    self.skip_statement()?;
                    continue;
                }
            };
            let head = match word.as_str() {
                "INSERT" | "REPLACE" => self.insert_head()?,
                "COPY" => self.copy_head()?,
                "GO" => continue, // ends a batch of SQL Server's, alone on its line
                "DELIMITER" => {
                    self.skip_procedures()?;
                    continue;
                }
                "CREATE" => self.create()?,
                "USE" => self.use_database()?,
                "SET" => self.set()?,
                _ => None,
            };
            match head {
                Some(head) => return Ok(Some(head)),
                None => self.skip_statement()?,
            }
        }
    }

    /// `INSERT [IGNORE] [INTO] table [(columns)] VALUES`; nothing if no rows follow.
    fn insert_head(&mut self) -> Result<Option<Head>, Fault> {
        let mut token = self.token()?;
        while let Token::Word(word) = &token
            && ["INTO", "IGNORE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "OR", "REPLACE"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known))
        {
            token = self.token()?;
        }
        self.ahead = Some(token);
        let Some(table) = self.table_name()? else { return Ok(None) };
        let columns = self.column_list()?;
        loop {
            match self.token()? {
                Token::Word(word)
                    if word.eq_ignore_ascii_case("VALUES") || word.eq_ignore_ascii_case("VALUE") =>
                {
                    return Ok(Some(Head { table, columns, copy: false }));
                }
                // OVERRIDING SYSTEM VALUE, of PostgreSQL.
                Token::Word(word)
                    if !word.eq_ignore_ascii_case("SELECT") && !word.eq_ignore_ascii_case("SET") => {}
                token => {
                    self.ahead = Some(token);
                    return Ok(None);
                }
            }
        }
    }

    /// `COPY table [(columns)] FROM stdin;`
    fn copy_head(&mut self) -> Result<Option<Head>, Fault> {
        let Some(table) = self.table_name()? else { return Ok(None) };
        let columns = self.column_list()?;
        let (from, stdin) = (self.token()?, self.token()?);
        if !from.is_word("FROM") || !stdin.is_word("STDIN") {
            self.ahead = Some(stdin);
            return Ok(None);
        }
        match self.token()? {
            Token::Sign(b';') => {}
            _ => {
                return Err(Fault::Table(TableError::Form {
                    name: self.name.clone(),
                    form: "an SQL dump",
                    reason: format!("the COPY of {table} on line {} has options", self.window.line()),
                    remedy: "dump it with pg_dump, whose COPY has none, or export the table as CSV",
                }));
            }
        }
        self.window.skip_line()?;
        Ok(Some(Head { table, columns, copy: true }))
    }
}

impl Chosen {
    /// Where a statement's cells belong; nothing if they stand as the table's columns do. A column that the table's
    /// first statement did not have comes behind all others.
    fn order(&self, columns: Option<&[String]>) -> Option<Vec<usize>> {
        let (Some(own), Some(columns)) = (self.columns.as_deref(), columns) else { return None };
        if own == columns {
            return None;
        }
        let mut beyond = own.len()..;
        let place = |column| own.iter().position(|own| own == column).or_else(|| beyond.next());
        columns.iter().map(place).collect()
    }
}
