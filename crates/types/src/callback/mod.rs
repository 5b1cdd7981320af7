//! Callbacks: whom a client may have told that its job has ended, what is sent, and how it is signed.
//!
//! An account's entry in the catalogue names the hosts. `callback_url` is held against it when the request comes, and
//! once more when the callback is sent. What is sent follows Standard Webhooks: <https://www.standardwebhooks.com>

mod address;
mod host;
mod notice;
mod secret;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

pub use address::is_public;
pub use host::CallbackHost;
pub use notice::CallbackNotice;
pub use secret::CallbackSecret;
pub use status::{CallbackState, CallbackStatus};

use crate::envelope::shortened;
use crate::{Envelope, Refusal};

/// What an account's entry says of callbacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callbacks {
    /// The hosts that may be called; at least one.
    pub hosts: BTreeSet<CallbackHost>,
    /// Each signs what is sent; at least one. Several while one takes the place of another.
    pub secrets: Vec<CallbackSecret>,
}

/// Where a callback may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To public addresses alone, whatever the name stands for.
    Public,
    /// To any address: the operator has listed this very origin.
    Any,
}

impl Callbacks {
    /// Most secrets that sign at a time.
    pub const MOST_SECRETS: usize = 4;
    /// Most characters of a URL.
    const LONGEST_URL: usize = 2000;

    /// Where a URL may lead to.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub fn reach(&self, url: &Url) -> Result<Reach, String> {
        let origin = url.origin().ascii_serialization();
        if self.hosts.contains(&CallbackHost::Origin(origin.clone())) {
            return Ok(Reach::Any);
        }
        let host = url.host_str().unwrap_or_default();
        let listed = self.hosts.contains(&CallbackHost::Name(host.to_owned()));
        if listed && url.scheme() == "https" {
            return Ok(Reach::Public);
        }
        let allowed: Vec<String> = self.hosts.iter().map(CallbackHost::allows).collect();
        Err(format!(
            "`{}` is not allowed for this account; allowed: {}",
            shortened(&origin),
            allowed.join(", ")
        ))
    }

    /// The headers that a message is sent with, so that whoever gets it can tell from whom it is. `timestamp` is the time
    /// of sending, in seconds of Unix time.
    pub fn headers(&self, id: &str, timestamp: i64, body: &[u8]) -> [(&'static str, String); 3] {
        let signatures: Vec<String> =
            self.secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ]
    }
}

/// The `callback_url` of a request, as it will be called.
///
/// # Errors
/// When the account may not use it.
pub(crate) fn requested(
    envelope: &Envelope<'_>,
    callbacks: Option<&Callbacks>,
) -> Result<Option<String>, Refusal> {
    let refused = |problem: String| Refusal::parameter("callback_url", problem);
    let Some(text) = envelope.text("callback_url")?.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let Some(callbacks) = callbacks else {
        let problem = "this account has no callbacks; leave it out and poll the job, or have the operator list its host";
        return Err(refused(problem.to_owned()));
    };
    let url = parse(text).map_err(refused)?;
    callbacks.reach(&url).map_err(refused)?;
    Ok(Some(url.into()))
}

/// Reads a URL and writes it in the one way that it is checked and called by.
fn parse(text: &str) -> Result<Url, String> {
    let most = Callbacks::LONGEST_URL;
    let shown = || crate::envelope::describe(&Value::from(text));
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err("has blanks or control characters in it".to_owned());
    }
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
        .ok_or_else(|| format!("{} is no URL; such as https://example.com/hook is expected", shown()))?;
    // Not repeated: what stands there is a secret.
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user or a password in it; put a secret into the path".to_owned());
    }
    if url.fragment().is_some() {
        return Err("has a fragment (#), which is never sent; leave it out".to_owned());
    }
    let length = url.as_str().len().max(text.chars().count());
    if length > most {
        return Err(format!("{} has {length} characters, {most} are allowed", shown()));
    }
    Ok(url)
}
