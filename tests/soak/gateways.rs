//! How the clients speak to the gateways: to any of them, within a time.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request, Response};

use crate::request::{Sent, TOKENS};

/// Longer than a gateway takes for anything when all is well, shorter than it may hang on a server that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where the gateways listen.
#[derive(Debug, Clone)]
pub(crate) struct Gateways {
    addresses: Vec<SocketAddr>,
    agent: Agent,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) text: String,
}

impl Gateways {
    pub(crate) fn new(addresses: Vec<SocketAddr>) -> Self {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(PATIENCE)).build().into();
        Self { addresses, agent }
    }

    /// Sends to one of them, and hangs up after this time. `None`: there was no whole answer.
    pub(crate) fn post(&self, which: usize, sent: &Sent, patience: Duration) -> Option<Answer> {
        let mut request = Request::post(self.url(which, &sent.path)?);
        for (name, value) in &sent.headers {
            request = request.header(*name, value);
        }
        let request = request.body(sent.body.as_slice()).ok()?;
        let request = self.agent.configure_request(request).timeout_global(Some(patience)).build();
        read(self.agent.run(request).ok()?)
    }

    /// The status of a job, as one of them tells it. `None`: there was no whole answer.
    pub(crate) fn job(&self, which: usize, account: usize, job: &str) -> Option<Answer> {
        self.get(which, account, &format!("/api/v1.1/jobs/{job}"))
    }

    /// The results of a job, one on each line. `None`: there was no whole answer.
    pub(crate) fn results(&self, account: usize, job: &str) -> Option<Answer> {
        self.get(0, account, &format!("/api/v1.1/jobs/{job}/results?format=ndjson"))
    }

    /// Asks that a job be stopped. `None`: there was no whole answer.
    pub(crate) fn cancel(&self, which: usize, account: usize, job: &str) -> Option<Answer> {
        self.ask(which, account, &format!("/api/v1.1/jobs/{job}/cancel"))
    }

    /// Asks that what failed of a job be done again. `None`: there was no whole answer.
    pub(crate) fn retry(&self, which: usize, account: usize, job: &str) -> Option<Answer> {
        self.ask(which, account, &format!("/api/v1.1/jobs/{job}/retry_failed"))
    }

    fn ask(&self, which: usize, account: usize, path: &str) -> Option<Answer> {
        let request = Request::post(self.url(which, path)?)
            .header("authorization", format!("Bearer {}", TOKENS.get(account)?));
        read(self.agent.run(request.body(()).ok()?).ok()?)
    }

    fn get(&self, which: usize, account: usize, path: &str) -> Option<Answer> {
        let request = Request::get(self.url(which, path)?)
            .header("authorization", format!("Bearer {}", TOKENS.get(account)?));
        read(self.agent.run(request.body(()).ok()?).ok()?)
    }

    fn url(&self, which: usize, path: &str) -> Option<String> {
        let address = self.addresses.get(which % self.addresses.len().max(1))?;
        Some(format!("http://{address}{path}"))
    }
}

fn read(mut response: Response<ureq::Body>) -> Option<Answer> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Some(Answer {
        status,
        headers,
        text: response.body_mut().with_config().limit(64 << 20).read_to_string().ok()?,
    })
}

impl Answer {
    /// The job that a 202 names.
    pub(crate) fn job(&self) -> Option<String> {
        let location = self.headers.get("location")?.to_str().ok()?;
        location.rsplit('/').next().map(str::to_owned)
    }

    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}
