//! What a cell of a sheet says of itself.

use quick_xml::events::BytesStart;

use super::parts::Shown;

/// What a cell says of itself.
pub(super) struct Cell {
    pub(super) kind: Kind,
    pub(super) shown: Shown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Shared,
    Boolean,
    /// A text, an error's name or a date, as it stands.
    Text,
}

/// The cell that an element `c` begins, and its column (from 0) where it says so.
pub(super) fn cell(start: &BytesStart<'_>, styles: &[Shown]) -> (Cell, Option<usize>) {
    let (mut kind, mut shown, mut column) = (Kind::Number, Shown::Plain, None);
    for attribute in start.attributes().with_checks(false).flatten() {
        match attribute.key.as_ref() {
            "r" => column = column_of(&attribute.value),
            "s" => {
                let style = attribute.value.parse().ok().and_then(|style: usize| styles.get(style));
                shown = style.copied().unwrap_or_default();
            }
            "t" => {
                kind = match &*attribute.value {
                    "s" => Kind::Shared,
                    "b" => Kind::Boolean,
                    "n" => Kind::Number,
                    _ => Kind::Text,
                }
            }
            _ => {}
        }
    }
    (Cell { kind, shown }, column)
}

/// The column (from 0) of a place like `AB12`.
fn column_of(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters.fold(0usize, |number, letter| {
        number.saturating_mul(26).saturating_add(usize::from(letter.to_ascii_uppercase() - b'A') + 1)
    });
    number.checked_sub(1)
}
