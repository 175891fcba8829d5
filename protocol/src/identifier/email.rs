//! E-mail addresses: ASCII, in lower case, otherwise as they are written.
//!
//! Nothing is done that only some providers do: one drops the dots before the @, another what follows a `+`, and a third
//! keeps both apart. A rule for one of them would join two persons at another.

use zeroize::Zeroizing;

use super::cell::{self, is_edge, is_invisible};
use super::{Kind, OprfInput, Rejection};
use crate::limits::{IDENTIFIER_BYTES_MAX, IDENTIFIER_CELL_BYTES_MAX};

/// Bytes before the @ (RFC 5321 section 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// Bytes of a label of a domain (RFC 1035 section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Reads one cell.
///
/// # Errors
/// The first [`Rejection`] that applies.
pub(super) fn read(text: &str) -> Result<OprfInput, Rejection> {
    let text = inner(cell::trim(text)?);
    let mut bytes = Zeroizing::new([0; IDENTIFIER_CELL_BYTES_MAX]);
    let mut length = 0;
    for sign in text.chars().filter(|&sign| !is_invisible(sign)) {
        let byte = ascii(sign).ok_or(Rejection::NotAscii)?;
        if let Some(slot) = bytes.get_mut(length) {
            *slot = byte.to_ascii_lowercase();
        }
        length += 1; // at most the bytes of the cell
    }
    // A spreadsheet's mark of text, as `<'budi@example.com>` has it where `trim` did not see it: else what was read, read
    // again, would be another address.
    let mut address = bytes.get(..length).unwrap_or_default();
    while let Some(rest) = address.strip_prefix(b"'") {
        address = rest;
    }
    if address.iter().all(|byte| matches!(byte, b'.' | b'-' | b' ')) {
        return Err(Rejection::Empty);
    }
    let mut parts = address.split(|byte| *byte == b'@');
    let (local, domain) = match (parts.next(), parts.next(), parts.next()) {
        (Some(local), Some(domain), None) => (local, domain),
        (_, None, _) => return Err(Rejection::NoAt),
        _ => return Err(Rejection::TwoAddresses),
    };
    if !is_local(local) {
        return Err(Rejection::BadLocal);
    }
    if !is_domain(domain) {
        return Err(Rejection::BadDomain);
    }
    if local.len() > LOCAL_BYTES_MAX || address.len() > IDENTIFIER_BYTES_MAX {
        return Err(Rejection::WrongLength);
    }
    Ok(OprfInput::new(Kind::Email, address))
}

/// What stands in the last pair of angle brackets, if they end the text, as in `Budi <budi@example.com>`; and without `mailto:`.
fn inner(text: &str) -> &str {
    let bracketed = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'));
    let text = bracketed.map_or(text, |(_, inner)| inner).trim_matches(is_edge);
    let scheme = text.split_at_checked(b"mailto:".len());
    let rest = scheme.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("mailto:")).map(|(_, rest)| rest);
    rest.unwrap_or(text).trim_matches(is_edge)
}

/// A character's byte: of ASCII its own, of a full-width form that of the ASCII character.
fn ascii(sign: char) -> Option<u8> {
    let code = match sign {
        '\u{ff01}'..='\u{ff5e}' => u32::from(sign) - 0xfee0,
        _ => u32::from(sign),
    };
    u8::try_from(code).ok().filter(u8::is_ascii)
}

/// A dot-atom of RFC 5322 section 3.2.3.
fn is_local(local: &[u8]) -> bool {
    let is_atom = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(byte);
    local.split(|byte| *byte == b'.').all(|atom| !atom.is_empty() && atom.iter().all(is_atom))
}

/// Two labels or more (RFC 1123 section 2.1), the last not a number: no address of a machine.
fn is_domain(domain: &[u8]) -> bool {
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let is_label = |label: &[u8]| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.iter().all(is_inner)
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    let labels = || domain.split(|byte| *byte == b'.');
    labels().all(is_label)
        && labels().count() >= 2
        && labels().next_back().is_some_and(|last| !last.iter().all(u8::is_ascii_digit))
}
