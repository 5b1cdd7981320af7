//! Whether the process lives, and whether requests should be sent to it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::app::App;

/// The process answers. A broker or database that is away is no reason to restart it.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "live" }))
}

/// Batches can be accepted: the catalogue is known and the broker takes messages.
pub(super) async fn ready(app: web::Data<App>) -> HttpResponse {
    let reasons = app.unready();
    if reasons.is_empty() {
        return HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(json!({ "status": "ready" }));
    }
    HttpResponse::ServiceUnavailable()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": "not_ready", "reasons": reasons }))
}
