//! One breach in a manifest: what is known of it, and its segments.

use crate::codec::{CodecError, Decode, Encode, rule};
use crate::limits::{
    BREACH_SEGMENTS_MAX, CLASSES_MAX, LABEL_BITS_MAX, NAME_BYTES_MAX, PAGE_BYTES_ALLOWED,
    SEGMENT_ENTRIES_MAX, TEXT_BYTES_MAX,
};
use crate::segment::{SegmentKind, is_breach_id};

/// How sure it is that the breach is what it claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Status {
    /// Alleged, by the seller or in the press.
    Claimed,
    /// Confirmed by the organisation or an authority.
    Confirmed,
    /// Denied for a part of the data.
    DeniedInPart,
    /// Denied as a whole, or of unknown origin.
    Disputed,
}

impl Status {
    /// Every status, in the order of its wire number.
    pub const ALL: [Self; 4] = [Self::Claimed, Self::Confirmed, Self::DeniedInPart, Self::Disputed];

    /// Name on command lines and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Confirmed => "confirmed",
            Self::DeniedInPart => "denied-in-part",
            Self::Disputed => "disputed",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A segment by its root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SegmentRef {
    /// Root: the segment's name and commitment.
    pub root: [u8; 32],
    /// What it does.
    pub kind: SegmentKind,
    /// Entries in it.
    pub entries: u64,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Bytes of the file.
    pub file_bytes: u64,
}

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Breach {
    /// Stable id: lower-case letters, digits and inner hyphens, like `bpjs-2021`.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// When it happened: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub date: String,
    /// How sure it is.
    pub status: Status,
    /// Data classes exposed for every entry.
    pub exposes: Vec<String>,
    /// Data classes exposed for some entries: class i is bit i of an entry's label.
    pub varies: Vec<String>,
    /// Segments in the order in which they apply.
    pub segments: Vec<SegmentRef>,
}

impl Breach {
    const NAME: &'static str = "breach of a manifest";

    /// Entries of its segments: added ones less removed ones. One whose label gained a class later is counted for each time, so
    /// between compactions this can be more than there are.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.segments.iter().fold(0, |sum: u64, segment| match segment.kind {
            SegmentKind::Base | SegmentKind::Add => sum.saturating_add(segment.entries),
            SegmentKind::Remove => sum.saturating_sub(segment.entries),
        })
    }

    /// Bits of label an entry of this breach carries.
    #[must_use]
    pub fn label_bits(&self) -> u8 {
        u8::try_from(self.varies.len()).unwrap_or(u8::MAX)
    }

    /// Every class that is exposed for an entry with this label, in manifest order.
    pub fn classes(&self, label: u32) -> impl Iterator<Item = &str> {
        let varying = self.varies.iter().enumerate().filter(move |(bit, _)| label >> bit & 1 == 1);
        self.exposes.iter().chain(varying.map(|(_, class)| class)).map(String::as_str)
    }

    pub(super) fn check(&self) -> Result<(), CodecError> {
        let rule = |holds, reason| rule(Self::NAME, holds, reason);
        rule(is_breach_id(&self.id), "the id is not lower-case letters, digits and inner hyphens")?;
        rule(super::is_line(&self.title, TEXT_BYTES_MAX), "the title is empty, too long or not printable")?;
        rule(is_date(&self.date), "the date is not YYYY, YYYY-MM or YYYY-MM-DD")?;
        rule(self.varies.len() <= usize::from(LABEL_BITS_MAX), "too many varying classes for a label")?;
        rule(self.exposes.len() + self.varies.len() <= CLASSES_MAX, "too many data classes")?;
        let classes = || self.exposes.iter().chain(&self.varies);
        rule(
            classes().all(|class| is_class(class)),
            "a data class is not lower-case letters, digits and underscores",
        )?;
        let repeated =
            classes().enumerate().any(|(i, class)| classes().skip(i + 1).any(|other| other == class));
        rule(!repeated, "a data class is named twice")?;
        rule(self.segments.len() <= BREACH_SEGMENTS_MAX, "too many segments; the operator must compact")?;
        self.segments.iter().try_for_each(|segment| {
            rule(segment.entries <= SEGMENT_ENTRIES_MAX, "a segment has too many entries")?;
            rule(PAGE_BYTES_ALLOWED.contains(&segment.page_bytes), "a segment has an unknown page size")
        })
    }
}

/// Whether `class` can name a data class.
#[must_use]
pub fn is_class(class: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !class.is_empty() && class.len() <= NAME_BYTES_MAX && class.bytes().all(allowed)
}

/// Whether `date` is a year, a month or a day of the calendar.
#[must_use]
pub fn is_date(date: &str) -> bool {
    let mut parts = date.split('-');
    let mut number = |digits: usize, least: u32, most: u32| match parts.next() {
        None => Some(None),
        Some(part) if part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()) => {
            part.parse().ok().filter(|value| (least..=most).contains(value)).map(Some)
        }
        Some(_) => None,
    };
    let Some(Some(year)) = number(4, 1_900, 2_999) else { return false };
    let Some(month) = number(2, 1, 12) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        Some(2) => 28 + u32::from(leap),
        Some(4 | 6 | 9 | 11) => 30,
        _ => 31,
    };
    let Some(_) = number(2, 1, days) else { return false };
    parts.next().is_none()
}
