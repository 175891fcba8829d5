//! Cells as NIKs, and as identifiers of the other kinds.

use samar_protocol::identifier::{Identifier, Kind, Nik};
use samar_protocol::limits::IDENTIFIER_BYTES_MAX;

/// The first byte chooses the kind. What was normalised stays as it is, has the form that SPEC.md gives its kind, and goes whole
/// into the OPRF input.
pub fn identifier(data: &[u8]) {
    let Some((kind, cell)) = data.split_first() else { return };
    let kind = Kind::ALL[usize::from(*kind) % Kind::ALL.len()];
    let Ok(found) = Identifier::parse(kind, &String::from_utf8_lossy(cell)) else { return };
    let normal = str::from_utf8(found.normalised()).unwrap();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let sound = match kind {
        Kind::Nik | Kind::Kk | Kind::Npwp => normal.len() == 16 && digits(normal),
        Kind::Phone => normal.strip_prefix('+').is_some_and(|n| (7..=15).contains(&n.len()) && digits(n)),
        Kind::Email => normal.split('@').count() == 2 && normal.to_ascii_lowercase() == normal,
    };
    assert!(sound && normal.len() <= IDENTIFIER_BYTES_MAX, "{}", kind.name());
    let input = [b"samar id v1", [kind.byte()].as_slice(), found.normalised()].concat();
    assert_eq!(found.input().as_ref(), input);
    let again = Identifier::parse(kind, normal).unwrap();
    assert_eq!(again.normalised(), found.normalised());
}

/// A cell is the NIK, or is rejected for the reason, that the steps of SPEC.md section "NIK" come to; and what was
/// normalised once stays as it is.
pub fn nik(data: &[u8]) {
    let cell = String::from_utf8_lossy(data);
    let parsed = Nik::parse(&cell).map(|nik| *nik.digits()).map_err(|rejection| rejection.name());
    assert_eq!(parsed, plain_nik(&cell));
    if let Ok(digits) = parsed {
        let normal = str::from_utf8(&digits).unwrap();
        let again = Nik::parse(normal).unwrap();
        assert_eq!(again.digits(), &digits);
        assert_eq!(&again.oprf_input().as_ref()[12..], digits);
    }
}

/// The steps, one after the other, on a list of characters.
fn plain_nik(cell: &str) -> Result<[u8; 16], &'static str> {
    if cell.len() > 256 {
        return Err("too-long");
    }
    let mut text: Vec<char> = cell.chars().collect();
    while text.last().is_some_and(|c| is_edge(*c)) {
        text.pop();
    }
    let front = |text: &mut Vec<char>| drop(text.drain(..text.iter().take_while(|c| is_edge(**c)).count()));
    front(&mut text);
    if text.first() == Some(&'\'') {
        text.remove(0);
    }
    front(&mut text);
    if text.iter().any(|c| digit(*c).is_none() && !is_dropped(*c)) {
        return Err(damage(&text));
    }
    let digits: Vec<u32> = text.iter().filter_map(|c| digit(*c)).collect();
    if digits.is_empty() {
        return Err("empty");
    }
    if digits.len() != 16 {
        return Err(damage(&text));
    }
    let pair = |at: usize| digits[at - 1] * 10 + digits[at];
    let (mut day, month, year) = (pair(7), pair(9), pair(11));
    if !(1..=31).contains(&day) && !(41..=71).contains(&day) {
        return Err("bad-day");
    }
    if day > 40 {
        day -= 40;
    }
    if !(1..=12).contains(&month) {
        return Err("bad-month");
    }
    let leap = u32::from(year % 4 == 0);
    if day > [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1] {
        return Err("bad-date");
    }
    if digits[12..] == [0, 0, 0, 0] {
        return Err("zero-serial");
    }
    Ok(core::array::from_fn(|at| b"0123456789"[digits[at] as usize]))
}

fn damage(text: &[char]) -> &'static str {
    let count = |text: &[char]| text.iter().filter(|c| digit(**c).is_some()).count();
    if let Some(at) = text.iter().position(|c| matches!(c, 'e' | 'E')) {
        let (before, mut after) = (&text[..at], &text[at + 1..]);
        if let ['+' | '-', rest @ ..] = after {
            after = rest;
        }
        let numeric = before.iter().all(|c| digit(*c).is_some() || matches!(c, '.' | ',') || is_space(*c));
        if count(before) > 0 && numeric && !after.is_empty() && count(after) == after.len() {
            return "excel-scientific";
        }
    }
    if let Some(at) = text.iter().rposition(|c| matches!(c, '.' | ',')) {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let whole = before.iter().all(|c| digit(*c).is_some() || is_dropped(*c));
        let zeros = after.iter().all(|c| digit(*c) == Some(0));
        if whole && count(before) == 16 && !after.is_empty() && zeros {
            return "decimal-fraction";
        }
    }
    let is_foreign = |c: &char| digit(*c).is_none() && !is_dropped(*c);
    let pieces: Vec<usize> = text.split(is_foreign).map(count).collect();
    let numbers: usize = pieces.iter().filter(|digits| *digits % 16 == 0).map(|digits| digits / 16).sum();
    match numbers {
        2.. => "two-numbers",
        _ if !text.iter().any(is_foreign) => "wrong-length",
        0 => "not-digits",
        _ if pieces[0] == 16 => "trailing-text",
        _ => "leading-text",
    }
}

fn digit(c: char) -> Option<u32> {
    match c {
        '0'..='9' => Some(c as u32 - '0' as u32),
        '\u{ff10}'..='\u{ff19}' => Some(c as u32 - 0xff10),
        _ => None,
    }
}

fn is_edge(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_invisible(c)
}

fn is_dropped(c: char) -> bool {
    c == '.' || c == '-' || is_space(c) || is_invisible(c)
}

fn is_space(c: char) -> bool {
    [0x20, 0xa0, 0x1680, 0x202f, 0x205f, 0x3000].contains(&(c as u32))
        || ('\u{2000}'..='\u{200a}').contains(&c)
}

fn is_invisible(c: char) -> bool {
    let ranges = [0xad..=0xad, 0x200b..=0x200f, 0x202a..=0x202e, 0x2060..=0x2069, 0xfeff..=0xfeff];
    ranges.iter().any(|range| range.contains(&(c as u32)))
}
