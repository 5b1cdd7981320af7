//! How a command ended, as scripts see it.

use std::process::ExitCode;

use intake_types::JobState;

/// The exit codes; `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything was done, or there is nothing to complain of yet.
    Fine,
    /// The command, the request or the job failed.
    Failed,
    /// The job is complete, but some of its records failed.
    RecordsFailed,
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
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Fine => Self::SUCCESS,
            Ending::Failed => Self::FAILURE,
            Ending::RecordsFailed => Self::from(2),
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
}
