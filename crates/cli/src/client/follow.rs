//! Following a job until it ends, through gateways that restart and databases that are away for a while.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use uuid::Uuid;

use super::{Error as ClientError, Gateway, Status};
use crate::error::Error;
use crate::report::Progress;

/// How long nothing but transient errors may come.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two attempts where the gateway does not say.
const PAUSE: u64 = 2;

/// Whether and how long to follow. The doc comments are the `--help`.
#[derive(Debug, Clone, Copy, Args)]
#[group(skip)]
pub(crate) struct Follow {
    /// Wait until the job ends; progress goes to standard error
    #[arg(long)]
    pub(crate) wait: bool,

    /// Give up waiting after so many seconds; the job goes on
    #[arg(long, value_name = "SECONDS", requires = "wait", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: Option<u64>,
}

/// The path of a job's status.
pub(crate) fn status_path(job: Uuid) -> String {
    format!("/api/v1.1/jobs/{job}")
}

/// Asks for the status of a job until it is terminal. The gateway has answered before, so what fails now may pass.
pub(crate) fn follow(gateway: &Gateway, job: Uuid, timeout: Option<u64>) -> Result<Status, Error> {
    let mut progress = Progress::new();
    let started = Instant::now();
    let mut heard = started;
    loop {
        let asked = Instant::now();
        let left = timeout.map(|limit| limit.saturating_sub(started.elapsed().as_secs()));
        if left == Some(0)
            && let Some(seconds) = timeout
        {
            return Err(Error::Late { job, seconds });
        }
        let pause = match ask(gateway, job, progress.interval().min(left.unwrap_or(u64::MAX))) {
            Ok((status, _)) if status.state.is_terminal() => return Ok(status),
            Ok((status, pause)) => {
                heard = Instant::now();
                progress.show(&status);
                pause.unwrap_or_default()
            }
            Err(error) if error.is_transient() && heard.elapsed() < PATIENCE => {
                let pause = error.retry_after().unwrap_or(PAUSE);
                progress.trouble(&error);
                pause
            }
            Err(error) => return Err(error.into()),
        };
        // Counted from question to question: a long poll is a pause in itself.
        let pause = Duration::from_secs(pause.min(left.unwrap_or(u64::MAX)));
        thread::sleep(pause.saturating_sub(asked.elapsed()));
    }
}

/// Asks once; the gateway may take so many seconds when nothing changes. With the pause that it wants.
fn ask(gateway: &Gateway, job: Uuid, seconds: u64) -> Result<(Status, Option<u64>), ClientError> {
    let answer = gateway.get(&format!("{}?format=json&wait={seconds}", status_path(job)))?;
    let pause = answer.retry_after();
    Ok((answer.json()?, pause))
}
