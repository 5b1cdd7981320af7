//! What operators see of a request: one span, one line, two metrics. Never a body, a token or a query string.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use intake_telemetry::Metric;
use tokio::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, info_span};

/// Wraps a request.
pub(crate) async fn request(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let route = request.match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let span = info_span!("request", http.method = %request.method(), http.route = route, job.id = Empty);
    let response = next.call(request).instrument(span.clone()).await?;
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    span.in_scope(|| {
        // A number in JSON logs, which one of 128 bits would not be.
        let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if route.starts_with("/api/") {
            tracing::info!(http.status = status, duration_ms, "request answered");
        } else {
            tracing::debug!(http.status = status, duration_ms, "request answered");
        }
    });
    Metric::GatewayRequestSeconds.observe(elapsed.as_secs_f64(), &[("route", route.clone())]);
    Metric::GatewayRequests.add(1, &[("route", route), ("status", status.to_string())]);
    Ok(response)
}

/// Notes the job that the request is about.
pub(crate) fn job(job_id: intake_types::JobId) {
    Span::current().record("job.id", display(job_id));
}
