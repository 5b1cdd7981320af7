//! Jobs and records in words, from the request that makes a job to its end.

mod describe;
mod progress;

pub(crate) use describe::{details, failure, row, summary};
pub(crate) use progress::Progress;

use crate::client::{self, Accepted, Entry, Follow, Gateway, Post, Status, follow, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::{Output, remark};

/// Sends a request that makes a job, says which, and waits for it where that is wanted.
pub(crate) fn submitted(
    gateway: &Gateway,
    post: &Post,
    wish: Follow,
    output: &mut Output,
) -> Result<Ending, Error> {
    let Accepted { job_id } = gateway.submit(post)?;
    output.line(format_args!("job     {job_id}"))?;
    output.line(format_args!("status  {}", gateway.url(&status_path(job_id))))?;
    if !wish.wait {
        return Ok(Ending::Fine);
    }
    let status = follow(gateway, job_id, wish.timeout)?;
    conclude(gateway, &status, output)
}

/// Prints how a job ended, and each record that failed, as long as that is kept. How it ended is kept longer.
pub(crate) fn conclude(gateway: &Gateway, status: &Status, output: &mut Output) -> Result<Ending, Error> {
    summary(status).iter().try_for_each(|line| output.line(line))?;
    if status.failed > 0 {
        // One line each, so that nobody has to hold all of them.
        let path = format!("{}/results?format=ndjson&only=failed", status_path(status.job_id));
        match gateway.get(&path) {
            Ok(answer) => answer.lines(|entry: Entry| output.line(failure(&entry)))?,
            Err(client::Error::Refused { status: 410, text, .. }) => remark(&text),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ending::of(status.state, status.failed))
}
