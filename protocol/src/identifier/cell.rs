//! What every kind of identifier has in common as a cell: its edges, and the classes of characters.

use super::Rejection;
use crate::limits::IDENTIFIER_CELL_BYTES_MAX;

/// The text of a cell without white space, control characters and invisible ones at both ends, and without one leading `'`.
///
/// # Errors
/// [`Rejection::TooLong`].
pub(super) fn trim(cell: &str) -> Result<&str, Rejection> {
    if cell.len() > IDENTIFIER_CELL_BYTES_MAX {
        return Err(Rejection::TooLong);
    }
    let text = cell.trim_matches(is_edge);
    Ok(text.strip_prefix('\'').unwrap_or(text).trim_start_matches(is_edge))
}

pub(super) fn is_edge(sign: char) -> bool {
    sign.is_whitespace() || sign.is_control() || is_invisible(sign)
}

pub(super) fn is_dropped(sign: char) -> bool {
    matches!(sign, '.' | '-') || is_space(sign) || is_invisible(sign)
}

/// Unicode's space separators. Tabs and line ends are white space too, but inside a cell they part two values.
pub(super) fn is_space(sign: char) -> bool {
    matches!(
        sign,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// What has no width: soft hyphen, zero-width spaces and joiners, direction marks (chat programs paste them), BOM.
pub(super) fn is_invisible(sign: char) -> bool {
    matches!(sign, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The value of an ASCII or full-width digit.
pub(super) fn digit(sign: char) -> Option<u8> {
    let zero = match sign {
        '0'..='9' => '0',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        _ => return None,
    };
    u8::try_from(u32::from(sign) - u32::from(zero)).ok()
}

pub(super) fn count_digits(text: &str) -> usize {
    text.chars().filter(|&sign| digit(sign).is_some()).count()
}

/// `3.20101E+15`, `3,2E15`.
pub(super) fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let numeric = |sign: char| matches!(sign, '.' | ',') || is_space(sign) || digit(sign).is_some();
    count_digits(mantissa) > 0
        && mantissa.chars().all(numeric)
        && !exponent.is_empty()
        && exponent.chars().all(|sign| digit(sign).is_some())
}
