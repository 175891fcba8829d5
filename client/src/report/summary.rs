//! What a screening came to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use samar_local::people::{thousands, wrapped};
use samar_protocol::manifest::Breach;
use samar_protocol::segment::REMAINDER_BITS;
use serde::Serialize;

use super::Verdict;
use crate::people::{bytes, counted};

/// One breach in a summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreachSummary {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// When it happened.
    pub date: String,
    /// How sure it is.
    pub status: &'static str,
    /// Rows exposed in it.
    pub exposed: u64,
}

/// One column of identifiers in a summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnSummary {
    /// Its name, as it was given.
    pub column: String,
    /// The kind of its identifiers.
    pub kind: &'static str,
    /// Cells with a usable identifier.
    pub identifiers: u64,
    /// Cells with nothing in them.
    pub empty: u64,
    /// Cells with something that is no identifier, by reason.
    pub invalid: BTreeMap<&'static str, u64>,
    /// Rows exposed by it.
    pub matched: u64,
}

/// What a screening came to. Counts of exposure are in rows, as the report has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Rows of the file, its header apart.
    pub rows: u64,
    /// Different identifiers among them.
    pub unique: u64,
    /// Identifiers evaluated in this run.
    pub evaluated: u64,
    /// Identifiers that an earlier run had evaluated: they stood in the ledger.
    pub reused: u64,
    /// Evaluations charged to the allowance in this run.
    pub charged: u64,
    /// Evaluations of nothing, which hide how many identifiers a customer has.
    pub padding: u64,
    /// The columns of identifiers.
    pub columns: Vec<ColumnSummary>,
    /// Rows whose status is invalid, by reason.
    pub invalid: BTreeMap<String, u64>,
    /// Rows exposed in at least one breach.
    pub exposed: u64,
    /// The breaches that were looked at: those of the synced set, unless some were named.
    pub breaches: Vec<BreachSummary>,
    /// Rows exposed, by data class.
    pub classes: BTreeMap<String, u64>,
    /// Rows exposed, by how sure their breaches are.
    pub confidence: BTreeMap<&'static str, u64>,
    /// What the file as a whole looks like.
    pub warnings: Vec<String>,
    /// Seconds, from the first reading to the report.
    pub seconds: f64,
    /// Rows in a second.
    pub customers_per_second: f64,
    /// Bytes sent, headers and retransmissions included.
    pub bytes_sent: u64,
    /// Bytes received, likewise.
    pub bytes_received: u64,
    /// Bytes sent for each row.
    pub bytes_sent_per_customer: f64,
    /// Bytes received for each row.
    pub bytes_received_per_customer: f64,
    /// Epoch of the synced set.
    pub epoch: u64,
    /// Those that were named, where not all were looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// The epoch that the exposures are news since, where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Hash of its manifest.
    pub manifest_hash: String,
    /// Arithmetic used.
    pub backend: &'static str,
    /// Probability that this run reports an exposure that is none: identifiers × segments × 2^-40.
    pub false_match_probability: f64,
}

impl Summary {
    /// Counts one row of the report.
    pub(crate) fn count(&mut self, verdict: &Verdict<'_>) {
        if let Verdict::Invalid(unusable) = verdict {
            *self.invalid.entry(unusable.to_string()).or_default() += 1;
        }
        let exposures = verdict.exposures();
        self.exposed += u64::from(!exposures.is_empty());
        let mut sure: Vec<&str> = exposures.iter().map(|exposure| exposure.breach.status.name()).collect();
        sure.sort_unstable();
        sure.dedup();
        for status in sure {
            *self.confidence.entry(status).or_default() += 1;
        }
        let mut classes: Vec<&str> = exposures.iter().flat_map(|exposure| exposure.fields()).collect();
        classes.sort_unstable();
        classes.dedup();
        for class in classes {
            match self.classes.get_mut(class) {
                Some(rows) => *rows += 1,
                None => drop(self.classes.insert(class.to_owned(), 1)),
            }
        }
        for exposure in exposures {
            // Breaches ascend by id in a manifest, and here.
            let at = self.breaches.binary_search_by(|breach| breach.id.as_str().cmp(&exposure.breach.id));
            if let Some(breach) = at.ok().and_then(|at| self.breaches.get_mut(at)) {
                breach.exposed += 1;
            }
        }
    }

    /// What was looked at, for people, where that is not the whole set.
    pub(crate) fn scope(&self) -> Option<String> {
        let only = (!self.only.is_empty()).then(|| format!("only {}", self.only.join(", ")));
        let since = self.since.map(|epoch| format!("only what is new since epoch {epoch}"));
        let parts: Vec<String> = only.into_iter().chain(since).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Counts one row that was exposed by these columns, in ascending order; one may stand there several times.
    pub(crate) fn count_columns(&mut self, columns: impl IntoIterator<Item = usize>) {
        let mut last = None;
        for column in columns {
            if last.replace(column) != Some(column)
                && let Some(summary) = self.columns.get_mut(column)
            {
                summary.matched += 1;
            }
        }
    }

    /// Rows whose status is invalid.
    #[must_use]
    pub fn invalid_rows(&self) -> u64 {
        self.invalid.values().sum()
    }
}

/// Breaches with nothing counted yet.
pub(crate) fn uncounted(breaches: &[Breach]) -> Vec<BreachSummary> {
    let uncounted = |breach: &Breach| BreachSummary {
        id: breach.id.clone(),
        title: breach.title.clone(),
        date: breach.date.clone(),
        status: breach.status.name(),
        exposed: 0,
    };
    breaches.iter().map(uncounted).collect()
}

/// Probability that one of `unique` identifiers matches one of `segments` by chance, at most.
#[allow(clippy::cast_precision_loss)] // shown with two digits
pub(crate) fn false_match_probability(unique: u64, segments: usize) -> f64 {
    (unique as f64 * segments as f64 / 2f64.powi(REMAINDER_BITS.cast_signed())).min(1.0)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "screened    {}, {} different", counted(self.rows, "row"), thousands(self.unique))?;
        write!(f, "evaluated   {}, {} charged", thousands(self.evaluated), thousands(self.charged))?;
        if self.reused > 0 {
            write!(f, "; {} known from earlier runs", thousands(self.reused))?;
        }
        if self.padding > 0 {
            write!(f, "\n            and {} of nothing, which hide who has what", thousands(self.padding))?;
        }
        writeln!(f)?;
        line(f, "looked at", &self.scope().unwrap_or_default())?;
        writeln!(f, "exposed     {}", counted(self.exposed, "row"))?;
        for breach in self.breaches.iter().filter(|breach| breach.exposed > 0) {
            let BreachSummary { id, date, status, exposed, .. } = breach;
            writeln!(f, "  {:>12}  {id} ({status}, {date})", thousands(*exposed))?;
        }
        let mut classes = String::new();
        for (class, rows) in &self.classes {
            write!(classes, "{}{class} {}", if classes.is_empty() { "" } else { ", " }, thousands(*rows))?;
        }
        line(f, "fields", &classes)?;
        let sure = self.confidence.iter().map(|(status, rows)| format!("{status} {}", thousands(*rows)));
        line(f, "confidence", &sure.collect::<Vec<_>>().join(", "))?;
        if let [_, _, ..] = self.columns.as_slice() {
            for column in &self.columns {
                let ColumnSummary { column, kind, identifiers, matched, .. } = column;
                let (identifiers, matched) = (thousands(*identifiers), thousands(*matched));
                line(f, kind, &format!("{matched} exposed of {identifiers} in column {column}"))?;
            }
        }
        if self.invalid_rows() > 0 {
            writeln!(f, "invalid     {}", counted(self.invalid_rows(), "row"))?;
            for (reason, rows) in &self.invalid {
                writeln!(f, "  {:>12}  {reason}", thousands(*rows))?;
            }
        }
        for warning in &self.warnings {
            line(f, "warning", warning)?;
        }
        writeln!(
            f,
            "time        {:.1} s, {:.0} rows/s ({})",
            self.seconds, self.customers_per_second, self.backend
        )?;
        let (sent, received) = (self.bytes_sent_per_customer, self.bytes_received_per_customer);
        write!(f, "network     {} sent, {} received", bytes(self.bytes_sent), bytes(self.bytes_received))?;
        writeln!(f, " ({sent:.1} + {received:.1} bytes a row)")?;
        write!(f, "set         epoch {}; ", self.epoch)?;
        write!(f, "probability of a false match in this run {:.1e}", self.false_match_probability)
    }
}

/// `name` and `text`, broken between words at 80 columns; nothing for no text.
fn line(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    if text.is_empty() { Ok(()) } else { writeln!(f, "{}", wrapped(name, text)) }
}

#[cfg(test)]
pub(in crate::report) mod tests {
    use super::super::verdict::tests::{breaches, found, of_nik};
    use super::*;
    use crate::report::NotLookedUp;

    fn column(kind: &'static str, column: &str) -> ColumnSummary {
        let (column, invalid) = (column.trim().to_owned(), BTreeMap::new());
        ColumnSummary { column, kind, identifiers: 1_000_000, empty: 0, invalid, matched: 0 }
    }

    pub(in crate::report) fn summary() -> Summary {
        Summary {
            rows: 1_200_000,
            unique: 1_100_000,
            evaluated: 1_000_000,
            reused: 100_000,
            charged: 1_000_000,
            padding: 200_000,
            columns: vec![column("nik", "NO_KTP"), column("email", &"SUREL ".repeat(20))],
            invalid: BTreeMap::from([("bad-day".to_owned(), 3), ("zero-serial".to_owned(), 1_200)]),
            exposed: 0,
            breaches: uncounted(&breaches()),
            classes: BTreeMap::new(),
            confidence: BTreeMap::new(),
            warnings: vec!["word ".repeat(40).trim().to_owned()],
            seconds: 12.0,
            customers_per_second: 100_000.0,
            bytes_sent: 35_000_000,
            bytes_received: 35_200_000,
            bytes_sent_per_customer: 29.2,
            bytes_received_per_customer: 29.3,
            epoch: 7,
            only: Vec::new(),
            since: None,
            manifest_hash: "ab".repeat(32),
            backend: "portable",
            false_match_probability: false_match_probability(10_000_000, 1),
        }
    }

    #[test]
    fn a_row_counts_once_for_a_class_however_many_breaches_expose_it() {
        let breaches = breaches();
        let mut summary = summary();
        summary.count(&of_nik([found(0, 0), found(2, 0)], &breaches));
        summary.count(&of_nik([found(2, 0)], &breaches));
        summary.count(&Verdict::Clear);
        summary.count(&Verdict::Invalid(NotLookedUp { kind: None, reason: "bad-day" }));
        summary.count_columns([0, 0, 1]);
        summary.count_columns([1]);
        assert_eq!((summary.exposed, summary.invalid["bad-day"]), (2, 4));
        assert_eq!(summary.confidence, BTreeMap::from([("claimed", 1), ("confirmed", 2)]));
        assert_eq!(summary.columns.iter().map(|column| column.matched).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(summary.classes, BTreeMap::from([("address".to_owned(), 1), ("phone".to_owned(), 2)]));
        assert_eq!(summary.breaches.iter().map(|breach| breach.exposed).collect::<Vec<_>>(), [1, 0, 2]);
    }

    #[test]
    fn people_read_it_in_80_columns() {
        let mut summary = summary();
        assert!(!summary.to_string().contains("looked at"));
        (summary.only, summary.since) = (vec!["x".repeat(64), "y".repeat(64)], Some(3));
        let text = summary.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("new since epoch 3"), "{text}");
        assert!(text.contains("1,200,000 rows, 1,100,000 different"), "{text}");
        assert!(text.contains("9.1e-6"), "{text}");
    }
}
