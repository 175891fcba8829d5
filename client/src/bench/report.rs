//! What a bench came to, for people and for programs.

use std::fmt;

use samar_local::people::thousands;
use samar_protocol::group::Backend;
use serde::Serialize;

use super::Percentiles;
use crate::people::{counted, time};

/// A bench, as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// When it began, seconds since 1970 UTC.
    pub measured_s: u64,
    /// The operator.
    pub operator: String,
    /// The bank's account.
    pub bank: String,
    /// The server, `host:port`.
    pub address: String,
    /// Epoch of the synced set, whose key the proofs were verified against.
    pub epoch: u64,
    /// This side.
    pub client: Machine,
    /// The server's arithmetic, as it says; `unknown` where it does not.
    pub server_backend: String,
    /// Seconds that a step could last.
    pub step_seconds: u64,
    /// Evaluations that could be spent.
    pub evaluations_max: u64,
    /// Evaluations charged, warm-ups included.
    pub charged: u64,
    /// Seconds that all of it took.
    pub seconds: f64,
    /// The steps, by batch and streams.
    pub steps: Vec<StepReport>,
}

/// The machine and the build that measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Its arithmetic.
    pub backend: &'static str,
    /// Processors that this program may use.
    pub cores: usize,
    /// Their kind.
    pub arch: &'static str,
    /// `release`, or `debug`, which is for tests and slower.
    pub build: &'static str,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepReport {
    /// Customers in an exchange.
    pub batch: u32,
    /// Exchanges in flight.
    pub streams: u32,
    /// Exchanges measured.
    pub exchanges: u64,
    /// Customers in them.
    pub customers: u64,
    /// Seconds from the first request to the last answer.
    pub seconds: f64,
    /// Customers in a second, from identifier to verified element.
    pub customers_per_second: f64,
    /// Milliseconds from a request's sending to its answer's being verified and unblinded.
    pub latency_ms: Percentiles,
    /// Bytes sent for each customer: UDP payload, with QUIC's own, acknowledgements and retransmissions.
    pub bytes_sent_per_customer: f64,
    /// Bytes received for each customer, likewise.
    pub bytes_received_per_customer: f64,
    /// Microseconds that this side's processors worked for each customer.
    pub client_cpu_us_per_customer: f64,
}

impl Machine {
    /// This one.
    pub(super) fn this(backend: Backend) -> Self {
        Self {
            backend: backend.name(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            arch: std::env::consts::ARCH,
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
        }
    }
}

impl Report {
    /// Lines that name what was measured: what, and its value.
    pub(super) fn facts(&self) -> [(&'static str, String); 5] {
        let Machine { backend, cores, arch, build } = &self.client;
        let cores = counted(*cores as u64, "core");
        [
            ("operator", format!("{}, epoch {}, as {}", self.operator, self.epoch, self.bank)),
            ("server", format!("{}, arithmetic {}", self.address, self.server_backend)),
            ("client", format!("samar {} ({build}), arithmetic {backend}, {cores}, {arch}", self.version)),
            ("measured", format!("{}, {:.0} s", time(self.measured_s), self.seconds)),
            ("charged", format!("{}; every proof verified", counted(self.charged, "evaluation"))),
        ]
    }
}

/// Three digits: `0.52`, `5.25`, `52.5`, `525`, `5,249`.
pub(super) fn short(number: f64) -> String {
    // The bounds are where the next form's rounding begins.
    match number {
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => whole(number),
    }
}

/// The nearest whole number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates, and is never negative
pub(super) fn whole(number: f64) -> String {
    thousands(number.round() as u64)
}

/// The number, or a dash where too little was measured.
pub(super) fn short_or_dash(number: Option<f64>) -> String {
    number.map_or_else(|| "–".to_owned(), short)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.facts() {
            writeln!(f, "{name:<10}{value}")?;
        }
        writeln!(f)?;
        writeln!(f, "{:>36}{:>32}{:>12}", "", "latency, ms", "bytes each")?;
        write!(f, "{:>6}{:>8}{:>10}{:>12}", "batch", "streams", "exchanges", "customers/s")?;
        writeln!(f, "{:>8}{:>8}{:>8}{:>8}{:>6}{:>6}", "p50", "p90", "p99", "max", "up", "down")?;
        for step in &self.steps {
            let Percentiles { p50, p90, p99, max, .. } = step.latency_ms;
            let (exchanges, rate) = (thousands(step.exchanges), whole(step.customers_per_second));
            write!(f, "{:>6}{:>8}{exchanges:>10}{rate:>12}", step.batch, step.streams)?;
            for latency in [p50, p90, p99, Some(max)] {
                write!(f, "{:>8}", short_or_dash(latency))?;
            }
            let (up, down) = (short(step.bytes_sent_per_customer), short(step.bytes_received_per_customer));
            writeln!(f, "{up:>6}{down:>6}")?;
        }
        writeln!(f)?;
        writeln!(f, "customers/s from identifiers to verified elements, latency from the request on.")?;
        write!(f, "bytes for each customer, QUIC's own included. –: too few exchanges to say.")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A report with names that HTML must escape.
    pub(in crate::bench) fn report() -> Report {
        let step = |batch: u32, streams: u32, exchanges: u64| StepReport {
            batch,
            streams,
            exchanges,
            customers: exchanges * u64::from(batch),
            seconds: 2.0,
            customers_per_second: 61_234.5 + f64::from(streams),
            latency_ms: Percentiles {
                p50: Some(4.56),
                p90: (exchanges >= 10).then_some(12.34),
                p99: (exchanges >= 100).then_some(123.4),
                p999: None,
                max: 1_234.5,
            },
            bytes_sent_per_customer: 36.42,
            bytes_received_per_customer: 234.5,
            client_cpu_us_per_customer: 18.2,
        };
        Report {
            version: "0.1.0",
            measured_s: 1_795_326_000,
            operator: "Badan <Contoh> & \"Kawan\"".to_owned(),
            bank: "bank-a".to_owned(),
            address: "samar.example.id:4433".to_owned(),
            epoch: 7,
            client: Machine { backend: "portable", cores: 2, arch: "x86_64", build: "release" },
            server_backend: "unknown".to_owned(),
            step_seconds: 2,
            evaluations_max: 500_000,
            charged: 412_345,
            seconds: 8.4,
            steps: vec![step(64, 1, 2_345), step(64, 16, 120), step(65_535, 1, 3), step(65_535, 16, 12)],
        }
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.0, 0.524, 5.249, 9.996, 52.49, 99.96, 524.9, 5_249.2].map(short);
        assert_eq!(shown, ["0.00", "0.52", "5.25", "10.0", "52.5", "100", "525", "5,249"]);
        assert_eq!(short_or_dash(None), "–");
    }

    #[test]
    fn people_read_it_in_80_columns() {
        let text = report().to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let row = " 65535       1         3      61,236    4.56       –       –   1,235  36.4   235";
        assert!(text.lines().any(|line| line == row), "{text}");
        assert!(text.contains("412,345 evaluations") && text.contains("arithmetic unknown"), "{text}");
    }

    #[test]
    fn programs_read_the_same() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["steps"][2]["latency_ms"]["p99"], serde_json::Value::Null);
        assert_eq!(json["steps"][1]["latency_ms"]["p99"], 123.4);
        assert_eq!(json["client"]["backend"], "portable");
    }
}
