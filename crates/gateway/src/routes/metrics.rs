//! Metrics in the Prometheus text exposition format.

use actix_web::HttpResponse;

pub(super) async fn handle() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(intake_telemetry::render())
}
