//! What is not there, told in the envelope.

use actix_web::{HttpRequest, HttpResponse};

use crate::error::ApiError;
use crate::respond;

/// Characters of a path that are repeated to the client.
const LONGEST_PATH: usize = 100;

pub(super) async fn unknown_path(request: HttpRequest) -> HttpResponse {
    let path: String = request.path().chars().take(LONGEST_PATH).collect();
    respond::with(request, async |_, _| Err(ApiError::UnknownPath(path))).await
}

pub(super) async fn method_not_allowed(request: HttpRequest, allow: &'static str) -> HttpResponse {
    respond::with(request, async |_, _| Err(ApiError::Method { allow })).await
}
