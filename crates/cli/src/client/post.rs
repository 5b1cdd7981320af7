//! Sending what changes something: once in effect, however often the connection breaks.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::de::DeserializeOwned;

use super::gateway::SILENCE;
use super::{Answer, Error as ClientError, Gateway};
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

/// A request that changes something: an import, under its key, or what is done only once by itself (asked again, a retry is
/// the same job, and what is cancelled is cancelled). So sending it again is harmless.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) key: Option<String>,
    pub(crate) body: Body,
    /// How long the gateway may take over the answer.
    pub(crate) patience: Duration,
}

impl Post {
    /// A request without a body, and without need of a key.
    pub(crate) fn empty(path: String) -> Self {
        Self {
            path,
            query: Vec::new(),
            content_type: None,
            encoding: None,
            key: None,
            body: Body::Bytes(Vec::new()),
            patience: SILENCE,
        }
    }

    /// What was read from standard input is gone.
    fn is_repeatable(&self) -> bool {
        self.body != Body::Input
    }
}

/// A key that nobody else has.
pub(crate) fn fresh_key() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(Error::Randomness)?;
    Ok(format!("cli-{:032x}", u128::from_be_bytes(bytes)))
}

impl Gateway {
    /// Sends a request, again where it is not known what became of it, and reads the answer.
    pub(crate) fn submit<T: DeserializeOwned>(&self, post: &Post) -> Result<T, Error> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.send(post)?.and_then(Answer::json) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = post.is_repeatable() && attempt < ATTEMPTS;
            // What cannot be reached at the first attempt is most likely a wrong address.
            let first = attempt == 1 && matches!(error, ClientError::Unreachable { .. });
            if !again || first || !error.is_transient() {
                return Err(given_up(error));
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

/// Why a request is not sent any more.
pub(super) fn given_up(error: ClientError) -> Error {
    match error {
        ClientError::Broken { .. } => Error::Uncertain(error),
        other => other.into(),
    }
}
