//! HTTP to the gateway. Answers are JSON unless the caller wants the bytes as they are.

use std::io::{self, BufRead as _, Read};
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use ureq::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use ureq::http::{Response, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body};

use super::answer::error_text;
use super::config::Address;
use super::{Config, Error, Post};

/// The gateway keeps a long poll for a minute at most.
pub(super) const SILENCE: Duration = Duration::from_secs(90);
const CONNECT: Duration = Duration::from_secs(10);
/// Of an answer that explains a refusal.
const LONGEST_EXPLANATION: u64 = 64 * 1024;

/// A gateway, and the token that is shown to it.
pub(crate) struct Gateway {
    agent: Agent,
    address: Address,
    authorization: HeaderValue,
}

/// A success.
pub(crate) struct Answer {
    status: StatusCode,
    retry_after: Option<u64>,
    body: Body,
    url: String,
}

impl Gateway {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let token = config.token.expose_secret().trim();
        if token.is_empty() {
            return Err(Error::Token("is empty"));
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_error| Error::Token("has characters that cannot be sent"))?;
        authorization.set_sensitive(true);
        // No redirects: a token and a batch go where the user said, or nowhere.
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .user_agent(concat!("intake/", env!("CARGO_PKG_VERSION")));
        if config.url.is_local() {
            builder = builder.proxy(None);
        }
        Ok(Self { agent: builder.build().into(), address: config.url.clone(), authorization })
    }

    /// The URL of a path, for people.
    pub(crate) fn url(&self, path: &str) -> String {
        self.address.join(path)
    }

    /// Asks for a path, which may have a query.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, Error> {
        let request = self.agent.get(self.url(path)).header(AUTHORIZATION, &self.authorization);
        self.answer(request.header(ACCEPT, "application/json, application/xml;q=0.9").call(), path)
    }

    /// Asks for a path with these parameters, in JSON.
    pub(crate) fn get_with<'a>(
        &self,
        path: &str,
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Answer, Error> {
        let request = self.agent.get(self.url(path)).query_pairs(query).query("format", "json");
        self.answer(request.header(AUTHORIZATION, &self.authorization).call(), path)
    }

    pub(crate) fn post(&self, post: &Post, body: impl AsSendBody) -> Result<Answer, Error> {
        let query = post.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut request = self
            .agent
            .post(self.url(&post.path))
            .query_pairs(query.chain([("format", "json")]))
            .header(AUTHORIZATION, &self.authorization)
            // The job is followed by itself, so that there is progress to show.
            .header("prefer", "respond-async");
        let headers = [
            (CONTENT_TYPE.as_str(), post.content_type),
            (CONTENT_ENCODING.as_str(), post.encoding),
            ("idempotency-key", post.key.as_deref()),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let request = request.config().timeout_per_read(Some(post.patience)).build();
        self.answer(request.send(body), &post.path)
    }

    fn answer(&self, response: Result<Response<Body>, ureq::Error>, path: &str) -> Result<Answer, Error> {
        let response = response.map_err(|error| Error::of(error, self.address.as_str()))?;
        let (parts, body) = response.into_parts();
        let answer = Answer {
            status: parts.status,
            retry_after: retry_after(&parts.headers),
            body,
            url: self.url(path),
        };
        if parts.status.is_success() { Ok(answer) } else { Err(answer.refusal(parts.headers.get(LOCATION))) }
    }
}

impl Answer {
    /// The seconds after which the gateway wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let (url, status) = (self.url.clone(), self.status.as_u16());
        serde_json::from_reader(io::BufReader::new(self.reader())).map_err(|error| {
            let problem = if error.is_io() { format!("cut short: {error}") } else { error.to_string() };
            Error::Unexpected { url, status, problem }
        })
    }

    /// Reads a body of one JSON value a line, one after the other.
    pub(crate) fn lines<T: DeserializeOwned>(
        self,
        mut each: impl FnMut(T) -> Result<(), crate::error::Error>,
    ) -> Result<(), crate::error::Error> {
        let (url, status) = (self.url.clone(), self.status.as_u16());
        for line in io::BufReader::new(self.reader()).lines() {
            let line = line.map_err(|error| Error::cut(error, &url))?;
            let value = serde_json::from_str(&line).map_err(|error| Error::Unexpected {
                url: url.clone(),
                status,
                problem: error.to_string(),
            })?;
            each(value)?;
        }
        Ok(())
    }

    /// The body as it is, of any size.
    pub(crate) fn reader(self) -> impl Read {
        self.body.into_with_config().limit(u64::MAX).reader()
    }

    /// Why it was no success.
    fn refusal(self, location: Option<&HeaderValue>) -> Error {
        let (url, status, retry_after) = (self.url.clone(), self.status.as_u16(), self.retry_after);
        if let Some(target) = location.filter(|_| self.status.is_redirection()) {
            let target = String::from_utf8_lossy(target.as_bytes());
            let problem = format!("it redirects to {target}; if that is your gateway, change INTAKE_URL");
            return Error::Unexpected { url, status, problem };
        }
        let mut body = Vec::new();
        // A text that breaks off is still the best there is to tell.
        let _ = self.reader().take(LONGEST_EXPLANATION).read_to_end(&mut body);
        match error_text(&body) {
            Some(text) => Error::Refused { status, text, retry_after },
            None => {
                Error::Unexpected { url, status, problem: "it explains nothing; is this Intake?".to_owned() }
            }
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
