//! Counters for Prometheus. Names are mapped to Kafka's JMX names in `docs/metrics.md`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use chronik_log::{LogStats, SYNC_MICROS_BOUNDS};
use chronik_protocol::Response;
use chronik_types::ErrorCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Error {
    api: &'static str,
    error: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct ByApi {
    api: &'static str,
}

type Count = Counter<u64, AtomicU64>;

/// A node's counters.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<ByApi, Count>,
    errors: Family<Error, Count>,
    latency: Family<ByApi, Histogram, fn() -> Histogram>,
    bytes_in: Count,
    bytes_out: Count,
    produced_bytes: Count,
    fetched_bytes: Count,
    connections: Gauge<i64, AtomicI64>,
    refused_connections: Count,
    panicked_connections: Count,
}

fn latency_histogram() -> Histogram {
    // 100 µs to 26 s.
    Histogram::new(exponential_buckets(0.0001, 2.0, 19))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("chronik"),
            requests: Family::default(),
            errors: Family::default(),
            latency: Family::new_with_constructor(latency_histogram),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            produced_bytes: Counter::default(),
            fetched_bytes: Counter::default(),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            panicked_connections: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register(
            "request_errors",
            "Error codes within answers, under Kafka's names",
            metrics.errors.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "Time from a request's last byte to its answer",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        for (name, help, counter) in [
            ("network_in", "Bytes of requests", &metrics.bytes_in),
            ("network_out", "Bytes of responses", &metrics.bytes_out),
            (
                "produced",
                "Bytes of record batches appended",
                &metrics.produced_bytes,
            ),
            (
                "fetched",
                "Bytes of record batches sent to consumers",
                &metrics.fetched_bytes,
            ),
        ] {
            registry.register_with_unit(name, help, Unit::Bytes, counter.clone());
        }
        registry.register(
            "connections",
            "Open client connections",
            metrics.connections.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections closed because of what the client did",
            metrics.refused_connections.clone(),
        );
        registry.register(
            "connections_panicked",
            "Connections closed by a mistake of ours",
            metrics.panicked_connections.clone(),
        );
        metrics
    }

    pub(crate) fn request(&self, api: &'static str, elapsed: Duration) {
        self.requests.get_or_create(&ByApi { api }).inc();
        self.latency
            .get_or_create(&ByApi { api })
            .observe(elapsed.as_secs_f64());
    }

    /// Counts every error code of a response, as often as it stands there.
    pub(crate) fn errors<R: Response>(&self, response: &R) {
        let api = R::KEY.name();
        response.visit_errors(&mut |code| {
            if code != ErrorCode::None.code() {
                let error = ErrorCode::from_code(code).map_or("unknown", ErrorCode::name);
                self.errors.get_or_create(&Error { api, error }).inc();
            }
        });
    }

    pub(crate) fn bytes_in(&self, bytes: usize) {
        self.bytes_in.inc_by(bytes as u64);
    }

    pub(crate) fn bytes_out(&self, bytes: usize) {
        self.bytes_out.inc_by(bytes as u64);
    }

    pub(crate) fn produced(&self, bytes: usize) {
        self.produced_bytes.inc_by(bytes as u64);
    }

    pub(crate) fn fetched(&self, bytes: usize) {
        self.fetched_bytes.inc_by(bytes as u64);
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
    }

    pub(crate) fn connection_closed(&self, was_violation: bool) {
        self.connections.dec();
        if was_violation {
            self.refused_connections.inc();
        }
    }

    pub(crate) fn connection_panicked(&self) {
        self.connections.dec();
        self.panicked_connections.inc();
    }

    /// The text that Prometheus reads, with figures taken from elsewhere at this moment; `more`
    /// has its form already.
    pub(crate) fn render(
        &self,
        gauges: &[(&str, &str, u64)],
        logs: &LogStats,
        more: &str,
    ) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        let end = "# EOF\n";
        text.truncate(text.len() - if text.ends_with(end) { end.len() } else { 0 });
        for (name, help, value) in gauges {
            let _ = write!(
                text,
                "# HELP chronik_{name} {help}\n# TYPE chronik_{name} gauge\nchronik_{name} {value}\n"
            );
        }
        write_sync_histogram(&mut text, logs);
        text + more + end
    }
}

/// The journal counts its own buckets; here they get Prometheus' form.
fn write_sync_histogram(text: &mut String, logs: &LogStats) {
    const NAME: &str = "chronik_journal_sync_seconds";
    let _ = write!(
        text,
        "# HELP {NAME} Time of a commit of the journal, write and sync\n# TYPE {NAME} histogram\n"
    );
    let mut counted = 0;
    for (count, bound) in logs.sync_buckets.iter().zip(SYNC_MICROS_BOUNDS) {
        counted += count;
        let seconds = Duration::from_micros(bound).as_secs_f64();
        let _ = writeln!(text, "{NAME}_bucket{{le=\"{seconds}\"}} {counted}");
    }
    let sum = Duration::from_micros(logs.sync_micros).as_secs_f64();
    let _ = write!(
        text,
        "{NAME}_bucket{{le=\"+Inf\"}} {0}\n{NAME}_sum {sum}\n{NAME}_count {0}\n",
        logs.windows
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sync_histogram_is_cumulative_and_ends_with_all_windows() {
        let mut buckets = vec![0; SYNC_MICROS_BOUNDS.len() + 1];
        (buckets[1], buckets[3], buckets[12]) = (2, 3, 1);
        let logs = LogStats {
            windows: 6,
            sync_micros: 2_500_000,
            sync_buckets: buckets,
            ..LogStats::default()
        };
        let text = Metrics::new().render(&[], &logs, "");
        for line in [
            "chronik_journal_sync_seconds_bucket{le=\"0.0001\"} 0",
            "chronik_journal_sync_seconds_bucket{le=\"0.00025\"} 2",
            "chronik_journal_sync_seconds_bucket{le=\"1\"} 5",
            "chronik_journal_sync_seconds_bucket{le=\"+Inf\"} 6",
            "chronik_journal_sync_seconds_sum 2.5",
            "chronik_journal_sync_seconds_count 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
