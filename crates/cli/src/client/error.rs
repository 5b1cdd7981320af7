//! What can go wrong between this command and a gateway.

use std::io::ErrorKind;

use ureq::Timeout;

/// What can go wrong between this command and a gateway.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nothing was sent.
    #[error("the gateway at {url} cannot be reached")]
    Unreachable { url: String, source: Box<ureq::Error> },
    /// Something was sent, and no answer came.
    #[error("the connection to the gateway at {url} broke off")]
    Broken { url: String, source: Box<ureq::Error> },
    /// The gateway says no.
    #[error("{text} ({status}){}", again(*.retry_after))]
    Refused { status: u16, text: String, retry_after: Option<u64> },
    /// What answered is no gateway of Intake, or one of another time.
    #[error("unexpected answer from {url} (status {status}): {problem}")]
    Unexpected { url: String, status: u16, problem: String },
    /// The token cannot be sent.
    #[error("the token {0}; see INTAKE_TOKEN")]
    Token(&'static str),
}

fn again(seconds: Option<u64>) -> String {
    seconds.map(|seconds| format!("; try again in {seconds} s")).unwrap_or_default()
}

impl Error {
    /// An error of the transport. Before there is a connection nothing can have been sent.
    pub(super) fn of(error: ureq::Error, url: &str) -> Self {
        let (url, source) = (url.to_owned(), Box::new(error));
        let unsent = match &*source {
            // The standard library gives failures of name resolution no kind.
            ureq::Error::Io(error) if error.to_string().starts_with("failed to lookup address") => true,
            ureq::Error::Io(error) => matches!(
                error.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::AddrNotAvailable
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    // What TLS does not accept, such as a certificate.
                    | ErrorKind::InvalidData
            ),
            ureq::Error::Timeout(timeout) => matches!(timeout, Timeout::Resolve | Timeout::Connect),
            ureq::Error::Protocol(_) | ureq::Error::BodyStalled => false,
            _ => true,
        };
        if unsent { Self::Unreachable { url, source } } else { Self::Broken { url, source } }
    }

    /// The body of an answer broke off.
    pub(crate) fn cut(error: std::io::Error, url: &str) -> Self {
        Self::Broken { url: url.to_owned(), source: Box::new(ureq::Error::Io(error)) }
    }

    /// Whether the same question may be answered later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Refused { status, .. } | Self::Unexpected { status, .. } => {
                matches!(status, 408 | 429 | 502 | 503 | 504)
            }
            Self::Token(_) => false,
        }
    }

    /// The seconds after which the gateway wants to be asked again.
    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
