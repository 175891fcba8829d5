//! Choosing the column that holds the identifier.

use super::sniff::looks_like_data;
use super::{Row, TableError};

const NAME_CHARS_MAX: usize = 64;

/// What a column of NIKs is called, without case, spaces and punctuation.
const NIK_NAMES: [&str; 12] = [
    "nik",
    "nonik",
    "nomornik",
    "ktp",
    "noktp",
    "nomorktp",
    "ektp",
    "noektp",
    "nomorektp",
    "nikktp",
    "niknoktp",
    "nomorindukkependudukan",
];

/// Names for `columns` columns, from the header if there is one.
pub(super) fn names(header: Option<&Row>, columns: usize) -> Vec<String> {
    let name = |column: usize| clean(&header.and_then(|row| row.get(column)).unwrap_or_default(), column);
    let columns = header.map_or(columns, |row| row.columns().max(columns));
    (0..columns).map(name).collect()
}

/// A column's name as messages may show it. A row of data that is taken for a header must not end up in one.
pub(super) fn clean(cell: &str, column: usize) -> String {
    let visible = cell.chars().filter(|c| !c.is_control() && !is_invisible(*c));
    let name: String = visible.collect::<String>().trim().chars().take(NAME_CHARS_MAX).collect();
    if name.is_empty() || looks_like_data(cell) { format!("column-{}", column + 1) } else { name }
}

/// The column (from 0) that `wanted` means: its name, its name but for case, or its number (from 1) as `#3`, or as `3`
/// where no column is called that.
pub(super) fn select(columns: &[String], wanted: &str, file: &str) -> Result<usize, TableError> {
    let wanted = wanted.trim();
    let same = |name: &str| name == wanted;
    let alike = |name: &str| name.to_lowercase() == wanted.to_lowercase();
    for matches in [&same as &dyn Fn(&str) -> bool, &alike] {
        let found: Vec<usize> = (0..columns.len()).filter(|&column| matches(&columns[column])).collect();
        match found.as_slice() {
            [] => {}
            [column] => return Ok(*column),
            several => {
                let numbers = several.iter().map(|column| column + 1).collect();
                return Err(TableError::AmbiguousColumn {
                    name: file.into(),
                    wanted: wanted.into(),
                    numbers,
                });
            }
        }
    }
    if let Ok(number @ 1..) = wanted.strip_prefix('#').unwrap_or(wanted).parse::<usize>()
        && number <= columns.len()
    {
        return Ok(number - 1);
    }
    let distance = |name: &String| edit_distance(&name.to_lowercase(), &wanted.to_lowercase());
    let near = columns.iter().map(|name| (distance(name), name)).min();
    let closest = near.filter(|(distance, name)| *distance <= 1 + name.chars().count() / 3);
    Err(TableError::NoSuchColumn {
        name: file.into(),
        wanted: wanted.chars().take(NAME_CHARS_MAX).collect(),
        columns: columns.to_vec(),
        closest: closest.map(|(_, name)| name.clone()),
    })
}

/// The only column that can hold NIKs: by its name in a file with a header, by what `parses` in one without.
///
/// A header decides by name alone because the content cannot: family card numbers (KK) have the same form.
pub(super) fn guess_nik(
    columns: &[String],
    has_header: bool,
    sample: &[Row],
    parses: impl Fn(&str) -> bool,
    file: &str,
) -> Result<usize, TableError> {
    let named = |&column: &usize| is_nik_name(&columns[column]);
    let alike = |&column: &usize| {
        let cells = sample.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.trim().is_empty());
        let (parsed, all) =
            cells.fold((0, 0), |(parsed, all), cell| (parsed + usize::from(parses(&cell)), all + 1));
        2 * parsed > all
    };
    let by_name: Vec<usize> = (0..columns.len()).filter(named).collect();
    let candidates =
        if by_name.is_empty() { (0..columns.len()).filter(alike).collect() } else { by_name.clone() };
    match (by_name.as_slice(), candidates.as_slice()) {
        ([column], _) => Ok(*column),
        ([], [column]) if !has_header => Ok(*column),
        _ => Err(TableError::NoNikColumn {
            name: file.into(),
            candidates: candidates.iter().map(|&column| columns[column].clone()).collect(),
            columns: columns.to_vec(),
        }),
    }
}

/// Whether a column of this name holds NIKs.
pub(super) fn is_nik_name(name: &str) -> bool {
    // Of a path in JSON or Parquet the last part is the name.
    let name = name.rsplit('.').next().filter(|last| last.len() > 2).unwrap_or(name);
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    NIK_NAMES.contains(&plain.as_str())
}

/// Zero-width characters and byte order marks, as copying from documents leaves them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
