//! The names of all metrics, and the one recorder of a process.

use std::sync::OnceLock;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Everything that is measured. Durations are histograms in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Requests answered, by `route` and `status`.
    GatewayRequests,
    /// Time to answer a request, by `route`.
    GatewayRequestSeconds,
    /// Records accepted.
    GatewayRecordsAccepted,
    /// Records that got an outcome, by `action`.
    WorkerRecords,
    /// Time to apply a chunk.
    WorkerChunkSeconds,
    /// Attempts to apply a chunk that failed, by `reason`.
    WorkerChunkFailures,
    /// Jobs that became terminal, by `state`.
    WorkerJobs,
    /// Attempts to tell a client that its job has ended, by `outcome`.
    WorkerCallbacks,
    /// Rows that were taken away because they are kept no longer, by `what`.
    WorkerSwept,
    /// Events that the broker has confirmed.
    EventsPublished,
    /// Messages of events that the broker did not take, or not for certain.
    EventsPublishFailures,
    /// Age of the oldest event that waits, in seconds.
    EventsLag,
    /// Rows of the outbox that wait.
    EventsWaiting,
}

/// How something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Histogram,
    Gauge,
}

impl Metric {
    const ALL: [Self; 13] = [
        Self::GatewayRequests,
        Self::GatewayRequestSeconds,
        Self::GatewayRecordsAccepted,
        Self::WorkerRecords,
        Self::WorkerChunkSeconds,
        Self::WorkerChunkFailures,
        Self::WorkerJobs,
        Self::WorkerCallbacks,
        Self::WorkerSwept,
        Self::EventsPublished,
        Self::EventsPublishFailures,
        Self::EventsLag,
        Self::EventsWaiting,
    ];

    /// The name in the Prometheus exposition.
    pub fn name(self) -> &'static str {
        match self {
            Self::GatewayRequests => "intake_gateway_requests_total",
            Self::GatewayRequestSeconds => "intake_gateway_request_duration_seconds",
            Self::GatewayRecordsAccepted => "intake_gateway_records_accepted_total",
            Self::WorkerRecords => "intake_worker_records_total",
            Self::WorkerChunkSeconds => "intake_worker_chunk_duration_seconds",
            Self::WorkerChunkFailures => "intake_worker_chunk_failures_total",
            Self::WorkerJobs => "intake_worker_jobs_total",
            Self::WorkerCallbacks => "intake_worker_callbacks_total",
            Self::WorkerSwept => "intake_worker_swept_rows_total",
            Self::EventsPublished => "intake_events_published_total",
            Self::EventsPublishFailures => "intake_events_publish_failures_total",
            Self::EventsLag => "intake_events_lag_seconds",
            Self::EventsWaiting => "intake_events_waiting",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::GatewayRequests => "Requests answered.",
            Self::GatewayRequestSeconds => "Time to answer a request.",
            Self::GatewayRecordsAccepted => "Records accepted with a 202.",
            Self::WorkerRecords => "Records that got an outcome.",
            Self::WorkerChunkSeconds => "Time to apply a chunk in one transaction.",
            Self::WorkerChunkFailures => "Attempts to apply a chunk that failed.",
            Self::WorkerJobs => "Jobs that became terminal.",
            Self::WorkerCallbacks => "Attempts to tell a client that its job has ended.",
            Self::WorkerSwept => "Rows that were taken away because they are kept no longer.",
            Self::EventsPublished => "Events that the broker has confirmed.",
            Self::EventsPublishFailures => "Messages of events that the broker did not confirm.",
            Self::EventsLag => "Age of the oldest event of the installation that waits to be published.",
            Self::EventsWaiting => "Rows of events of the installation that wait, counted up to 100000.",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::GatewayRequestSeconds | Self::WorkerChunkSeconds => Kind::Histogram,
            Self::EventsLag | Self::EventsWaiting => Kind::Gauge,
            Self::GatewayRequests
            | Self::GatewayRecordsAccepted
            | Self::WorkerRecords
            | Self::WorkerChunkFailures
            | Self::WorkerJobs
            | Self::WorkerCallbacks
            | Self::WorkerSwept
            | Self::EventsPublished
            | Self::EventsPublishFailures => Kind::Counter,
        }
    }

    /// Adds to a counter.
    pub fn add(self, count: u64, labels: &[(&'static str, String)]) {
        recorder();
        counter!(self.name(), labels).increment(count);
    }

    /// Records one duration in seconds.
    pub fn observe(self, seconds: f64, labels: &[(&'static str, String)]) {
        recorder();
        histogram!(self.name(), labels).record(seconds);
    }

    /// Says what something is now.
    pub fn set(self, value: f64, labels: &[(&'static str, String)]) {
        recorder();
        gauge!(self.name(), labels).set(value);
    }
}

/// Bucket bounds in seconds, from a short request to a slow chunk.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The recorder, installed on first use; `None` when another one got in first.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let suffix = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(suffix, &BUCKETS);
    let handle = match builder.map(PrometheusBuilder::install_recorder) {
        Ok(Ok(handle)) => handle,
        Ok(Err(error)) | Err(error) => {
            tracing::error!(%error, "metrics are not recorded");
            return None;
        }
    };
    for metric in Metric::ALL {
        match metric.kind() {
            Kind::Counter => describe_counter!(metric.name(), metric.help()),
            Kind::Histogram => describe_histogram!(metric.name(), metric.help()),
            Kind::Gauge => describe_gauge!(metric.name(), metric.help()),
        }
    }
    Some(handle)
}

/// All metrics of this process in the Prometheus text exposition format.
pub fn render() -> String {
    recorder().map_or_else(String::new, |recorder| {
        recorder.run_upkeep();
        recorder.render()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        Metric::WorkerRecords.add(3, &[("action", "created".to_owned())]);
        Metric::WorkerChunkSeconds.observe(0.02, &[]);
        Metric::EventsLag.set(1.5, &[]);
        let text = render();
        assert!(text.contains(r#"intake_worker_records_total{action="created"} 3"#), "{text}");
        assert!(text.contains("intake_worker_chunk_duration_seconds_bucket"), "{text}");
        assert!(text.contains("intake_events_lag_seconds 1.5"), "{text}");
    }
}
