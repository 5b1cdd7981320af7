//! The small HTTP listener of a process that serves no clients: health and metrics.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::render;

/// Says why the process is not ready; nothing: it is.
pub type Readiness = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Answers `/health/live`, `/health/ready` and `/metrics`.
pub struct Listener {
    socket: TcpListener,
    readiness: Readiness,
}

impl Listener {
    /// Takes a bound socket; must be called inside a tokio runtime.
    pub fn new(socket: std::net::TcpListener, readiness: Readiness) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: TcpListener::from_std(socket)?, readiness })
    }

    /// Serves until `shutdown`.
    pub async fn run_until(self, shutdown: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(serve(stream, Arc::clone(&self.readiness), shutdown.clone()));
                }
                Err(error) => tracing::warn!(%error, "a health connection was not accepted"),
            }
        }
    }
}

async fn serve(stream: TcpStream, readiness: Readiness, shutdown: CancellationToken) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(request.uri().path(), &readiness);
        async move { Ok::<_, Infallible>(response) }
    });
    // The timer bounds how long a client may take over its request head.
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = connection => {}
        () = shutdown.cancelled() => {}
    }
}

fn answer(path: &str, readiness: &Readiness) -> Response<Full<Bytes>> {
    let (status, text) = match path {
        "/health/live" => (StatusCode::OK, "live\n".to_owned()),
        "/health/ready" => {
            let reasons = readiness();
            if reasons.is_empty() {
                (StatusCode::OK, "ready\n".to_owned())
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", reasons.join("; ")))
            }
        }
        "/metrics" => (StatusCode::OK, render()),
        _ => (StatusCode::NOT_FOUND, "there is /health/live, /health/ready and /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}
