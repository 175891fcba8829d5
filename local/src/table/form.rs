//! The forms that tables come in, and telling one from another by how the text begins.

use super::sniff;

/// How rows are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Delimited text: CSV, TSV, `;`, `|`.
    Csv,
    /// A dump in SQL: `INSERT` of MySQL, MariaDB, phpMyAdmin, SQLite, PostgreSQL and SQL Server, `COPY` of pg_dump.
    Sql,
    /// A JSON object a line.
    Jsonl,
    /// JSON objects in an array, or one after the other over several lines.
    Json,
    /// A sheet of an Excel workbook.
    Xlsx,
    /// Apache Parquet.
    Parquet,
}

/// What [`Row::line`](super::Row::line) counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Physical lines of the text.
    Line,
    /// Rows, of a table in a dump or an array, which need not stand on lines.
    Row,
}

impl Unit {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Row => "row",
        }
    }
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 6] = [Self::Csv, Self::Sql, Self::Jsonl, Self::Json, Self::Xlsx, Self::Parquet];
    /// Names as they are given on a command line; `auto` is told from the file.
    pub const NAMES: [&str; 7] = ["auto", "csv", "sql", "jsonl", "json", "xlsx", "parquet"];

    /// The name on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Sql => "sql",
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Parquet => "parquet",
        }
    }

    /// The form of this name; nothing for `auto` or another word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Csv => "delimited text",
            Self::Sql => "an SQL dump",
            Self::Jsonl => "JSON lines",
            Self::Json => "JSON",
            Self::Xlsx => "an Excel workbook",
            Self::Parquet => "Parquet",
        }
    }
}

/// The form of a text and what gives it away. `head` is its beginning, all of it if `whole`.
pub(super) fn of_text(head: &[u8], whole: bool) -> (Form, &'static str) {
    let start = head.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(head.len());
    let text = &head[start..];
    let next = |from: usize| text.get(from..).and_then(|rest| rest.iter().find(|b| !b.is_ascii_whitespace()));
    match text.first() {
        Some(b'{') if matches!(next(1), Some(b'"' | b'}')) => {
            let line = memchr::memchr(b'\n', text).map(|at| &text[..at]);
            match line.or(whole.then_some(text)) {
                Some(line) if !super::json::is_whole(line) => {
                    (Form::Json, "it begins with an object over several lines")
                }
                _ => (Form::Jsonl, "its first line is a JSON object"),
            }
        }
        Some(b'[') if matches!(next(1), Some(b'{' | b']')) => {
            (Form::Json, "it begins with an array of objects")
        }
        _ => match sql_sign(text) {
            Some(sign) => (Form::Sql, sign),
            None => (Form::Csv, "nothing says otherwise"),
        },
    }
}

/// A statement at the start of a line that no delimited text would have.
fn sql_sign(text: &[u8]) -> Option<&'static str> {
    const SIGNS: [(&str, &str); 5] = [
        ("INSERT INTO ", "it has an INSERT INTO statement"),
        ("CREATE TABLE ", "it has a CREATE TABLE statement"),
        ("COPY ", "it has a COPY statement"),
        ("REPLACE INTO ", "it has a REPLACE INTO statement"),
        ("INSERT ", "it has an INSERT statement"),
    ];
    const SIGNS_OF_TOOLS: [(&str, &str); 4] = [
        ("-- ", "it begins with an SQL comment"),
        ("/*!", "it begins with a MySQL comment"),
        ("PRAGMA ", "it begins with a PRAGMA statement"),
        ("--\n", "it begins with an SQL comment"),
    ];
    let begins = |line: &[u8], sign: &str| {
        line.get(..sign.len()).is_some_and(|start| start.eq_ignore_ascii_case(sign.as_bytes()))
    };
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let line = line.trim_ascii_start();
        let statement = |sign: &str| match sign {
            "COPY " => begins(line, sign) && is_copy(line),
            "INSERT " => {
                begins(line, sign) && line.windows(7).any(|word| word.eq_ignore_ascii_case(b" VALUES"))
            }
            _ => begins(line, sign),
        };
        if let Some((_, says)) = SIGNS.iter().find(|(sign, _)| statement(sign)) {
            return Some(says);
        }
    }
    // A long head of comments and settings before the first table.
    SIGNS_OF_TOOLS.iter().find(|(sign, _)| begins(text, sign)).map(|(_, says)| *says)
}

fn is_copy(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.len() > 12 && line.to_ascii_lowercase().windows(10).any(|words| words == b"from stdin")
}

/// Why a text was taken for delimited text with this delimiter.
pub(super) fn of_cells(delimiter: u8, rows: &sniff::Sniffed) -> String {
    let name = match delimiter {
        b'\t' => "tab".to_owned(),
        other => format!("`{}`", char::from(other)),
    };
    match rows.columns {
        0 | 1 => format!("one cell a line in the first {} lines", rows.rows.len()),
        columns => format!("most of the first {} rows have {columns} cells between {name}", rows.rows.len()),
    }
}
