//! What is known of one customer.

use samar_protocol::identifier::{Kind, Rejection};
use samar_protocol::manifest::Breach;

use crate::customers::{Cell, Unusable};
use crate::matching::Match;

/// The answer for one customer. Breaches stand in manifest order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// In no breach of the synced set.
    Clear,
    /// In nothing of the part of the set that was looked at, which is not all of it.
    NotFound,
    /// In these.
    Exposed(Vec<Exposure<'a>>),
    /// There is no usable identifier, or one that could not be looked up and nothing found by the others.
    Invalid(NotLookedUp),
}

/// An identifier that could not be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLookedUp {
    /// Its kind, where NIKs are not all that was asked about.
    pub kind: Option<Kind>,
    /// Name of the reason.
    pub reason: &'static str,
}

impl std::fmt::Display for NotLookedUp {
    /// `REASON`, or `KIND:REASON`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{}:{}", kind.name(), self.reason),
            None => f.write_str(self.reason),
        }
    }
}

/// Kinds of identifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind.byte();
    }

    /// Each of them once, in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.0 >> kind.byte() & 1 == 1)
    }
}

/// One breach that a customer is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure<'a> {
    /// The breach.
    pub breach: &'a Breach,
    /// Which of its varying classes are exposed for this customer, by any of his identifiers.
    pub label: u32,
    /// Which of his identifiers were found in it.
    pub kinds: Kinds,
    /// Position of the breach.
    at: u16,
}

/// What is asked about, as far as verdicts tell it apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The kind of each identifier of a customer.
    pub(crate) kinds: &'a [Kind],
    /// Whether it is a NIK and nothing else.
    pub(crate) niks_alone: bool,
    /// Whether only a part of the set is looked at: nobody is clear then.
    pub(crate) in_part: bool,
}

impl Asked<'_> {
    /// What to say of each identifier that stands there and cannot be looked up.
    pub(crate) fn not_looked_up(&self, cells: &[Cell]) -> impl Iterator<Item = NotLookedUp> {
        let unusable = |(kind, cell): (&Kind, &Cell)| match cell {
            Err(Unusable::Invalid(reason)) => {
                Some(NotLookedUp { kind: (!self.niks_alone).then_some(*kind), reason })
            }
            _ => None,
        };
        self.kinds.iter().zip(cells).filter_map(unusable)
    }
}

impl<'a> Verdict<'a> {
    /// The verdict on a customer with these identifiers, of which these matches were found: each with the kind of the
    /// identifier. He is clear only if everything that stands there was looked up, and something stands there.
    pub(crate) fn on(
        cells: &[Cell],
        asked: Asked<'_>,
        matches: impl IntoIterator<Item = (Kind, Match)>,
        breaches: &'a [Breach],
    ) -> Self {
        let exposures = exposures(matches, breaches);
        if !exposures.is_empty() {
            return Self::Exposed(exposures);
        }
        if let Some(first) = asked.not_looked_up(cells).next() {
            return Self::Invalid(first);
        }
        match (cells.iter().any(Result::is_ok), asked.in_part) {
            (false, _) => Self::Invalid(NotLookedUp::NOTHING),
            (true, true) => Self::NotFound,
            (true, false) => Self::Clear,
        }
    }

    /// The verdict on one identifier that was looked up, with these matches.
    pub(crate) fn of_one(
        kind: Kind,
        matches: impl IntoIterator<Item = Match>,
        breaches: &'a [Breach],
    ) -> Self {
        let exposures = exposures(matches.into_iter().map(|found| (kind, found)), breaches);
        if exposures.is_empty() { Self::Clear } else { Self::Exposed(exposures) }
    }

    /// The breaches; none unless exposed.
    #[must_use]
    pub fn exposures(&self) -> &[Exposure<'a>] {
        match self {
            Self::Exposed(exposures) => exposures,
            Self::Clear | Self::NotFound | Self::Invalid(_) => &[],
        }
    }

    /// `clear`, `not-found`, `exposed`, `invalid:REASON` or `invalid:KIND:REASON`.
    #[must_use]
    pub fn status(&self) -> String {
        match self {
            Self::Clear => "clear".to_owned(),
            Self::NotFound => "not-found".to_owned(),
            Self::Exposed(_) => "exposed".to_owned(),
            Self::Invalid(unusable) => format!("invalid:{unusable}"),
        }
    }

    /// Ids of the breaches.
    #[must_use]
    pub fn breaches(&self) -> String {
        self.list(|exposure| exposure.breach.id.clone())
    }

    /// Exposed classes: those of one breach joined by `+`.
    #[must_use]
    pub fn fields(&self) -> String {
        self.list(|exposure| exposure.fields().collect::<Vec<_>>().join("+"))
    }

    /// How sure each breach is.
    #[must_use]
    pub fn confidence(&self) -> String {
        self.list(|exposure| exposure.breach.status.name().to_owned())
    }

    /// By which kinds of identifiers each breach was found: those of one breach joined by `+`.
    #[must_use]
    pub fn matched(&self) -> String {
        self.list(|exposure| exposure.kinds.iter().map(Kind::name).collect::<Vec<_>>().join("+"))
    }

    /// Date of the earliest breach. Dates are years first, so their order is that of their text.
    #[must_use]
    pub fn since(&self) -> &'a str {
        self.exposures().iter().map(|exposure| exposure.breach.date.as_str()).min().unwrap_or_default()
    }

    fn list(&self, item: impl Fn(&Exposure<'a>) -> String) -> String {
        self.exposures().iter().map(item).collect::<Vec<_>>().join(";")
    }
}

/// The matches of one customer, a breach once, in manifest order.
fn exposures<'a>(
    matches: impl IntoIterator<Item = (Kind, Match)>,
    breaches: &'a [Breach],
) -> Vec<Exposure<'a>> {
    let mut exposures = Vec::<Exposure<'a>>::new();
    for (kind, Match { breach: at, label }) in matches {
        let Some(breach) = breaches.get(usize::from(at)) else { continue };
        let place = exposures.binary_search_by_key(&at, |exposure| exposure.at).unwrap_or_else(|place| {
            exposures.insert(place, Exposure { breach, label: 0, kinds: Kinds::default(), at });
            place
        });
        exposures[place].label |= label;
        exposures[place].kinds.insert(kind);
    }
    exposures
}

impl NotLookedUp {
    /// Nothing stands in any column.
    const NOTHING: Self = Self { kind: None, reason: Rejection::Empty.name() };
}

impl<'a> Exposure<'a> {
    /// Names of the exposed classes.
    pub fn fields(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.breach.classes(self.label)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use samar_protocol::identifier::Identifier;
    use samar_protocol::manifest::Status;

    use super::*;

    pub(in crate::report) fn found(breach: u16, label: u32) -> Match {
        Match { breach, label }
    }

    fn identifier() -> Identifier {
        Identifier::parse(Kind::Nik, "3201010101010001").unwrap()
    }

    /// The verdict on a NIK with these matches.
    pub(in crate::report) fn of_nik(
        matches: impl IntoIterator<Item = Match>,
        breaches: &[Breach],
    ) -> Verdict<'_> {
        Verdict::of_one(Kind::Nik, matches, breaches)
    }

    pub(in crate::report) fn breaches() -> Vec<Breach> {
        let breach = |id: &str, date: &str, status, exposes: &[&str], varies: &[&str]| Breach {
            id: id.to_owned(),
            title: format!("Title of {id}"),
            date: date.to_owned(),
            status,
            exposes: exposes.iter().map(ToString::to_string).collect(),
            varies: varies.iter().map(ToString::to_string).collect(),
            segments: Vec::new(),
        };
        vec![
            breach("bpjs-2021", "2021-05", Status::Claimed, &["phone", "address"], &["photo", "salary"]),
            breach("dukcapil-2021", "2021-06", Status::Disputed, &["civil_record"], &[]),
            breach("sim-2020", "2020", Status::Confirmed, &["phone"], &[]),
        ]
    }

    #[test]
    fn lists_stand_in_breach_order_and_since_is_the_earliest() {
        let breaches = breaches();
        let verdict = of_nik([found(0, 0b10), found(2, 0)], &breaches);
        assert_eq!(verdict.status(), "exposed");
        assert_eq!(verdict.breaches(), "bpjs-2021;sim-2020");
        assert_eq!(verdict.fields(), "phone+address+salary;phone");
        assert_eq!(verdict.confidence(), "claimed;confirmed");
        assert_eq!(verdict.matched(), "nik;nik");
        assert_eq!(verdict.since(), "2020");
    }

    #[test]
    fn what_several_identifiers_find_in_a_breach_is_one_exposure() {
        let breaches = breaches();
        let asked = Asked { kinds: &[Kind::Nik, Kind::Email, Kind::Phone], niks_alone: false, in_part: true };
        let matches = [
            (Kind::Nik, found(2, 0)),
            (Kind::Email, found(0, 0b10)),
            (Kind::Email, found(2, 0)),
            (Kind::Phone, found(0, 0b01)),
        ];
        let cells = [Ok(identifier()), Ok(identifier()), Err(Unusable::Invalid("bad-prefix"))];
        let verdict = Verdict::on(&cells, asked, matches, &breaches);
        assert_eq!(verdict.breaches(), "bpjs-2021;sim-2020");
        assert_eq!(verdict.fields(), "phone+address+photo+salary;phone");
        assert_eq!(verdict.matched(), "phone+email;nik+email");
        let rest: Vec<_> = asked.not_looked_up(&cells).map(|rest| rest.to_string()).collect();
        assert_eq!(rest, ["phone:bad-prefix"], "what could not be looked up is told of the exposed too");
    }

    #[test]
    fn only_who_was_looked_up_by_all_that_stands_there_is_clear() {
        let status = |niks_alone, cells: &[Cell]| {
            let kinds = &[Kind::Nik, Kind::Phone][..cells.len()];
            let asked = Asked { kinds, niks_alone, in_part: false };
            let verdict = Verdict::on(cells, asked, [], &[]);
            let in_part = Verdict::on(cells, Asked { in_part: true, ..asked }, [], &[]);
            assert_eq!(in_part.status(), verdict.status().replace("clear", "not-found"));
            let rest = [verdict.breaches(), verdict.fields(), verdict.confidence(), verdict.matched()];
            assert!(rest.concat().is_empty() && verdict.since().is_empty());
            verdict.status()
        };
        let (empty, bad) = (|| Err(Unusable::Empty), || Err(Unusable::Invalid("wrong-length")));
        assert_eq!(status(true, &[Ok(identifier())]), "clear");
        assert_eq!(status(true, &[bad()]), "invalid:wrong-length");
        assert_eq!(status(true, &[empty()]), "invalid:empty");
        assert_eq!(status(false, &[empty(), Ok(identifier())]), "clear", "not everybody has everything");
        assert_eq!(status(false, &[Ok(identifier()), bad()]), "invalid:phone:wrong-length");
        assert_eq!(status(false, &[bad(), bad()]), "invalid:nik:wrong-length");
        assert_eq!(status(false, &[empty(), empty()]), "invalid:empty");
    }
}
