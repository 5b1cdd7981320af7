//! What a poll shows: the state of a job, its counts, its outcomes.

use chrono::{DateTime, Utc};

use crate::callback::CallbackStatus;
use crate::{DatabaseId, JobId, Outcome, Tally, Warning};

/// Where a job stands; it only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobState {
    /// Accepted; no worker has taken it yet.
    Queued,
    /// A worker has it.
    Processing,
    /// Every record has its outcome.
    Completed,
    /// Stopped by the client; the rest was skipped.
    Cancelled,
    /// Could not be applied as a whole.
    Failed,
}

impl JobState {
    /// All of them, in the order in which a job passes them.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Processing, Self::Completed, Self::Cancelled, Self::Failed];

    /// The word on the wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing will change any more.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Processing => false,
            Self::Completed | Self::Cancelled | Self::Failed => true,
        }
    }
}

/// The status of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The job.
    pub job_id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// Whether somebody wishes it stopped and it has not ended yet; or was given up, so that what was not applied of it
    /// never will be.
    pub cancel_requested: bool,
    /// The rest is known only once a worker has registered the job.
    pub ledger: Option<LedgerEntry>,
}

impl Status {
    /// Whether it was given up, and its operator may have what was not applied of it.
    pub fn is_given_up(&self) -> bool {
        let error = self.ledger.as_ref().and_then(|entry| entry.error.as_ref());
        error.is_some_and(|(number, _)| *number == 500)
    }

    /// How fast the job goes; `None` as long as that cannot be told. While it runs: since a worker last took it, so that
    /// hours in which it lay do not count, and a rate that falls says that it is stuck.
    pub fn pace(&self) -> Option<Pace> {
        let entry = self.ledger.as_ref()?;
        let processed = entry.tally.processed();
        let (since, done, until) = match entry.finished_at {
            Some(finished_at) => (entry.started_at, processed, finished_at),
            None => (entry.taken.0, entry.taken.1, entry.read_at),
        };
        let millis = (until - since).num_milliseconds().max(1);
        let (done, left) = (i64::from(done), i64::from(entry.total.saturating_sub(processed)));
        (done > 0).then(|| Pace {
            rate_per_second: (done.saturating_mul(1000) / millis).max(1),
            eta_seconds: (!self.state.is_terminal())
                .then(|| (left.saturating_mul(millis) / done).saturating_add(999) / 1000),
        })
    }
}

/// How fast a job goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Records in a second; at least one.
    pub rate_per_second: i64,
    /// Seconds that are left, only while it runs.
    pub eta_seconds: Option<i64>,
}

impl LedgerEntry {
    /// Whether its results are no longer to be told, even where they are still stored.
    pub fn has_expired(&self) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= self.read_at)
    }
}

/// What the ledger knows of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The database it is for.
    pub db_id: DatabaseId,
    /// The matching word.
    pub matching: String,
    /// The client's own name of the job.
    pub external_id: Option<String>,
    /// Records in the job.
    pub total: u32,
    /// Fates so far.
    pub tally: Tally,
    /// Warnings on the job as a whole.
    pub warnings: Vec<Warning>,
    /// How often a worker has taken it.
    pub attempts: u32,
    /// It writes nothing.
    pub validate_only: bool,
    /// The job whose failed records it has, or what was left of it when it was given up.
    pub retry_of: Option<JobId>,
    /// When a worker first took it.
    pub started_at: DateTime<Utc>,
    /// When a worker last took it, and how many records have their fate since.
    pub taken: (DateTime<Utc>, u32),
    /// When it became terminal.
    pub finished_at: Option<DateTime<Utc>>,
    /// Until when the outcomes are kept.
    pub expires_at: Option<DateTime<Utc>>,
    /// The ledger's clock when it was read: rates are told against it.
    pub read_at: DateTime<Utc>,
    /// Why the job as a whole could not be applied.
    pub error: Option<(u16, String)>,
    /// Whom its end is told to, and how that stands.
    pub callback: Option<CallbackStatus>,
}

/// One record's entry among the results of its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What became of the record.
    pub outcome: Outcome,
    /// The record as it was sent, where that was asked for and is still known.
    pub record: Option<String>,
}
