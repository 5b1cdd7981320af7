//! The names of all metrics, and the one recorder of a process.

use std::sync::OnceLock;

use metrics::{counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Everything that is measured. Times are histograms in seconds.
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
}

impl Metric {
    const ALL: [Self; 7] = [
        Self::GatewayRequests,
        Self::GatewayRequestSeconds,
        Self::GatewayRecordsAccepted,
        Self::WorkerRecords,
        Self::WorkerChunkSeconds,
        Self::WorkerChunkFailures,
        Self::WorkerJobs,
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
        }
    }

    fn is_time(self) -> bool {
        matches!(self, Self::GatewayRequestSeconds | Self::WorkerChunkSeconds)
    }

    /// Adds to a counter, or (a time) does nothing.
    pub fn add(self, count: u64, labels: &[(&'static str, String)]) {
        recorder();
        counter!(self.name(), labels).increment(count);
    }

    /// Records one duration in seconds.
    pub fn observe(self, seconds: f64, labels: &[(&'static str, String)]) {
        recorder();
        histogram!(self.name(), labels).record(seconds);
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
        if metric.is_time() {
            describe_histogram!(metric.name(), metric.help());
        } else {
            describe_counter!(metric.name(), metric.help());
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
        let text = render();
        assert!(text.contains(r#"intake_worker_records_total{action="created"} 3"#), "{text}");
        assert!(text.contains("intake_worker_chunk_duration_seconds_bucket"), "{text}");
    }
}
