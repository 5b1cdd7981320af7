//! `Idempotency-Key`: what a client calls its request by, so that it can send it again
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use crate::error::ApiError;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest key.
const LONGEST: usize = 255;

/// The client's key, if it sent one. It is taken as it stands; quotes around it are a part of it.
pub(crate) fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let mut values = request.headers().get_all(&IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && values.next().is_none() {
        Ok(Some(text.to_owned()))
    } else {
        let problem = "must be 1 to 255 visible ASCII characters, sent once";
        Err(ApiError::Header { name: "Idempotency-Key", problem })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, ApiError> {
        let append = |request: TestRequest, value: &&[u8]| {
            let value = actix_web::http::header::HeaderValue::from_bytes(value).unwrap();
            request.append_header((IDEMPOTENCY_KEY, value))
        };
        idempotency_key(&values.iter().fold(TestRequest::post(), append).to_http_request())
    }

    #[test]
    fn a_key_is_taken_as_it_stands() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[b" \"a-key\" "]).unwrap().as_deref(), Some("\"a-key\""));
        assert_eq!(read(&[&[b'~'; 255]]).unwrap().map(|key| key.len()), Some(255));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let wrong: [&[&[u8]]; 6] =
            [&[b""], &[b"  "], &[b"a b"], &[&[b'x'; 256]], &["ключ".as_bytes()], &[b"a", b"a"]];
        for values in wrong {
            let told = read(values).unwrap_err().to_string();
            assert!(told.starts_with("Idempotency-Key: must be 1 to 255"), "{values:?}: {told}");
        }
    }
}
