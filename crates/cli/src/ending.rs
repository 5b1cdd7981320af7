//! How a command ended, as scripts see it.

use std::process::ExitCode;

use intake_types::JobState;

use crate::error::Error;

/// The exit codes; `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything was done, or there is nothing to complain of yet.
    Fine,
    /// The command, the request or the job failed.
    Failed,
    /// The job is complete, but some of its records failed.
    RecordsFailed,
    /// The job was still under way when there was no more time to wait for it.
    Late,
}

impl Ending {
    /// How a job in this state ends the command. One that was cancelled did not do what was asked for.
    pub(crate) fn of(state: JobState, failed_records: u64) -> Self {
        match state {
            JobState::Queued | JobState::Processing => Self::Fine,
            JobState::Completed if failed_records == 0 => Self::Fine,
            JobState::Completed => Self::RecordsFailed,
            JobState::Cancelled | JobState::Failed => Self::Failed,
        }
    }

    /// How a job in this state ends a command that was to cancel it.
    pub(crate) fn of_cancel(state: JobState) -> Self {
        match state {
            JobState::Queued | JobState::Processing | JobState::Cancelled => Self::Fine,
            JobState::Completed | JobState::Failed => Self::Failed,
        }
    }

    /// How an error ends the command.
    pub(crate) fn of_error(error: &Error) -> Self {
        match error {
            Error::Late { .. } => Self::Late,
            _ => Self::Failed,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Fine => Self::SUCCESS,
            Ending::Failed => Self::FAILURE,
            Ending::RecordsFailed => Self::from(2),
            Ending::Late => Self::from(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_records_are_told_from_a_failed_job() {
        assert_eq!(Ending::of(JobState::Processing, 5), Ending::Fine);
        assert_eq!(Ending::of(JobState::Completed, 0), Ending::Fine);
        assert_eq!(Ending::of(JobState::Completed, 1), Ending::RecordsFailed);
        assert_eq!(Ending::of(JobState::Failed, 0), Ending::Failed);
        assert_eq!(Ending::of(JobState::Cancelled, 1), Ending::Failed);
    }

    #[test]
    fn who_cancels_wants_no_other_end() {
        assert_eq!(Ending::of_cancel(JobState::Processing), Ending::Fine);
        assert_eq!(Ending::of_cancel(JobState::Cancelled), Ending::Fine);
        assert_eq!(Ending::of_cancel(JobState::Completed), Ending::Failed);
        assert_eq!(Ending::of_cancel(JobState::Failed), Ending::Failed);
    }
}
