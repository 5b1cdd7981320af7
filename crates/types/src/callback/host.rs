//! A host that callbacks may lead to, as the catalogue lists it.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// A host that may be called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CallbackHost {
    /// A host by its name: `https` alone, any port, public addresses alone.
    Name(String),
    /// Exactly this origin, which may be `http` and of a private network.
    Origin(String),
}

impl CallbackHost {
    /// Reads a name (`hooks.example.com`) or an origin (`http://127.0.0.1:9000`).
    ///
    /// # Errors
    /// What is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "{text:?} will not do: a host's name such as hooks.example.com is expected, or an origin such as \
                 http://127.0.0.1:9000"
            )
        };
        if !text.contains("://") {
            return name(text).map(Self::Name).ok_or_else(problem);
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
        let url = url.ok_or_else(problem)?;
        let origin = url.origin().ascii_serialization();
        // Nothing but the origin, so that nobody believes a path to count.
        if url.as_str().trim_end_matches('/') == origin { Ok(Self::Origin(origin)) } else { Err(problem()) }
    }

    /// What it allows, for people.
    pub(super) fn allows(&self) -> String {
        match self {
            Self::Name(name) => format!("https://{name}"),
            Self::Origin(origin) => origin.clone(),
        }
    }
}

/// A name as URLs have it: lower case, in ASCII. Numbers are addresses, which go as an origin.
fn name(text: &str) -> Option<String> {
    let Ok(Host::Domain(name)) = Host::parse(text) else { return None };
    let labels = name.split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    });
    labels.then_some(name)
}

impl fmt::Display for CallbackHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Name(text) | Self::Origin(text)) = self;
        text.fmt(formatter)
    }
}

impl TryFrom<String> for CallbackHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<CallbackHost> for String {
    fn from(host: CallbackHost) -> Self {
        host.to_string()
    }
}
