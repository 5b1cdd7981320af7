//! What makes a request one that may be sent again, known before its body is read.

use actix_web::HttpRequest;
use intake_types::{Fingerprint, Fingerprinting, KeyScope, RequestKey};

use super::RequestKeys;
use crate::error::ApiError;
use crate::extract::{Query, idempotency_key};

/// Parameters of the query that do not change what is asked for.
const BESIDE: [&str; 2] = ["token", "format"];

/// Where the key of a request comes from.
#[derive(Debug, Clone)]
enum Source {
    Header(String),
    /// The digest of the body; it holds for so many seconds.
    Body(u32),
}

/// What a request is known again by, but for its body.
#[derive(Debug, Clone)]
pub(crate) struct PartialKey {
    source: Source,
    fingerprint: Fingerprinting,
}

impl PartialKey {
    /// Of a request with an `Idempotency-Key`, and of any where the operator wants equal bodies to be one request.
    pub(crate) fn of(request: &HttpRequest, keys: &RequestKeys) -> Result<Option<Self>, ApiError> {
        let source = match (idempotency_key(request)?, keys.same_body_seconds()) {
            (Some(key), _) => Source::Header(key),
            (None, Some(seconds)) => Source::Body(seconds),
            (None, None) => return Ok(None),
        };
        Ok(Some(Self { source, fingerprint: fingerprint(request) }))
    }

    /// The key, once the body is there.
    pub(crate) fn with_body(&self, body: &[u8]) -> RequestKey {
        let mut fingerprint = self.fingerprint.clone();
        fingerprint.update(body);
        self.complete(fingerprint.finish())
    }

    /// A fingerprint that lacks only the body, which comes bit by bit.
    pub(crate) fn fingerprinting(&self) -> Fingerprinting {
        self.fingerprint.clone()
    }

    /// The client's own key, without the body in its fingerprint: enough to find what it stands for.
    pub(crate) fn key_before_body(&self) -> Option<RequestKey> {
        matches!(self.source, Source::Header(_)).then(|| self.complete(self.fingerprint.clone().finish()))
    }

    /// The key, once the whole fingerprint is there.
    pub(crate) fn complete(&self, fingerprint: Fingerprint) -> RequestKey {
        match &self.source {
            Source::Header(key) => {
                RequestKey { scope: KeyScope::Key, key: key.clone(), fingerprint, seconds: None }
            }
            Source::Body(seconds) => RequestKey {
                scope: KeyScope::Body,
                key: fingerprint.to_string(),
                fingerprint,
                seconds: Some(*seconds),
            },
        }
    }
}

/// What is asked for, but for the body: the path, the query, what the body is.
fn fingerprint(request: &HttpRequest) -> Fingerprinting {
    let query = Query::of(request);
    let mut parameters = query.without(&BESIDE);
    parameters.sort_unstable();
    let media_type = request.headers().get(actix_web::http::header::CONTENT_TYPE);
    let essence = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let path = request.path().trim_end_matches('/');
    let mut parts = vec![path.as_bytes(), essence.as_bytes()];
    parts.extend(parameters.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    Fingerprinting::new(&parts)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::CONTENT_TYPE;
    use actix_web::test::TestRequest;

    use super::*;

    fn key(uri: &str, content_type: &str, key: Option<&str>, window: u32) -> Option<RequestKey> {
        let mut request = TestRequest::with_uri(uri).insert_header((CONTENT_TYPE, content_type));
        if let Some(key) = key {
            request = request.insert_header(("idempotency-key", key));
        }
        let key = PartialKey::of(&request.to_http_request(), &RequestKeys::new(window)).unwrap();
        key.map(|key| key.with_body(b"body"))
    }

    #[test]
    fn a_request_has_a_key_by_its_header_else_by_its_body_else_none() {
        assert_eq!(key("/a", "application/json", None, 0), None);
        let header = key("/a", "application/json", Some("k"), 60).unwrap();
        assert_eq!((header.scope, &*header.key, header.seconds), (KeyScope::Key, "k", None));
        let body = key("/a", "application/json", None, 60).unwrap();
        assert_eq!((body.scope, body.seconds), (KeyScope::Body, Some(60)));
        assert_eq!(body.key, body.fingerprint.to_string());
        assert_eq!(body.fingerprint, header.fingerprint);
    }

    #[test]
    fn what_is_asked_for_counts_and_how_it_is_asked_for_does_not() {
        let of = |uri, content_type| key(uri, content_type, Some("k"), 0).unwrap().fingerprint;
        let first = of("/a?x=1&y=2", "application/json");
        for same in ["/a/?y=2&x=1", "/a?x=1&token=t&y=2&format=xml"] {
            assert_eq!(of(same, "Application/JSON; charset=utf-8"), first, "{same}");
        }
        for (uri, content_type) in [
            ("/b?x=1&y=2", "application/json"),
            ("/a?x=1&y=3", "application/json"),
            ("/a?x=1", "application/json"),
            ("/a?x=1&y=2", "text/xml"),
        ] {
            assert_ne!(of(uri, content_type), first, "{uri} {content_type}");
        }
    }
}
