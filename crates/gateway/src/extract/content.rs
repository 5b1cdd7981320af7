//! What a body claims to be: its media type and its encoding.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use intake_types::wire::Format;
use intake_types::{StreamFormat, shortened};

use crate::error::ApiError;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let mut values = request.headers().get_all(CONTENT_ENCODING);
        let encoding = match values.next() {
            None => Some(Self::Identity),
            Some(value) => value.to_str().ok().and_then(Self::parse),
        };
        encoding.filter(|_| values.next().is_none()).ok_or(ApiError::ContentEncoding)
    }

    /// One coding: a body that is packed twice is refused.
    fn parse(value: &str) -> Option<Self> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The format of a request body. There is no guess: a body without a type could be anything.
pub(crate) fn format(request: &HttpRequest) -> Result<Format, ApiError> {
    let value = content_type(request);
    let format = format_of(value).ok_or_else(|| ApiError::ContentType(sent(value)))?;
    check_charset(value)?;
    Ok(format)
}

/// The format of a body that is a stream of records; `None` where it is none.
pub(crate) fn stream_format(request: &HttpRequest) -> Result<Option<StreamFormat>, ApiError> {
    let value = content_type(request);
    let format = match essence(value) {
        name if name.eq_ignore_ascii_case("application/x-ndjson") => StreamFormat::Ndjson,
        name if name.eq_ignore_ascii_case("text/csv") => StreamFormat::Csv,
        _ => return Ok(None),
    };
    check_charset(value)?;
    Ok(Some(format))
}

fn content_type(request: &HttpRequest) -> &str {
    let mut values = request.headers().get_all(CONTENT_TYPE);
    values.next().and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn check_charset(value: &str) -> Result<(), ApiError> {
    let is_utf8 = |charset: &str| {
        let charset = charset.trim().trim_matches('"');
        charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
    };
    let mut charsets = value.split(';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    });
    if charsets.all(is_utf8) { Ok(()) } else { Err(ApiError::Charset) }
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// A media type as a refusal repeats it.
fn sent(value: &str) -> String {
    if value.trim().is_empty() { "none".to_owned() } else { format!("`{}`", shortened(value.trim())) }
}

/// The format that a media type (with or without parameters) names.
pub(super) fn format_of(media_type: &str) -> Option<Format> {
    let is = |name| essence(media_type).eq_ignore_ascii_case(name);
    if is("application/json") {
        Some(Format::Json)
    } else if is("application/xml") || is("text/xml") {
        Some(Format::Xml)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;
    use actix_web::test::TestRequest;

    use super::*;

    fn with(name: &HeaderName, values: &[&str]) -> HttpRequest {
        let request = TestRequest::post();
        values
            .iter()
            .fold(request, |request, value| request.append_header((name.clone(), *value)))
            .to_http_request()
    }

    #[test]
    fn media_types_and_charsets() {
        let of = |value: &str| format(&with(&CONTENT_TYPE, &[value]));
        assert!(matches!(of("application/json"), Ok(Format::Json)));
        assert!(matches!(of("Application/Json; Charset=\"UTF-8\""), Ok(Format::Json)));
        assert!(matches!(of("text/xml;charset=utf-8"), Ok(Format::Xml)));
        assert!(matches!(of("application/xml"), Ok(Format::Xml)));
        assert!(matches!(of("application/xml; charset=windows-1251"), Err(ApiError::Charset)));
        for other in ["application/x-www-form-urlencoded", "text/plain", "application/jsonx", ""] {
            let told = of(other).unwrap_err().to_string();
            let got = if other.is_empty() { "none".to_owned() } else { format!("`{other}`") };
            assert!(
                told.starts_with("Content-Type: must be") && told.ends_with(&format!("; got {got}")),
                "{told}"
            );
        }
        assert!(format(&with(&CONTENT_TYPE, &[])).unwrap_err().to_string().ends_with("got none"));
    }

    #[test]
    fn streams_are_told_by_their_type() {
        let of = |value: &str| stream_format(&with(&CONTENT_TYPE, &[value]));
        assert!(matches!(of("application/x-ndjson"), Ok(Some(StreamFormat::Ndjson))));
        assert!(matches!(of("Text/CSV; header=present; charset=utf-8"), Ok(Some(StreamFormat::Csv))));
        assert!(matches!(of("text/csv; charset=windows-1251"), Err(ApiError::Charset)));
        assert!(matches!(of("application/json"), Ok(None)));
    }

    #[test]
    fn encodings() {
        let of = |values: &[&str]| Encoding::of(&with(&CONTENT_ENCODING, values)).ok();
        assert_eq!(of(&[]), Some(Encoding::Identity));
        assert_eq!(of(&["identity"]), Some(Encoding::Identity));
        assert_eq!(of(&["GZIP"]), Some(Encoding::Gzip));
        assert_eq!(of(&["zstd"]), Some(Encoding::Zstd));
        for other in [["br"].as_slice(), &["gzip, gzip"], &["gzip", "zstd"], &["deflate"]] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }
}
