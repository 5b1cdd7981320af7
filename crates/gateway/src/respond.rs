//! Answers on their way out: a body in the format asked for, and the headers that go with it.

use std::panic::AssertUnwindSafe;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::stream::{self, LocalBoxStream};
use futures_util::{FutureExt, Stream, StreamExt};
use intake_types::Status;
use intake_types::wire::{self, Format};
use tracing::Span;

use crate::error::ApiError;
use crate::extract::{Query, Wish, check_format};

/// Seconds after which a client may look at a job again of which no more is known than that it is not finished.
pub(crate) const POLL_AGAIN: u16 = 1;
/// Most seconds that it is told to wait: a job may turn out to be quicker.
const POLL_AGAIN_LATEST: i64 = 60;

/// The words of `?format=`, where nothing else is said.
const FORMATS: [&str; 2] = ["json", "xml"];

/// A success.
pub(crate) struct Answer {
    status: StatusCode,
    body: Body,
    headers: Vec<(HeaderName, HeaderValue)>,
}

enum Body {
    /// In the format that was wished for.
    Whole(Vec<u8>),
    /// Made while it is sent.
    Stream(&'static str, LocalBoxStream<'static, Result<Bytes, ApiError>>),
}

impl Answer {
    pub(crate) fn new(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, body: Body::Whole(body), headers: Vec::new() }
    }

    /// One that is sent as it is made. It is asked for more when the client has taken what there was; an error in the middle
    /// breaks the connection, so that what is not whole does not look so.
    pub(crate) fn streamed(
        content_type: &'static str,
        body: impl Stream<Item = Result<Bytes, ApiError>> + 'static,
    ) -> Self {
        Self {
            status: StatusCode::OK,
            body: Body::Stream(content_type, body.boxed_local()),
            headers: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says when to ask again for a job that has not ended: when it will have, as far as that can be told.
    pub(crate) fn poll_again(self, status: &Status) -> Self {
        if status.state.is_terminal() {
            return self;
        }
        let eta = status.pace().and_then(|pace| pace.eta_seconds);
        let seconds = eta.and_then(|eta| u16::try_from(eta.clamp(1, POLL_AGAIN_LATEST)).ok());
        self.retry_after(seconds.unwrap_or(POLL_AGAIN))
    }

    /// Says when to ask again.
    pub(crate) fn retry_after(self, seconds: u16) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }
}

/// Answers a request: with what `work` makes of it, else with its error, in the format that the client wants. `work`
/// may learn more about that format as it goes.
pub(crate) async fn with<W>(request: HttpRequest, work: W) -> HttpResponse
where
    W: AsyncFnOnce(&HttpRequest, &mut Wish) -> Result<Answer, ApiError>,
{
    with_formats(request, &FORMATS, work).await
}

/// As [`with`], where `?format=` has other words.
pub(crate) async fn with_formats<W>(request: HttpRequest, formats: &[&str], work: W) -> HttpResponse
where
    W: AsyncFnOnce(&HttpRequest, &mut Wish) -> Result<Answer, ApiError>,
{
    let (mut wish, is_head) = (Wish::of(&request), request.method() == Method::HEAD);
    let answered = async {
        let query = Query::of(&request);
        query.once()?;
        check_format(&query, formats)?;
        work(&request, &mut wish).await
    };
    // A panic costs its request, not the connection with all that is pipelined on it.
    let answered = AssertUnwindSafe(answered).catch_unwind().await;
    let answered = answered.unwrap_or(Err(ApiError::Internal("a handler panicked")));
    match answered {
        Ok(Answer { status, body: Body::Whole(body), headers }) => {
            respond(status, headers, wish.format().content_type()).body(body)
        }
        Ok(Answer { status, body: Body::Stream(content_type, body), headers }) => {
            // Nobody reads it: then nothing of it is made.
            let body = if is_head { stream::empty().boxed_local() } else { body };
            respond(status, headers, content_type).streaming(body)
        }
        Err(error) => refuse(&error, wish.format()),
    }
}

/// Runs CPU work where blocking is allowed.
pub(crate) async fn off_thread<T, W>(work: W) -> Result<T, ApiError>
where
    W: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let span = Span::current();
    let done = web::block(move || span.in_scope(work)).await;
    done.map_err(|_panicked| ApiError::Internal("work off the threads of the server panicked"))
}

fn refuse(error: &ApiError, format: Format) -> HttpResponse {
    let status = error.status();
    tell(error, status);
    let body = wire::error(status.as_u16(), &error.to_string(), format);
    respond(status, error.headers(), format.content_type()).body(body)
}

fn respond(
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    content_type: &'static str,
) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type)));
    // Answers are one client's and of one moment.
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    for header in headers {
        response.insert_header(header);
    }
    response
}

/// Logs what is not the client's doing, with its causes.
fn tell(error: &ApiError, status: StatusCode) {
    if !status.is_server_error() {
        return;
    }
    let cause = cause(error);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(http.status = status.as_u16(), cause, "a request could not be served now");
    } else {
        tracing::error!(http.status = status.as_u16(), cause, "a request failed");
    }
}

/// What operators are told of an error.
pub(crate) fn cause(error: &ApiError) -> String {
    match error {
        ApiError::Broker(error) => chain(error),
        ApiError::Store(error) => chain(error),
        ApiError::Internal(what) => (*what).to_owned(),
        other => chain(other),
    }
}

/// An error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    use super::*;

    async fn text(response: HttpResponse) -> String {
        String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap()
    }

    #[actix_web::test]
    async fn a_panic_is_an_answer_in_the_envelope() {
        let request = TestRequest::with_uri("/?format=json").to_http_request();
        let response = with(request, async |_, _| panic!("boom")).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = text(response).await;
        assert!(body.starts_with(r#"{"error":500,"error_text":""#) && !body.contains("boom"), "{body}");
    }

    #[actix_web::test]
    async fn work_that_panics_off_the_thread_is_an_answer_too() {
        let request = TestRequest::default().to_http_request();
        let response = with(request, async |_, _| {
            let body: Vec<u8> = off_thread(|| panic!("boom")).await?;
            Ok(Answer::new(StatusCode::OK, body))
        });
        let response = response.await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[actix_web::test]
    async fn what_the_body_wishes_decides_over_accept() {
        let request = TestRequest::default().insert_header(("accept", "application/json")).to_http_request();
        let response = with(request, async |_, wish| {
            wish.body = Some(Format::Xml);
            Err(ApiError::UnknownJob)
        });
        let response = response.await;
        assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), Format::Xml.content_type());
        assert!(text(response).await.contains("<error>404</error>"));
    }

    #[actix_web::test]
    async fn an_unknown_format_is_refused() {
        let request = TestRequest::with_uri("/?format=yaml").to_http_request();
        let response = with(request, async |_, _| unreachable!()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
}
