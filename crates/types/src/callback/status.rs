//! How the telling of one job's end stands, as its status shows it.

use chrono::{DateTime, Utc};

/// Whether whoever is to be told has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackState {
    /// It is not over: the job has not ended, or a further attempt will be made.
    Pending,
    /// It was taken.
    Delivered,
    /// It is given up.
    Failed,
}

impl CallbackState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The word on the wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackStatus {
    /// Who is told.
    pub url: String,
    /// Whether that is done.
    pub state: CallbackState,
    /// How often it was tried.
    pub attempts: u32,
    /// The HTTP status of the last answer, if there was any.
    pub last_status: Option<u16>,
    /// Why the last attempt did not do.
    pub last_error: Option<String>,
    /// When it will be tried again; the first time: as soon as the job has ended.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

impl CallbackStatus {
    /// That of a job which has not ended.
    pub fn waiting(url: String) -> Self {
        let state = CallbackState::Pending;
        Self { url, state, attempts: 0, last_status: None, last_error: None, next_attempt_at: None }
    }
}
