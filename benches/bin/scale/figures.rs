//! What came out, as a table and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::process::Usage;

/// One step of the road.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) step: &'static str,
    pub(crate) clock_s: f64,
    /// Of the program that is measured, on all cores.
    pub(crate) processor_s: f64,
    /// Of what runs beside it: the dump that is made up, or the server.
    pub(crate) beside_processor_s: f64,
    pub(crate) peak_rss_mib: f64,
    /// Of the operator's folder, at most, since the step before.
    pub(crate) disk_gib: f64,
}

impl Step {
    pub(crate) fn new(step: &'static str, usage: Usage, beside_processor_s: f64, disk_bytes: u64) -> Self {
        let Usage { clock_s, processor_s, .. } = usage;
        let peak_rss_mib = mib(usage.peak_kib);
        Self {
            step,
            clock_s: round(clock_s),
            processor_s: round(processor_s),
            beside_processor_s: round(beside_processor_s),
            peak_rss_mib,
            disk_gib: gib(disk_bytes),
        }
    }
}

/// The whole run. Times are of the clock, in seconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) entries: u64,
    pub(crate) customers: u64,
    pub(crate) ingest_s: f64,
    pub(crate) publish_s: f64,
    /// Resident at most, of ingest, publish, addition, rotation and server.
    pub(crate) peak_rss_mib: f64,
    /// All published segments after the first publish, headers, directories and labels included.
    pub(crate) bits_per_entry: f64,
    pub(crate) screen_first_s: f64,
    pub(crate) screen_again_s: f64,
    /// Bytes that a bank downloads after an addition of 1 %, as a share of the first download.
    pub(crate) delta_download_share: f64,
    pub(crate) rotate_s: f64,
    /// Of the operator's folder, at most.
    pub(crate) disk_peak_gib: f64,
    /// The same, until the first publish has ended.
    pub(crate) disk_ingest_publish_gib: f64,
    pub(crate) backend: String,
    /// Publishing the addition, as a share of the first publish.
    pub(crate) delta_publish_share: f64,
    pub(crate) sync_s: f64,
    pub(crate) sync_mb_per_s: f64,
    /// The first screening after the rotation: the ledger is rekeyed.
    pub(crate) screen_rotated_s: f64,
    pub(crate) bank_peak_rss_mib: f64,
    pub(crate) memory: String,
    pub(crate) bank_memory: String,
    pub(crate) machine: String,
    pub(crate) commit: String,
    pub(crate) steps: Vec<Step>,
}

impl Figures {
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{} entries, {} customers; backend {}, --memory {} and {}\n{}; commit {}\n\n",
            self.entries,
            self.customers,
            self.backend,
            self.memory,
            self.bank_memory,
            self.machine,
            self.commit
        );
        let head = ["step", "clock s", "processor s", "beside it s", "resident MiB", "disk GiB"];
        let [step, clock, processor, beside, resident, disk] = head;
        // Writing to a String does not fail.
        let _ = writeln!(text, "{step:<34}{clock:>9}{processor:>13}{beside:>13}{resident:>14}{disk:>10}");
        for step in &self.steps {
            let Step { step, clock_s, processor_s, beside_processor_s, peak_rss_mib, disk_gib } = step;
            let _ = write!(text, "{step:<34}{clock_s:>9.1}{processor_s:>13.1}{beside_processor_s:>13.1}");
            let _ = writeln!(text, "{peak_rss_mib:>14.0}{disk_gib:>10.2}");
        }
        let _ = writeln!(text);
        for (name, figure) in [
            ("ingest and publish", format!("{:.1} s", self.ingest_s + self.publish_s)),
            ("bits an entry", format!("{:.2}", self.bits_per_entry)),
            ("download", format!("{:.0} MB/s", self.sync_mb_per_s)),
            (
                "an addition of 1 %: publish",
                format!("{:.2} % of the first", 100.0 * self.delta_publish_share),
            ),
            (
                "an addition of 1 %: download",
                format!("{:.2} % of the first", 100.0 * self.delta_download_share),
            ),
            ("operator's disk, ingest and publish", format!("{:.2} GiB", self.disk_ingest_publish_gib)),
            ("operator's disk at most", format!("{:.2} GiB", self.disk_peak_gib)),
        ] {
            let _ = writeln!(text, "{name:<37}{figure}");
        }
        text
    }
}

#[allow(clippy::cast_precision_loss)] // shown with few digits
fn gib(bytes: u64) -> f64 {
    round(bytes as f64 / f64::from(1 << 30))
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[allow(clippy::cast_precision_loss)] // shown with few digits
pub(crate) fn mib(kib: u64) -> f64 {
    (kib as f64 / 1024.0).round()
}
