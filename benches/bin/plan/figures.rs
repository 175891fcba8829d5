//! What came out, as a table and for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// One breach.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Breach {
    pub(crate) id: &'static str,
    pub(crate) dumps: usize,
    pub(crate) entries: u64,
    /// Of all its dumps together, by the clock.
    pub(crate) ingest_s: f64,
    pub(crate) processor_s: f64,
    pub(crate) peak_rss_mib: f64,
    pub(crate) vault_bytes: u64,
    pub(crate) published_bytes: u64,
}

/// The whole run. Times are of the clock, in seconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) share: f64,
    pub(crate) customers: u64,
    pub(crate) exposed: u64,
    pub(crate) breaches: Vec<Breach>,
    pub(crate) publish_s: f64,
    pub(crate) publish_peak_rss_mib: f64,
    pub(crate) sync_s: f64,
    pub(crate) sync_bytes: u64,
    pub(crate) screen_first_s: f64,
    pub(crate) screen_again_s: f64,
    pub(crate) evaluated: u64,
    pub(crate) bank_peak_rss_mib: f64,
    /// Of the operator's folder after publishing, and of the bank's after screening.
    pub(crate) operator_bytes: u64,
    pub(crate) bank_bytes: u64,
    pub(crate) machine: String,
}

impl Figures {
    /// As it came out, and in proportion to the whole.
    #[allow(clippy::cast_precision_loss)] // shown with few digits
    pub(crate) fn table(&self) -> String {
        let mut text =
            format!("{} of the whole; {} customers; {}\n\n", self.share, self.customers, self.machine);
        let head = [
            "breach",
            "dumps",
            "entries",
            "ingest s",
            "µs/entry",
            "vault MB",
            "published MB",
            "bits/entry",
            "MiB",
        ];
        let [breach, dumps, entries, ingest, each, vault, published, bits, resident] = head;
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "{breach:<16}{dumps:>6}{entries:>13}{ingest:>10}{each:>10}{vault:>10}{published:>14}{bits:>12}{resident:>7}"
        );
        for breach in &self.breaches {
            let entries = breach.entries as f64;
            let _ = writeln!(
                text,
                "{:<16}{:>6}{:>13}{:>10.1}{:>10.2}{:>10.1}{:>14.1}{:>12.2}{:>7.0}",
                breach.id,
                breach.dumps,
                breach.entries,
                breach.ingest_s,
                breach.ingest_s * 1e6 / entries,
                breach.vault_bytes as f64 / 1e6,
                breach.published_bytes as f64 / 1e6,
                breach.published_bytes as f64 * 8.0 / entries,
                breach.peak_rss_mib,
            );
        }
        let all_ingest: f64 = self.breaches.iter().map(|breach| breach.ingest_s).sum();
        let published: u64 = self.breaches.iter().map(|breach| breach.published_bytes).sum();
        let _ = writeln!(text, "\n{:<28}{:>12}{:>24}", "", "here", "in proportion, whole");
        let whole = |value: f64| value / self.share;
        for (name, value, unit) in [
            ("ingest of all", all_ingest, "s"),
            ("publish", self.publish_s, "s"),
            ("published", published as f64 / 1e6, "MB"),
            ("operator's folder", self.operator_bytes as f64 / 1e6, "MB"),
            ("sync", self.sync_s, "s"),
            ("screen, first time", self.screen_first_s, "s"),
            ("screen again", self.screen_again_s, "s"),
            ("bank's folder", self.bank_bytes as f64 / 1e6, "MB"),
        ] {
            let _ = writeln!(text, "{name:<28}{value:>9.1} {unit:<2}{:>21.0} {unit}", whole(value));
        }
        let _ = writeln!(
            text,
            "resident at most: operator {:.0} MiB, bank {:.0} MiB",
            self.breaches.iter().map(|breach| breach.peak_rss_mib).fold(self.publish_peak_rss_mib, f64::max),
            self.bank_peak_rss_mib
        );
        text
    }
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[allow(clippy::cast_precision_loss)] // shown with few digits
pub(crate) fn mib(kib: u64) -> f64 {
    (kib as f64 / 1024.0).round()
}
