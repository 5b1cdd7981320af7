//! Paths and methods to handlers, one handler a file.

mod add_batch;
mod batch;
mod cancel;
mod databases_fields_get;
mod fallback;
mod health;
mod import_batch;
mod job;
mod jobs;
mod metrics;
mod profiles_get;
mod resources_fields_get;
mod results;
mod retry_failed;
mod update_batch;

use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::{Handler, HttpRequest, HttpResponse, Resource, Route, web};

/// Registers every path.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(post("/api/v1.1/profiles/import_batch", import_batch::handle))
        .service(post("/api/v1.1/profiles/add_batch", add_batch::handle))
        .service(post("/api/v1.1/profiles/update_batch", update_batch::handle))
        .service(post("/api/v1.1/profiles/get", profiles_get::handle))
        .service(post("/api/v1.1/databases/fields_get", databases_fields_get::handle))
        .service(post("/api/v1.1/resources/fields_get", resources_fields_get::handle))
        .service(get("/api/v1.1/jobs", jobs::handle))
        .service(get("/api/v1.1/jobs/{id}", job::handle))
        .service(get("/api/v1.1/jobs/{id}/results", results::handle))
        .service(post("/api/v1.1/jobs/{id}/cancel", cancel::handle))
        .service(post("/api/v1.1/jobs/{id}/retry_failed", retry_failed::handle))
        .service(get("/health/live", health::live))
        .service(get("/health/ready", health::ready))
        .service(get("/metrics", metrics::handle))
        .default_service(web::to(fallback::unknown_path));
}

fn post<F, A>(path: &str, handler: F) -> Resource
where
    F: Handler<A, Output = HttpResponse>,
    A: actix_web::FromRequest + 'static,
{
    let method_not_allowed = async |request: HttpRequest| fallback::method_not_allowed(request, "POST").await;
    at(path).route(web::post().to(handler)).default_service(web::to(method_not_allowed))
}

fn get<F, A>(path: &str, handler: F) -> Resource
where
    F: Handler<A, Output = HttpResponse>,
    A: actix_web::FromRequest + 'static,
{
    let method_not_allowed =
        async |request: HttpRequest| fallback::method_not_allowed(request, "GET, HEAD").await;
    at(path).route(readable().to(handler)).default_service(web::to(method_not_allowed))
}

/// Every path is there with a slash at its end, too.
fn at(path: &str) -> Resource {
    web::resource([path.to_owned(), format!("{path}/")])
}

fn readable() -> Route {
    web::route().guard(get_or_head())
}

fn get_or_head() -> impl Guard {
    guard::fn_guard(|context| matches!(context.head().method, Method::GET | Method::HEAD))
}
