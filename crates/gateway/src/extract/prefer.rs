//! How long a client wants to wait: `Prefer: wait=N` on a POST (<https://www.rfc-editor.org/rfc/rfc7240>), `?wait=N`
//! on a job.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use intake_types::Refusal;

use super::Query;

pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Longest wait in seconds; more is asked for in vain.
const LONGEST: u64 = 60;

/// A wait for a job, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wait {
    seconds: u64,
    asked: bool,
}

impl Wait {
    /// The wait that the client prefers, else `default` seconds. What cannot be understood is no preference.
    pub(crate) fn preferred(request: &HttpRequest, default: u8) -> Self {
        let values: Vec<&str> =
            request.headers().get_all(PREFER).filter_map(|value| value.to_str().ok()).collect();
        let preferences = || values.iter().flat_map(|value| value.split(',')).map(preference);
        let wait = preferences().find(|(name, _)| name.eq_ignore_ascii_case("wait"));
        if let Some(seconds) = wait.and_then(|(_, value)| value.parse::<u64>().ok()) {
            return Self { seconds: seconds.min(LONGEST), asked: true };
        }
        let is_async = preferences().any(|(name, _)| name.eq_ignore_ascii_case("respond-async"));
        Self { seconds: if is_async { 0 } else { default.into() }, asked: false }
    }

    /// The wait in `?wait=`.
    pub(crate) fn in_query(query: &Query) -> Result<Self, Refusal> {
        let Some(text) = query.first("wait") else { return Ok(Self::default()) };
        let seconds = text.parse::<u64>();
        let seconds = seconds.map_err(|_error| Refusal::parameter("wait", "must be a number of seconds"))?;
        Ok(Self { seconds: seconds.min(LONGEST), asked: true })
    }

    /// The time; `None`: do not wait.
    pub(crate) fn duration(self) -> Option<Duration> {
        (self.seconds > 0).then(|| Duration::from_secs(self.seconds))
    }

    /// What the client is told if its preference was followed.
    pub(crate) fn applied(self) -> Option<(HeaderName, HeaderValue)> {
        let value = HeaderValue::try_from(format!("wait={}", self.seconds)).ok()?;
        self.asked.then_some((PREFERENCE_APPLIED, value))
    }
}

/// Name and value of one preference, without its parameters.
fn preference(text: &str) -> (&str, &str) {
    let text = text.split(';').next().unwrap_or_default();
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.trim(), value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seconds(values: &[&str], default: u8) -> u64 {
        let request = TestRequest::post();
        let request = values.iter().fold(request, |request, value| request.append_header((PREFER, *value)));
        Wait::preferred(&request.to_http_request(), default).seconds
    }

    #[test]
    fn a_preference_is_found_capped_and_the_first_counts() {
        assert_eq!(seconds(&["wait=5"], 0), 5);
        assert_eq!(seconds(&["respond-async, Wait = \"7\"; x=y"], 0), 7);
        assert_eq!(seconds(&["respond-async", "wait=8, wait=9"], 0), 8);
        assert_eq!(seconds(&["wait=61"], 0), 60);
        assert_eq!(seconds(&["wait=99999999999999999999"], 3), 3);
        assert_eq!(seconds(&["wait=-1"], 0), 0);
        assert_eq!(seconds(&["handling=lenient"], 0), 0);
    }

    #[test]
    fn a_default_yields_to_what_the_client_says() {
        assert_eq!(seconds(&[], 4), 4);
        assert_eq!(seconds(&["respond-async"], 4), 0);
        assert_eq!(seconds(&["wait=0"], 4), 0);
        let request = TestRequest::post().to_http_request();
        assert_eq!(Wait::preferred(&request, 4).applied(), None);
    }

    #[test]
    fn the_applied_preference_is_told() {
        let request = TestRequest::post().append_header((PREFER, "wait=99")).to_http_request();
        let (_, value) = Wait::preferred(&request, 0).applied().unwrap();
        assert_eq!(value, "wait=60");
    }

    #[test]
    fn a_wait_in_the_query_must_be_a_number() {
        assert_eq!(Wait::in_query(&Query::parse("wait=100")).unwrap().seconds, 60);
        assert_eq!(Wait::in_query(&Query::parse("")).unwrap().duration(), None);
        assert!(Wait::in_query(&Query::parse("wait=soon")).is_err());
        assert!(Wait::in_query(&Query::parse("wait=")).is_err());
    }
}
