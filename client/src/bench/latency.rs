//! How long exchanges took: a histogram of constant size, three digits exact.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Microseconds above which a latency is counted as this: an exchange that stands still for 30 s has failed before.
const MAX_US: u64 = 3_600_000_000;

/// Latencies of one step.
pub(super) struct Latencies(Histogram<u64>);

/// Percentiles in milliseconds. One is there only where enough exchanges were measured for some to lie above it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the exchanges took longer; from 2 exchanges on.
    pub p50: Option<f64>,
    /// One in 10 took longer; from 10 on.
    pub p90: Option<f64>,
    /// One in 100 took longer; from 100 on.
    pub p99: Option<f64>,
    /// One in 1,000 took longer; from 1,000 on.
    pub p999: Option<f64>,
    /// The longest.
    pub max: f64,
}

impl Latencies {
    pub(super) fn new() -> Self {
        // Unwrap safety: 1 to an hour and 3 digits are bounds that the histogram takes.
        Self(Histogram::new_with_bounds(1, MAX_US, 3).expect("constant bounds"))
    }

    pub(super) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(MAX_US));
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        let above_one_in = |exchanges: u32| {
            let quantile = 1.0 - 1.0 / f64::from(exchanges);
            (self.0.len() >= exchanges.into()).then(|| milliseconds(self.0.value_at_quantile(quantile)))
        };
        Percentiles {
            p50: above_one_in(2),
            p90: above_one_in(10),
            p99: above_one_in(100),
            p999: above_one_in(1_000),
            max: milliseconds(self.0.max()),
        }
    }
}

#[allow(clippy::cast_precision_loss)] // an hour in microseconds has 32 bits
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(ms: impl Iterator<Item = u64>) -> Percentiles {
        let mut latencies = Latencies::new();
        ms.for_each(|ms| latencies.record(Duration::from_millis(ms)));
        latencies.percentiles()
    }

    #[test]
    fn percentiles_are_those_of_the_exchanges() {
        let near = |got: Option<f64>, ms: f64| (got.unwrap() - ms).abs() <= ms / 1_000.0;
        let percentiles = latencies(1..=1_000);
        assert!(near(percentiles.p50, 500.0) && near(percentiles.p90, 900.0), "{percentiles:?}");
        assert!(near(percentiles.p99, 990.0) && near(percentiles.p999, 999.0), "{percentiles:?}");
        assert!(near(Some(percentiles.max), 1_000.0), "{percentiles:?}");
    }

    #[test]
    fn a_percentile_of_too_few_exchanges_is_not_given() {
        let given = |count| {
            let Percentiles { p50, p90, p99, p999, .. } = latencies((0..count).map(|_| 5));
            [p50, p90, p99, p999].map(|percentile| percentile.is_some())
        };
        assert_eq!(given(1), [false, false, false, false]);
        assert_eq!(given(9), [true, false, false, false]);
        assert_eq!(given(99), [true, true, false, false]);
        assert_eq!(given(999), [true, true, true, false]);
        assert_eq!(given(1_000), [true, true, true, true]);
    }

    #[test]
    fn a_latency_past_the_bound_is_counted() {
        let percentiles = latencies([1, u64::MAX / 1_000].into_iter());
        assert!(percentiles.max >= 3_600_000.0, "{percentiles:?}");
    }
}
