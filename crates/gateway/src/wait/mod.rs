//! Waiting for a job: until a worker tells that it has ended, with a look into the ledger from time to time, since a notice
//! can be lost.

mod waiters;

use std::time::Duration;

use intake_types::catalog::Account;
use intake_types::{JobId, JobState, Status};
use tokio::time::{Instant, sleep, timeout_at};

pub(crate) use self::waiters::{Expectation, Waiters};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;

/// Between the first two looks, and most between any two, where notices are heard.
const GENTLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// The same where they are not.
const EAGER: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Where a job stands. One that was accepted and that no worker has taken yet is in no ledger: it is queued.
pub(crate) async fn status(app: &App, account: &Account, job_id: JobId) -> Result<Status, ApiError> {
    if let Some(status) = app.store.status(account, job_id).await? {
        return Ok(status);
    }
    let state = queued(app, account, job_id)?;
    let cancel_requested = app.store.is_cancel_requested(job_id).await?;
    Ok(Status { job_id, state, cancel_requested, ledger: None })
}

/// The state of a job that is in no ledger: queued, if the id was given to this account, else there is none. What was given
/// out longer ago than statuses are kept has been forgotten.
fn queued(app: &App, account: &Account, job_id: JobId) -> Result<JobState, ApiError> {
    let is_known = clock::age(job_id) < app.store.retention().status;
    if is_known && job_id.is_genuine(&account.name, &app.job_key) {
        Ok(JobState::Queued)
    } else {
        Err(ApiError::UnknownJob)
    }
}

/// Where a job stands once it is terminal, the time is over, or the service shuts down.
pub(crate) async fn until_terminal(
    app: &App,
    account: &Account,
    job_id: JobId,
    time: Option<Duration>,
) -> Result<Status, ApiError> {
    let deadline = Instant::now() + time.unwrap_or_default();
    let expected = app.waiters.expect(job_id);
    let mut look = 0;
    loop {
        let status = status(app, account, job_id).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if status.state.is_terminal() || left.is_zero() || app.shutdown.is_cancelled() {
            return Ok(status);
        }
        pause(app, &expected, look, left).await;
        look += 1;
    }
}

/// Waits for a notice, for the next look, or for the shutdown.
async fn pause(app: &App, expected: &Expectation, look: u32, left: Duration) {
    let (first, longest) = if expected.is_listening() { GENTLE } else { EAGER };
    let pause = first.saturating_mul(1 << look.min(10)).min(longest).min(left);
    tokio::select! {
        // What was told and is not in the ledger is waited for without it: it is told once.
        () = expected.told(), if look == 0 || !expected.is_told() => {}
        () = sleep(pause) => {}
        () = app.shutdown.cancelled() => {}
    }
}

/// The status of a job that was accepted, if it is terminal in time; one that was just published is `expected` since before
/// it was. The job goes on whatever happens here, so a database that is away only means: not in time.
pub(crate) async fn finished(
    app: &App,
    account: &Account,
    job_id: JobId,
    expected: Option<&Expectation>,
    time: Duration,
) -> Option<Status> {
    let deadline = Instant::now() + time;
    let waited = timeout_at(deadline, async {
        if let Some(expected) = expected {
            pause(app, expected, 0, time).await;
        }
        until_terminal(app, account, job_id, Some(deadline.saturating_duration_since(Instant::now()))).await
    });
    match waited.await {
        Ok(Ok(status)) => Some(status).filter(|status| status.state.is_terminal()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a job cannot be waited for");
            None
        }
        Err(_late) => None,
    }
}
