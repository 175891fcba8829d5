//! What is known of one customer.

use samar_protocol::manifest::Breach;

use crate::matching::Match;

/// The answer for one customer. Breaches stand in manifest order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// In no breach of the synced set.
    Clear,
    /// In these.
    Exposed(Vec<Exposure<'a>>),
    /// There is no usable identifier, for the reason of this name.
    Invalid(&'static str),
}

/// One breach that a customer is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure<'a> {
    /// The breach.
    pub breach: &'a Breach,
    /// Which of its varying classes are exposed for this customer.
    pub label: u32,
}

impl<'a> Verdict<'a> {
    /// The verdict that these matches of one identifier come to.
    pub(crate) fn of(matches: impl IntoIterator<Item = Match>, breaches: &'a [Breach]) -> Self {
        let exposure = |found: Match| {
            Some(Exposure { breach: breaches.get(usize::from(found.breach))?, label: found.label })
        };
        let exposures: Vec<_> = matches.into_iter().filter_map(exposure).collect();
        if exposures.is_empty() { Self::Clear } else { Self::Exposed(exposures) }
    }

    /// The breaches; none unless exposed.
    #[must_use]
    pub fn exposures(&self) -> &[Exposure<'a>] {
        match self {
            Self::Exposed(exposures) => exposures,
            Self::Clear | Self::Invalid(_) => &[],
        }
    }

    /// `clear`, `exposed` or `invalid:REASON`.
    #[must_use]
    pub fn status(&self) -> String {
        match self {
            Self::Clear => "clear".to_owned(),
            Self::Exposed(_) => "exposed".to_owned(),
            Self::Invalid(reason) => format!("invalid:{reason}"),
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

    /// Date of the earliest breach. Dates are years first, so their order is that of their text.
    #[must_use]
    pub fn since(&self) -> &'a str {
        self.exposures().iter().map(|exposure| exposure.breach.date.as_str()).min().unwrap_or_default()
    }

    fn list(&self, item: impl Fn(&Exposure<'a>) -> String) -> String {
        self.exposures().iter().map(item).collect::<Vec<_>>().join(";")
    }
}

impl<'a> Exposure<'a> {
    /// Names of the exposed classes.
    pub fn fields(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.breach.classes(self.label)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use samar_protocol::manifest::Status;

    use super::*;

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
        let found = |breach, label| Match { breach, label };
        let verdict = Verdict::of([found(0, 0b10), found(2, 0)], &breaches);
        assert_eq!(verdict.status(), "exposed");
        assert_eq!(verdict.breaches(), "bpjs-2021;sim-2020");
        assert_eq!(verdict.fields(), "phone+address+salary;phone");
        assert_eq!(verdict.confidence(), "claimed;confirmed");
        assert_eq!(verdict.since(), "2020");
    }

    #[test]
    fn clear_and_invalid_name_no_breach() {
        let cases = [(Verdict::of([], &[]), "clear"), (Verdict::Invalid("bad-day"), "invalid:bad-day")];
        for (verdict, status) in cases {
            assert_eq!(verdict.status(), status);
            let rest = [verdict.breaches(), verdict.fields(), verdict.confidence()].concat();
            assert!(rest.is_empty() && verdict.since().is_empty());
        }
    }
}
