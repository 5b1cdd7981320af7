//! Which format a client wants its answer in.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use intake_types::Refusal;
use intake_types::wire::Format;

use super::Query;
use super::content::format_of;

/// Everything that a request says about the format of its answer, the strongest first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    query: Option<Format>,
    /// Set once the body has been read.
    pub(crate) body: Option<Format>,
    accept: Option<Format>,
    content: Option<Format>,
}

impl Wish {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let texts = |name| request.headers().get_all(name).filter_map(|value| value.to_str().ok());
        Self {
            query: Query::of(request).first("format").and_then(Format::parse),
            body: None,
            accept: named(texts(ACCEPT)),
            content: texts(CONTENT_TYPE).next().and_then(format_of),
        }
    }

    /// The format to answer in; JSON when the request says nothing.
    pub(crate) fn format(self) -> Format {
        self.query.or(self.body).or(self.accept).or(self.content).unwrap_or(Format::Json)
    }
}

/// Refuses a `?format=` that is neither of the two.
pub(crate) fn check_format(query: &Query) -> Result<(), Refusal> {
    match query.first("format") {
        Some(word) if Format::parse(word).is_none() => {
            Err(Refusal::parameter("format", "not a format; allowed: json, xml"))
        }
        _ => Ok(()),
    }
}

/// What `Accept` asks for, if it names exactly one of the two. A range such as `*/*` names neither.
fn named<'a>(values: impl Iterator<Item = &'a str>) -> Option<Format> {
    let mut found = None;
    for range in values.flat_map(|value| value.split(',')) {
        let refused = range.split(';').skip(1).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0)
        });
        let Some(format) = format_of(range).filter(|_| !refused) else { continue };
        if found.is_some_and(|other| other != format) {
            return None;
        }
        found = Some(format);
    }
    found
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn format(uri: &str, accept: Option<&str>, content: Option<&str>, body: Option<Format>) -> Format {
        let mut request = TestRequest::with_uri(uri);
        for (name, value) in [(ACCEPT, accept), (CONTENT_TYPE, content)] {
            if let Some(value) = value {
                request = request.insert_header((name, value));
            }
        }
        let mut wish = Wish::of(&request.to_http_request());
        wish.body = body;
        wish.format()
    }

    #[test]
    fn the_query_comes_first_then_the_body_then_accept_then_the_request() {
        let (json, xml) = ("application/json", "text/xml; charset=utf-8");
        assert_eq!(format("/?format=xml", Some(json), Some(json), Some(Format::Json)), Format::Xml);
        assert_eq!(format("/", Some(json), Some(json), Some(Format::Xml)), Format::Xml);
        assert_eq!(format("/", Some(xml), Some(json), None), Format::Xml);
        assert_eq!(format("/", None, Some(xml), None), Format::Xml);
        assert_eq!(format("/", None, None, None), Format::Json);
        assert_eq!(format("/?format=yaml", None, Some(xml), None), Format::Xml);
    }

    #[test]
    fn accept_counts_when_it_names_exactly_one() {
        let accept = |value| format("/", Some(value), Some("application/xml"), None);
        assert_eq!(accept("application/json"), Format::Json);
        assert_eq!(accept("Application/JSON;q=0.5, */*"), Format::Json);
        assert_eq!(accept("application/json, application/xml"), Format::Xml);
        assert_eq!(accept("application/json, application/xml;q=0"), Format::Json);
        assert_eq!(accept("application/json, application/xml; Q=0.000"), Format::Json);
        assert_eq!(accept("*/*"), Format::Xml);
        assert_eq!(accept("text/html, application/xhtml+xml"), Format::Xml);
        assert_eq!(named(["text/xml, application/xml", "text/csv"].into_iter()), Some(Format::Xml));
        assert_eq!(named(["text/xml", "application/json"].into_iter()), None);
    }

    #[test]
    fn an_unknown_format_in_the_query_is_refused() {
        assert!(check_format(&Query::parse("format=yaml")).is_err());
        assert!(check_format(&Query::parse("format=xml&x=y")).is_ok());
    }
}
