//! What a body claims to be: its media type and its encoding.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use intake_types::shortened;
use intake_types::wire::Format;

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
    let mut values = request.headers().get_all(CONTENT_TYPE);
    let value = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = format_of(value).ok_or_else(|| ApiError::ContentType(sent(value)))?;
    let is_utf8 = |charset: &str| {
        let charset = charset.trim().trim_matches('"');
        charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
    };
    let mut charsets = value.split(';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    });
    if charsets.all(is_utf8) { Ok(format) } else { Err(ApiError::Charset) }
}

/// A media type as a refusal repeats it.
fn sent(value: &str) -> String {
    if value.trim().is_empty() { "none".to_owned() } else { format!("`{}`", shortened(value.trim())) }
}

/// The format that a media type (with or without parameters) names.
pub(super) fn format_of(media_type: &str) -> Option<Format> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is = |name| essence.eq_ignore_ascii_case(name);
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
                told.starts_with("Content-Type: must be") && told.ends_with(&format!(", got {got}")),
                "{told}"
            );
        }
        assert!(format(&with(&CONTENT_TYPE, &[])).unwrap_err().to_string().ends_with("got none"));
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
