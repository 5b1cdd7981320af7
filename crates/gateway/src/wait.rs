//! Waiting for a job: the ledger is asked again and again, ever more gently.

use std::time::Duration;

use intake_types::catalog::Account;
use intake_types::{JobId, JobState, Status};
use tokio::time::{Instant, sleep, timeout_at};

use crate::app::App;
use crate::error::ApiError;

/// Between the first two looks, and most between any two.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// Where a job stands. One that was accepted and that no worker has taken yet is in no ledger: it is queued.
async fn status(app: &App, account: &Account, job_id: JobId) -> Result<Status, ApiError> {
    match app.store.status(account, job_id).await? {
        Some(status) => Ok(status),
        None => queued(app, account, job_id).map(|state| Status { job_id, state, ledger: None }),
    }
}

/// The state of a job that is in no ledger: queued, if the id was given to this account, else there is none.
pub(crate) fn queued(app: &App, account: &Account, job_id: JobId) -> Result<JobState, ApiError> {
    if job_id.is_genuine(&account.name, &app.job_key) {
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
    let (mut pause, longest) = PAUSES;
    loop {
        let status = status(app, account, job_id).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if status.state.is_terminal() || left.is_zero() {
            return Ok(status);
        }
        tokio::select! {
            () = sleep(pause.min(left)) => {}
            () = app.shutdown.cancelled() => return Ok(status),
        }
        pause = (pause * 3 / 2).min(longest);
    }
}

/// The status of a job that was just published, if it is terminal in time. The job goes on whatever happens here, so a
/// database that is away only means: not in time.
pub(crate) async fn finished(app: &App, account: &Account, job_id: JobId, time: Duration) -> Option<Status> {
    let deadline = Instant::now() + time;
    let waited = timeout_at(deadline, async {
        sleep(PAUSES.0).await;
        until_terminal(app, account, job_id, Some(time)).await
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
