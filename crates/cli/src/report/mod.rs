//! Jobs and records in words.

mod describe;
mod progress;

pub(crate) use describe::{details, failure, row, summary};
pub(crate) use progress::Progress;

use crate::client::{self, Entry, Gateway, Status, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::{Output, remark};

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
