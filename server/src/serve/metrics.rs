//! What the server counts, for Prometheus. Names and units stand in docs/operator.md; none carries an identifier or the name
//! of a bank. Everything that can be counted is there from the start, at zero.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use samar_protocol::group::Backend;
use samar_protocol::wire::RefusalCode;

/// Names of requests, as the logs have them; `unread` is one that could not be read.
pub(super) const KINDS: [&str; 9] =
    ["join", "manifest", "fetch", "evaluate", "rekey", "hint", "lookup", "allowance", "unread"];
/// How a request that was not refused ends.
const ANSWERED: &str = "answered";
const GONE: &str = "gone";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// The counters, and the registry that writes them out.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Outcome, Counter>,
    durations: Family<Kind, Histogram>,
    /// Elements evaluated.
    pub(super) evaluations: Counter,
    /// Of these, charged; the rest were batches tried again.
    pub(super) charged: Counter,
    /// Elements rekeyed.
    pub(super) rekeyings: Counter,
    /// Seconds that debits waited for the disk.
    pub(super) log_sync: Histogram,
    /// Handshakes that ended without a connection.
    pub(super) handshakes_failed: Counter,
    /// Peers that were turned away before or at their connection.
    pub(super) turned_away: Counter,
    /// Connections open.
    pub(super) connections: Gauge,
    /// Epoch that is served; 0 for none.
    pub(super) epoch: Gauge<u64, AtomicU64>,
    /// When its manifest runs out, seconds since 1970.
    pub(super) manifest_expiry: Gauge<u64, AtomicU64>,
    /// When the server's certificate does.
    pub(super) certificate_expiry: Gauge<u64, AtomicU64>,
}

impl Metrics {
    pub(super) fn new(backend: Backend) -> Self {
        let mut registry = Registry::with_prefix("samar");
        let durations = Family::<Kind, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.001, 2.0, 16)) // 1 ms to 33 s
        });
        let metrics = Self {
            requests: Family::default(),
            durations,
            evaluations: Counter::default(),
            charged: Counter::default(),
            rekeyings: Counter::default(),
            log_sync: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            handshakes_failed: Counter::default(),
            turned_away: Counter::default(),
            connections: Gauge::default(),
            epoch: Gauge::default(),
            manifest_expiry: Gauge::default(),
            certificate_expiry: Gauge::default(),
            registry: Registry::default(),
        };
        let build = [("version", env!("CARGO_PKG_VERSION")), ("backend", backend.name())];
        registry.register("build", "Version and arithmetic", Info::new(build));
        registry.register("requests", "Requests by kind and outcome", metrics.requests.clone());
        let help = "From the first byte of a request to the last of its response";
        registry.register_with_unit("request_duration", help, Unit::Seconds, metrics.durations.clone());
        registry.register("evaluations", "Elements evaluated", metrics.evaluations.clone());
        registry.register("evaluations_charged", "Elements charged", metrics.charged.clone());
        registry.register("rekeyings", "Elements rekeyed", metrics.rekeyings.clone());
        let help = "Debits waiting for the account log to be on the disk";
        registry.register_with_unit("account_log_sync", help, Unit::Seconds, metrics.log_sync.clone());
        let help = "Handshakes that came to no connection";
        registry.register("handshakes_failed", help, metrics.handshakes_failed.clone());
        let help = "Peers turned away for want of room";
        registry.register("connections_turned_away", help, metrics.turned_away.clone());
        registry.register("connections", "Connections open", metrics.connections.clone());
        registry.register("epoch", "Epoch served; 0 for none", metrics.epoch.clone());
        let help = "When the served manifest runs out, since 1970";
        registry.register_with_unit("manifest_expiry", help, Unit::Seconds, metrics.manifest_expiry.clone());
        let help = "When the server's certificate runs out, since 1970";
        let expiry = metrics.certificate_expiry.clone();
        registry.register_with_unit("certificate_expiry", help, Unit::Seconds, expiry);
        for kind in KINDS {
            let refused = RefusalCode::ALL.iter().map(|code| code.name());
            for outcome in refused.chain([ANSWERED, GONE]) {
                let _ = metrics.requests.get_or_create(&Outcome { kind, outcome });
            }
            let _ = metrics.durations.get_or_create(&Kind { kind });
        }
        Self { registry, ..metrics }
    }

    /// A request that came to an end: refused with this code, or answered.
    pub(super) fn request(&self, kind: &'static str, refused: Option<RefusalCode>, took: Duration) {
        let outcome = refused.map_or(ANSWERED, RefusalCode::name);
        self.requests.get_or_create(&Outcome { kind, outcome }).inc();
        self.durations.get_or_create(&Kind { kind }).observe(took.as_secs_f64());
    }

    /// A request whose answer the peer did not stay for.
    pub(super) fn gone(&self, kind: &'static str) {
        self.requests.get_or_create(&Outcome { kind, outcome: GONE }).inc();
    }

    /// All of it, in the OpenMetrics text format.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string fails only if a metric does not encode, and then nothing is better than a part.
        if text::encode(&mut out, &self.registry).is_err() {
            out.clear();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_there_at_zero_and_documented() {
        let metrics = Metrics::new(Backend::Portable);
        let text = metrics.text();
        let guide = include_str!("../../../docs/operator.md");
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let mut count = 0;
        for name in names {
            assert!(guide.contains(&format!("`{name}`")), "docs/operator.md does not say what {name} is");
            count += 1;
        }
        assert_eq!(count, 13);
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("samar_build")) {
            assert!(line.ends_with(" 0") || line.ends_with(" 0.0"), "not zero: {line}");
        }
        metrics.request("evaluate", Some(RefusalCode::Busy), Duration::from_millis(3));
        let busy = "samar_requests_total{kind=\"evaluate\",outcome=\"busy\"} 1";
        assert!(metrics.text().lines().any(|line| line == busy), "{}", metrics.text());
    }
}
