//! Which format a client wants its answer in.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use intake_types::Refusal;
use intake_types::wire::Format;
use intake_types::wire::results::Form;

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
            accept: named(texts(ACCEPT), format_of),
            content: texts(CONTENT_TYPE).next().and_then(format_of),
        }
    }

    /// The format to answer in; JSON when the request says nothing.
    pub(crate) fn format(self) -> Format {
        self.query.or(self.body).or(self.accept).or(self.content).unwrap_or(Format::Json)
    }
}

/// Refuses a `?format=` that is none of these.
pub(crate) fn check_format(query: &Query, allowed: &[&str]) -> Result<(), Refusal> {
    match query.first("format") {
        Some(word) if !allowed.contains(&word) => {
            let problem = format!("not a format; allowed: {}", allowed.join(", "));
            Err(Refusal::parameter("format", problem))
        }
        _ => Ok(()),
    }
}

/// The form that results are wished in, which may be one that nothing else is answered in.
pub(crate) fn form(request: &HttpRequest, wish: Wish) -> Form {
    let asked = Query::of(request).first("format").and_then(Form::parse);
    let accepted = || {
        let values = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
        named(values, form_of)
    };
    asked.or_else(accepted).unwrap_or_else(|| wish.format().into())
}

fn form_of(media_type: &str) -> Option<Form> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let is = |name| essence.eq_ignore_ascii_case(name);
    if is("application/x-ndjson") || is("application/ndjson") {
        Some(Form::Ndjson)
    } else if is("text/csv") {
        Some(Form::Csv)
    } else {
        format_of(media_type).map(Form::from)
    }
}

/// What `Accept` asks for, if it names exactly one of what can be answered. A range such as `*/*` names none.
fn named<'a, T: Copy + PartialEq>(
    values: impl Iterator<Item = &'a str>,
    format_of: fn(&str) -> Option<T>,
) -> Option<T> {
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
        let named = |values: &[&str]| super::named(values.iter().copied(), format_of);
        assert_eq!(named(&["text/xml, application/xml", "text/csv"]), Some(Format::Xml));
        assert_eq!(named(&["text/xml", "application/json"]), None);
    }

    #[test]
    fn an_unknown_format_in_the_query_is_refused() {
        let allowed = ["json", "xml"];
        assert!(check_format(&Query::parse("format=yaml"), &allowed).is_err());
        assert!(check_format(&Query::parse("format=csv"), &allowed).is_err());
        assert!(check_format(&Query::parse("format=xml&x=y"), &allowed).is_ok());
    }

    #[test]
    fn results_have_forms_of_their_own() {
        let of = |uri: &str, accept: &str| {
            let request = TestRequest::with_uri(uri).insert_header((ACCEPT, accept)).to_http_request();
            form(&request, Wish::of(&request))
        };
        assert_eq!(of("/?format=csv", "application/xml"), Form::Csv);
        assert_eq!(of("/", "text/csv; header=present"), Form::Csv);
        assert_eq!(of("/", "Application/X-NDJSON"), Form::Ndjson);
        assert_eq!(of("/", "text/csv;q=0, application/xml"), Form::Xml);
        assert_eq!(of("/", "text/csv, application/x-ndjson"), Form::Json);
        assert_eq!(of("/", "*/*"), Form::Json);
    }
}
