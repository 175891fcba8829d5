//! Progress on a terminal's standard error; nothing in a pipe.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is being counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as KiB, MiB, GiB.
    Bytes,
    /// Things, shown as numbers.
    Count,
}

/// Done ones that gather before the line is told: it asks the clock each time.
const TELL: u64 = 1_024;

/// A line that shows how far a task has come, at what rate, and how long it will take. Cheap to update, row by row.
#[derive(Debug)]
pub struct Progress {
    line: ProgressBar,
    /// Done, and not told to the line yet.
    untold: AtomicU64,
}

impl Progress {
    /// A task of `total` units, where that is known. Draws only where standard error is a terminal.
    #[must_use]
    pub fn new(task: &'static str, unit: Unit, total: Option<u64>) -> Self {
        let amount = match (unit, total) {
            (Unit::Bytes, Some(_)) => "{bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            (Unit::Bytes, None) => "{bytes} {bytes_per_sec}",
            (Unit::Count, Some(_)) => "{human_pos}/{human_len} {per_sec:0} {eta} left",
            (Unit::Count, None) => "{human_pos} {per_sec:0}",
        };
        let bar = if total.is_some() { "[{bar:24}] " } else { "{spinner} " };
        let style = ProgressStyle::with_template(&format!("{{prefix:<10}} {bar}{amount}"))
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
            .with_prefix(task)
            .with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { line: bar, untold: AtomicU64::new(0) }
    }

    /// So many more are done.
    pub fn add(&self, amount: u64) {
        if self.untold.fetch_add(amount, Ordering::Relaxed) + amount >= TELL {
            self.line.inc(self.untold.swap(0, Ordering::Relaxed));
        }
    }

    /// So many are done in all.
    pub fn set(&self, amount: u64) {
        self.line.set_position(amount);
    }

    /// Clears the line.
    pub fn finish(&self) {
        self.line.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}
