//! Sending an import: once in effect, however often the connection breaks.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;

use super::{Accepted, Answer, Error as ClientError, Gateway};
use crate::error::Error;
use crate::input;
use crate::output::remark;

/// How often a request is sent, if need be.
const ATTEMPTS: u32 = 5;
/// Between two attempts where the gateway does not say; doubled each time.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the bytes of a body are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// At hand.
    Bytes(Vec<u8>),
    /// In a file, read while they are sent.
    File(PathBuf),
    /// On standard input, which can be read once.
    Input,
}

/// A request that makes a job.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) encoding: Option<&'static str>,
    /// Makes sending it again harmless.
    pub(crate) key: Option<String>,
    pub(crate) body: Body,
}

impl Post {
    /// A request without a body.
    pub(crate) fn empty(path: String) -> Self {
        Self {
            path,
            query: Vec::new(),
            content_type: None,
            encoding: None,
            key: None,
            body: Body::Bytes(Vec::new()),
        }
    }
}

/// A key that nobody else has.
pub(crate) fn fresh_key() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(Error::Randomness)?;
    Ok(format!("cli-{:032x}", u128::from_be_bytes(bytes)))
}

impl Gateway {
    /// Sends a request that makes a job, again where it is not known what became of it.
    pub(crate) fn submit(&self, post: &Post) -> Result<Accepted, Error> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.send(post)?.and_then(Answer::json) {
                Ok(accepted) => return Ok(accepted),
                Err(error) => error,
            };
            let again = post.key.is_some() && post.body != Body::Input && attempt < ATTEMPTS;
            // What cannot be reached at the first attempt is most likely a wrong address.
            let first = attempt == 1 && matches!(error, ClientError::Unreachable { .. });
            if !again || first || !error.is_transient() {
                return Err(match error {
                    ClientError::Broken { .. } => Error::Uncertain(error),
                    other => other.into(),
                });
            }
            remark(&format!("{error}; sent again"));
            thread::sleep(error.retry_after().map_or(pause, Duration::from_secs));
            pause *= 2;
            attempt += 1;
        }
    }

    fn send(&self, post: &Post) -> Result<Result<Answer, ClientError>, Error> {
        Ok(match &post.body {
            Body::Bytes(bytes) => self.post(post, bytes.as_slice()),
            Body::File(path) => self.post(post, input::open(path)?),
            Body::Input => self.post(post, ureq::SendBody::from_owned_reader(io::stdin())),
        })
    }
}
