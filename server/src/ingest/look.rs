//! `ingest --dry-run`: what a dump holds and what would be rejected of it. Nothing is written, and no cell is shown but its shape.

use std::collections::BTreeMap;

use samar_local::exit::Failure;
use samar_local::table::{Form, Row, Table, TableOptions};
use samar_protocol::identifier::{ColumnSigns, Identifier, Kind, Rejection};
use serde::Serialize;

use super::read::{self, table_failure};
use super::{Exposure, IdentifierColumn, Source};

/// Rows of which every column is tried as every kind.
const TRIED_ROWS: u64 = 10_000;
/// Columns that are tried; further ones are listed.
const TRIED_COLUMNS: usize = 256;
/// Characters shown of a cell's shape.
const SHAPE_CHARS: usize = 24;

/// What to look at.
#[derive(Clone, Debug)]
pub struct LookPlan {
    /// Columns of identifiers; where none is given, those that the cells tell.
    pub columns: Vec<IdentifierColumn>,
    /// Classes exposed, whose columns must be there.
    pub exposes: Vec<Exposure>,
    /// Form of the sources; told from each where it is not given.
    pub form: Option<Form>,
    /// Table of a dump, sheet, or file in an archive; needed where one has several.
    pub table: Option<String>,
    /// Dumps, in order.
    pub sources: Vec<Source>,
}

/// What a file holds.
#[derive(Clone, Debug, Serialize)]
pub struct Look {
    /// The file.
    pub file: String,
    /// What it was taken for, and why.
    pub read_as: String,
    /// Rows in it.
    pub rows: u64,
    /// Rows that cannot be read as a whole, by reason.
    pub unreadable: BTreeMap<&'static str, u64>,
    /// Its columns.
    pub columns: Vec<ColumnLook>,
    /// What would be taken of it.
    pub identifiers: Vec<IdentifierLook>,
}

/// What a column seems to hold, of the first rows.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnLook {
    /// Its number, from 1.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// Rows of a hundred in which it is not empty.
    pub filled_percent: f64,
    /// The shape of its first cell that is not empty: 9 for a digit, a for a letter.
    pub shape: String,
    /// Cells of a hundred that are an identifier of a kind, where any is.
    pub parses_percent: BTreeMap<&'static str, f64>,
    /// The kind that it is taken for, if any.
    pub guess: Option<&'static str>,
}

/// What would be taken from a column.
#[derive(Clone, Debug, Serialize)]
pub struct IdentifierLook {
    /// As `--column` takes it.
    pub column: String,
    /// Well-formed identifiers, repeated ones included.
    pub well_formed: u64,
    /// Rows in which the cell is empty.
    pub without: u64,
    /// Cells rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// What the column as a whole looks like.
    pub warnings: Vec<String>,
}

/// Looks at every source.
///
/// # Errors
/// Input that cannot be read; a column that is not there.
pub fn look(plan: &LookPlan) -> Result<Vec<Look>, Failure> {
    plan.sources.iter().map(|source| look_at(source, plan)).collect()
}

fn look_at(source: &Source, plan: &LookPlan) -> Result<Look, Failure> {
    let (input, name) = read::open(source)?;
    let options =
        TableOptions { name, form: plan.form, table: plan.table.clone(), ..TableOptions::default() };
    let mut table = Table::open(input, &options).map_err(table_failure)?;
    for column in plan.exposes.iter().filter_map(|exposure| exposure.column.as_ref()) {
        table.select_column(column).map_err(table_failure)?;
    }
    let mut named = Vec::new();
    for column in &plan.columns {
        let index = table.select_column(&column.column).map_err(table_failure)?;
        named.push(Tried::new(index, column.kind));
    }
    let columns = table.columns().len();
    let mut all = all_tried(columns);
    let mut cells: Vec<Seen> = (0..columns).map(|_| Seen::default()).collect();
    let (mut rows, mut unreadable, mut row) = (0, BTreeMap::new(), Row::new());
    let mut chosen: Option<Vec<Tried>> = None;
    while table.next_row(&mut row).map_err(table_failure)? {
        rows += 1;
        if let Some(reason) = row.rejection() {
            *unreadable.entry(reason.name()).or_default() += 1;
        }
        if rows <= TRIED_ROWS {
            for (column, seen) in cells.iter_mut().enumerate() {
                seen.observe(&row, column);
            }
            all.iter_mut().for_each(|tried| tried.observe(&row));
            named.iter_mut().for_each(|tried| tried.observe(&row));
        } else {
            let chosen =
                chosen.get_or_insert_with(|| choose(std::mem::take(&mut named), &mut all, table.columns()));
            chosen.iter_mut().for_each(|tried| tried.observe(&row));
        }
    }
    let (guesses, shares) = (guesses(&all, table.columns()), shares(&all));
    let chosen = chosen.unwrap_or_else(|| choose(named, &mut all, table.columns()));
    let looked = rows.min(TRIED_ROWS);
    let columns = table.columns().iter().zip(cells).enumerate().map(|(index, (name, seen))| ColumnLook {
        number: index + 1,
        name: name.clone(),
        filled_percent: percent(seen.filled, looked),
        shape: seen.shape,
        parses_percent: shares.get(&index).cloned().unwrap_or_default(),
        guess: guesses.get(&index).map(|kind| kind.name()),
    });
    Ok(Look {
        file: options.name,
        read_as: table.decided().to_owned(),
        rows,
        unreadable,
        columns: columns.collect(),
        identifiers: chosen.into_iter().map(|tried| tried.told(table.columns())).collect(),
    })
}

/// Every column as every kind.
fn all_tried(columns: usize) -> Vec<Tried> {
    let of_column = |index| Kind::ALL.into_iter().map(move |kind| Tried::new(index, kind));
    (0..columns.min(TRIED_COLUMNS)).flat_map(of_column).collect()
}

/// The columns to take: those that were named, or else those that were guessed.
fn choose(named: Vec<Tried>, all: &mut [Tried], columns: &[String]) -> Vec<Tried> {
    if !named.is_empty() {
        return named;
    }
    let guesses = guesses(all, columns);
    let guessed = all.iter().filter(|tried| guesses.get(&tried.index) == Some(&tried.kind));
    guessed.cloned().collect()
}

/// Of each column the kind that its name says, if most cells are one, or else the kind that most cells are.
fn guesses(all: &[Tried], columns: &[String]) -> BTreeMap<usize, Kind> {
    let mut guesses = BTreeMap::new();
    for of_column in all.chunk_by(|a, b| a.index == b.index) {
        let likely = of_column.iter().filter(|tried| 2 * tried.well_formed > tried.filled());
        let Some(first) = of_column.first() else { continue };
        let said = columns.get(first.index).and_then(|name| kind_of_name(name));
        // Of equals the first: a NIK may be written where an NPWP is asked for, and one in two looks like a KK.
        let best = likely.rev().max_by_key(|tried| (Some(tried.kind) == said, tried.well_formed));
        if let Some(best) = best {
            guesses.insert(first.index, best.kind);
        }
    }
    guesses
}

fn shares(all: &[Tried]) -> BTreeMap<usize, BTreeMap<&'static str, f64>> {
    let mut shares = BTreeMap::<_, BTreeMap<_, _>>::new();
    for tried in all.iter().filter(|tried| tried.well_formed > 0) {
        let share = percent(tried.well_formed, tried.filled());
        shares.entry(tried.index).or_default().insert(tried.kind.name(), share);
    }
    shares
}

/// What a name says that a column holds.
fn kind_of_name(name: &str) -> Option<Kind> {
    const WORDS: [(Kind, &[&str]); 5] = [
        (Kind::Npwp, &["npwp"]),
        (Kind::Email, &["mail", "surel"]),
        (Kind::Phone, &["hp", "phone", "telp", "telepon", "msisdn", "ponsel", "wa", "handphone", "mobile"]),
        (Kind::Kk, &["kk"]),
        (Kind::Nik, &["nik", "ktp", "ektp"]),
    ];
    let name = name.to_lowercase();
    let words = || name.split(|c: char| !c.is_alphanumeric());
    let whole: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let means = |known: &&str| {
        words().any(|word| word == *known)
            || known.len() > 3 && whole.contains(known)
            || whole.strip_prefix("no").is_some_and(|rest| rest == *known)
    };
    let found = WORDS.iter().find(|(_, known)| known.iter().any(means));
    found.map(|(kind, _)| *kind)
}

#[allow(clippy::cast_precision_loss)] // shown with one digit
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (1_000.0 * part as f64 / whole as f64).round() / 10.0 }
}

/// A column as a kind, and what came of it.
#[derive(Clone)]
struct Tried {
    index: usize,
    kind: Kind,
    well_formed: u64,
    without: u64,
    rejected: BTreeMap<&'static str, u64>,
    signs: ColumnSigns,
}

impl Tried {
    fn new(index: usize, kind: Kind) -> Self {
        let signs = ColumnSigns::new(kind);
        Self { index, kind, well_formed: 0, without: 0, rejected: BTreeMap::new(), signs }
    }

    fn filled(&self) -> u64 {
        self.well_formed + self.rejected.values().sum::<u64>()
    }

    fn observe(&mut self, row: &Row) {
        let reason = match row.require(self.index) {
            Ok(cell) => match Identifier::parse(self.kind, &cell) {
                Ok(identifier) => {
                    self.signs.observe(identifier.normalised());
                    self.well_formed += 1;
                    return;
                }
                Err(Rejection::Empty) => {
                    self.without += 1;
                    return;
                }
                Err(rejection) => {
                    self.signs.observe_rejected(&cell, rejection.name());
                    rejection.name()
                }
            },
            Err(rejection) => rejection.name(),
        };
        *self.rejected.entry(reason).or_default() += 1;
    }

    fn told(self, columns: &[String]) -> IdentifierLook {
        let name = columns.get(self.index).map_or("", String::as_str);
        let is_only = columns.iter().filter(|other| *other == name).count() == 1;
        let name = if is_only { name.to_owned() } else { format!("#{}", self.index + 1) };
        IdentifierLook {
            column: format!("{}={name}", self.kind.name()),
            well_formed: self.well_formed,
            without: self.without,
            rejected: self.rejected,
            warnings: self.signs.warnings().iter().map(ToString::to_string).collect(),
        }
    }
}

/// What was seen of a column.
#[derive(Default)]
struct Seen {
    filled: u64,
    shape: String,
}

impl Seen {
    fn observe(&mut self, row: &Row, column: usize) {
        let Some(cell) = row.get(column).filter(|cell| !cell.trim().is_empty()) else { return };
        self.filled += 1;
        if self.shape.is_empty() {
            self.shape = shape(&cell);
        }
    }
}

/// The shape of a cell, which tells nobody whose it is.
fn shape(cell: &str) -> String {
    let mask = |c: char| match c {
        c if c.is_numeric() => '9',
        c if c.is_uppercase() => 'A',
        c if c.is_alphabetic() => 'a',
        c if c.is_ascii_graphic() || c == ' ' => c,
        _ => '?',
    };
    let mut shape: String = cell.chars().take(SHAPE_CHARS).map(mask).collect();
    if cell.chars().nth(SHAPE_CHARS).is_some() {
        shape.push('~');
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_no_digit_and_no_letter_of_the_cell() {
        assert_eq!(shape("Budi.S@Example.com 0812"), "Aaaa.A@Aaaaaaa.aaa 9999");
        assert_eq!(shape(&"３".repeat(30)), "9".repeat(24) + "~");
        assert_eq!(shape("a\u{1b}[2J"), "a?[9A");
    }

    #[test]
    fn names_say_kinds() {
        for (name, kind) in [
            ("NO_HP", Some(Kind::Phone)),
            ("nohp", Some(Kind::Phone)),
            ("user.email", Some(Kind::Email)),
            ("NO KK", Some(Kind::Kk)),
            ("nik_ktp", Some(Kind::Nik)),
            ("NPWP15", Some(Kind::Npwp)),
            ("NAMA", None),
        ] {
            assert_eq!(kind_of_name(name), kind, "{name}");
        }
    }
}
