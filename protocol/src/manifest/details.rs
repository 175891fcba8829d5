//! What is known of a breach beyond what a version-1 reader needs: the extension of a manifest "breach details" (SPEC.md
//! section "Breach details"). It is not critical: who does not know it takes every breach for one of NIKs.

use super::{Manifest, is_date};
use crate::codec::{self, CodecError, Control, Decode, Encode, Extension, rule};
use crate::identifier::Kind;
use crate::limits::{
    BREACHES_MAX, DESCRIPTION_BYTES_MAX, IDENTIFIER_KINDS_MAX, MANIFEST_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::segment::is_breach_id;

/// The extension's id.
pub const EXTENSION_DETAILS: u16 = 2;

/// Bit 0 of the flags.
const SENSITIVE: u8 = 1;

/// Details of breaches, ascending by id. A breach of the manifest may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Details {
    /// Of each breach.
    pub breaches: Vec<BreachDetails>,
}

/// What is known of one breach, for people but for its kinds. Field order is the order of the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct BreachDetails {
    /// Its id.
    pub breach: String,
    /// Bytes of the kinds of identifiers that its entries are of, ascending; see [`BreachDetails::known_kinds`].
    pub kinds: Vec<u8>,
    /// A line about it, or nothing.
    pub description: String,
    /// When it came into the set, as a date; or nothing.
    pub added: String,
    /// When what is known of it last changed, as a date; or nothing.
    pub modified: String,
    /// How many records it is said to have, which is not the number of its entries.
    pub records: Option<u64>,
    /// Bit 0: being in it is itself sensitive. The others are 0.
    pub flags: u8,
    /// Where it is known from, as a line; or nothing.
    pub source: String,
}

impl BreachDetails {
    /// The kinds that this version knows.
    pub fn known_kinds(&self) -> impl Iterator<Item = Kind> {
        self.kinds.iter().filter_map(|byte| Kind::from_byte(*byte))
    }

    /// Whether being in it is itself sensitive.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.flags & SENSITIVE != 0
    }

    /// The flags of a breach.
    #[must_use]
    pub fn flags(sensitive: bool) -> u8 {
        if sensitive { SENSITIVE } else { 0 }
    }

    fn check(&self) -> Result<(), CodecError> {
        let rule = |holds, reason| rule(Details::NAME, holds, reason);
        let is_line = |text: &str, bytes_max| text.is_empty() || super::is_line(text, bytes_max);
        let is_day = |text: &str| text.is_empty() || is_date(text);
        rule(is_breach_id(&self.breach), "the id is not lower-case letters, digits and inner hyphens")?;
        rule((1..=IDENTIFIER_KINDS_MAX).contains(&self.kinds.len()), "no kind of identifier, or too many")?;
        rule(self.kinds.is_sorted_by(|a, b| a < b), "kinds of identifiers are not in ascending order")?;
        rule(self.kinds.first() != Some(&0), "a kind of identifier is 0")?;
        rule(
            is_line(&self.description, DESCRIPTION_BYTES_MAX),
            "the description is too long or not printable",
        )?;
        rule(is_day(&self.added), "the date of addition is not YYYY, YYYY-MM or YYYY-MM-DD")?;
        rule(is_day(&self.modified), "the date of change is not YYYY, YYYY-MM or YYYY-MM-DD")?;
        rule(self.flags & !SENSITIVE == 0, "a flag that is not defined")?;
        rule(is_line(&self.source, TEXT_BYTES_MAX), "the source is too long or not printable")
    }
}

impl Details {
    /// Those of a breach.
    #[must_use]
    pub fn of(&self, breach: &str) -> Option<&BreachDetails> {
        let at = self.breaches.binary_search_by(|details| details.breach.as_str().cmp(breach)).ok()?;
        self.breaches.get(at)
    }

    /// The kinds of identifiers that a breach holds: NIKs where nothing is said.
    #[must_use]
    pub fn kinds_of(&self, breach: &str) -> Vec<Kind> {
        self.of(breach).map_or_else(|| vec![Kind::Nik], |details| details.known_kinds().collect())
    }

    /// The extension that carries them.
    ///
    /// # Errors
    /// [`CodecError`] if they break a rule.
    pub fn to_extension(&self) -> Result<Extension, CodecError> {
        Ok(Extension { id: EXTENSION_DETAILS, bytes: codec::encode(self)? })
    }
}

impl Control for Details {
    const NAME: &'static str = "breach details";
    const BYTES_MAX: usize = MANIFEST_BYTES_MAX;

    fn check(&self) -> Result<(), CodecError> {
        let rule = |holds, reason| rule(Self::NAME, holds, reason);
        rule(self.breaches.len() <= BREACHES_MAX, "too many breaches")?;
        rule(
            self.breaches.is_sorted_by(|a, b| a.breach < b.breach),
            "breaches are not in ascending order of id",
        )?;
        self.breaches.iter().try_for_each(BreachDetails::check)
    }
}

impl Manifest {
    /// What is known of its breaches; nothing where the manifest does not say.
    ///
    /// # Errors
    /// [`CodecError`]; a decoded manifest was checked, so only one made by hand can fail.
    pub fn details(&self) -> Result<Details, CodecError> {
        let extension = self.extensions.iter().find(|extension| extension.id == EXTENSION_DETAILS);
        extension.map_or_else(|| Ok(Details::default()), |extension| codec::decode(&extension.bytes))
    }

    pub(super) fn check_details(&self) -> Result<(), CodecError> {
        let named = |details: &BreachDetails| {
            self.breaches.binary_search_by(|breach| breach.id.cmp(&details.breach)).is_ok()
        };
        let all_named = self.details()?.breaches.iter().all(named);
        rule(Details::NAME, all_named, "a breach that the manifest does not name")
    }
}
