//! What a poll shows: the state of a job, its counts, its outcomes.

use chrono::{DateTime, Utc};

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
    /// The rest is known only once a worker has registered the job.
    pub ledger: Option<LedgerEntry>,
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
    /// When a worker first took it.
    pub started_at: DateTime<Utc>,
    /// When it became terminal.
    pub finished_at: Option<DateTime<Utc>>,
    /// Until when the outcomes are kept.
    pub expires_at: Option<DateTime<Utc>>,
    /// The ledger's clock when it was read: rates are told against it.
    pub read_at: DateTime<Utc>,
    /// Why the job as a whole could not be applied.
    pub error: Option<(u16, String)>,
}

/// Outcomes of a job, in input order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// Where the job stands.
    pub state: JobState,
    /// Records in the job.
    pub total: u32,
    /// One for each record that has been processed.
    pub outcomes: Vec<Outcome>,
}
