//! One attempt: a POST to whom the client named, if that may still be.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use intake_store::{Attempt, Callback};
use intake_types::callback::{CallbackNotice, CallbackState, Callbacks, Reach};
use ureq::http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Error};
use url::Url;

use super::resolve::{NotPublic, PublicResolver};

/// What is read of an answer, so that its sender sees it taken; nothing of it is looked at.
const MOST_ANSWER: u64 = 64 * 1024;
/// Most characters of what is told of a call that failed.
const LONGEST_ERROR: usize = 200;
/// Longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Makes the calls.
pub(super) struct Client {
    public: Agent,
    any: Agent,
    time_limit: Duration,
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// The receiver answered.
    Answered(StatusCode, Option<Duration>),
    /// There was no answer, for a reason that may go away.
    Unanswered(String),
    /// It may not be made.
    Forbidden(String),
}

impl Client {
    pub(super) fn new(time_limit: Duration) -> Self {
        Self {
            public: agent(time_limit, PublicResolver::default()),
            any: agent(time_limit, DefaultResolver::default()),
            time_limit,
        }
    }

    /// Calls, on a thread that may block. `callbacks` is what the account may do now.
    pub(super) async fn call(self: Arc<Self>, callback: Callback, callbacks: Option<Callbacks>) -> Called {
        #[expect(clippy::disallowed_methods, reason = "not CPU work, nor a query: the client blocks")]
        let call = tokio::task::spawn_blocking(move || self.post(&callback, callbacks.as_ref()));
        call.await.unwrap_or_else(|_panic| Called::Unanswered("the call could not be made".to_owned()))
    }

    fn post(&self, callback: &Callback, callbacks: Option<&Callbacks>) -> Called {
        let Some(callbacks) = callbacks else {
            return Called::Forbidden("this account has no callbacks any more".to_owned());
        };
        let (Ok(url), Some(notice)) = (Url::parse(&callback.url), CallbackNotice::of(&callback.status))
        else {
            return Called::Forbidden("the callback cannot be read".to_owned());
        };
        let agent = match callbacks.reach(&url) {
            Ok(Reach::Public) => &self.public,
            Ok(Reach::Any) => &self.any,
            Err(problem) => return Called::Forbidden(problem),
        };
        let mut request = agent.post(url.as_str()).header(CONTENT_TYPE, "application/json");
        for (name, value) in callbacks.headers(&notice.id, Utc::now().timestamp(), &notice.body) {
            request = request.header(name, value);
        }
        match request.send(notice.body.as_slice()) {
            Ok(answer) => answered(answer),
            Err(error) => Called::Unanswered(self.describe(&error)),
        }
    }

    /// Why there was no answer, in words for whoever reads the job's status.
    fn describe(&self, error: &Error) -> String {
        match error {
            Error::Timeout(_) => format!("no answer within {} s", self.time_limit.as_secs_f64()),
            Error::HostNotFound => "the host's name is not known".to_owned(),
            Error::Other(error) if error.is::<NotPublic>() => error.to_string(),
            // What the system's resolver says is of no kind of its own.
            Error::Io(error) if error.to_string().starts_with("failed to lookup address") => {
                "the host's name is not known".to_owned()
            }
            Error::Io(error) => shortened(&format!("the connection failed: {error}")),
            other => shortened(&format!("the call failed: {other}")),
        }
    }
}

/// A sentence, whatever a library has to say.
fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_ERROR).collect()
}

fn agent(time_limit: Duration, resolver: impl Resolver) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // Wherever an answer points to was not allowed by anybody.
        .max_redirects(0)
        // A proxy would look up names itself, and reach what it can.
        .proxy(None)
        // The addresses of each call are looked at anew.
        .max_idle_connections(0)
        .timeout_global(Some(time_limit))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .user_agent(concat!("Intake/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), resolver)
}

fn answered(answer: Response<Body>) -> Called {
    let (parts, body) = answer.into_parts();
    // The status is the answer; what breaks off after it changes nothing.
    let _ = std::io::copy(&mut body.into_reader().take(MOST_ANSWER), &mut std::io::sink());
    Called::Answered(parts.status, wanted_wait(&parts.headers))
}

fn wanted_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

impl Called {
    /// What the ledger is told. `wait` is the time until the next attempt, if there is to be one.
    pub(super) fn attempt(self, wait: Option<Duration>) -> Attempt {
        let (status, error, wanted) = match self {
            Self::Answered(status, _) if status.is_success() => {
                let state = CallbackState::Delivered;
                return Attempt { state, status: Some(status.as_u16()), error: None, pause: Duration::ZERO };
            }
            Self::Answered(status, wanted) => (Some(status), told(status), wanted),
            Self::Unanswered(error) => (None, error, None),
            Self::Forbidden(error) => {
                let state = CallbackState::Failed;
                return Attempt { state, status: None, error: Some(error), pause: Duration::ZERO };
            }
        };
        let again = wait.filter(|_| status != Some(StatusCode::GONE));
        // Not all at once where many had failed together.
        let pause =
            again.map(|wait| wait.mul_f64(rand::random_range(0.8..1.2)).max(wanted.unwrap_or_default()));
        let state = if pause.is_some() { CallbackState::Pending } else { CallbackState::Failed };
        let status = status.map(|status| status.as_u16());
        Attempt { state, status, error: Some(error), pause: pause.unwrap_or_default() }
    }
}

fn told(status: StatusCode) -> String {
    if status.is_redirection() {
        format!("answered {}, and redirects are not followed", status.as_u16())
    } else if status == StatusCode::GONE {
        "answered 410: nobody is there any more".to_owned()
    } else {
        format!("answered {}", status.as_u16())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, wanted: Option<u64>, wait: Option<u64>) -> Attempt {
        let called = Called::Answered(StatusCode::from_u16(status).unwrap(), wanted.map(Duration::from_secs));
        called.attempt(wait.map(Duration::from_secs))
    }

    #[test]
    fn the_answer_decides_whether_there_is_another_attempt() {
        let state = |status| answer(status, None, Some(5)).state;
        assert_eq!([200, 202, 204].map(state), [CallbackState::Delivered; 3]);
        assert_eq!([301, 307, 400, 404, 429, 500, 503].map(state), [CallbackState::Pending; 7]);
        assert_eq!(state(410), CallbackState::Failed);
        assert_eq!(answer(500, None, None).state, CallbackState::Failed);
        assert_eq!(
            Called::Forbidden(String::new()).attempt(Some(Duration::ZERO)).state,
            CallbackState::Failed
        );
        let unanswered = Called::Unanswered("why".to_owned()).attempt(Some(Duration::ZERO));
        assert_eq!((unanswered.state, unanswered.error.as_deref()), (CallbackState::Pending, Some("why")));
    }

    #[test]
    fn the_pause_is_about_what_is_configured_or_as_long_as_is_asked_for() {
        for _ in 0..100 {
            let pause = answer(500, None, Some(100)).pause.as_secs_f64();
            assert!((80.0..=120.0).contains(&pause), "{pause}");
        }
        assert_eq!(answer(503, Some(1000), Some(100)).pause, Duration::from_secs(1000));
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "999999999".parse().unwrap());
        assert_eq!(wanted_wait(&headers), Some(LONGEST_WAIT));
        headers.insert(RETRY_AFTER, "Fri, 31 Dec 1999 23:59:59 GMT".parse().unwrap());
        assert_eq!(wanted_wait(&headers), None);
    }
}
