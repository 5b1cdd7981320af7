//! One record's fate.

use serde::{Deserialize, Serialize};

use crate::{Code, ProfileId, draft};

/// What was done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A profile was made.
    Created,
    /// A profile was changed.
    Updated,
    /// The profile was already as sent.
    Unchanged,
    /// The record was not looked at (its job was cancelled).
    Skipped,
    /// The record was refused; [`Outcome::failure`] says why.
    Failed,
}

/// Why a record failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The public code.
    pub code: Code,
    /// The path in the record, such as `subscriptions[0].phone`; `None` when it is the record as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong and what is allowed.
    pub text: String,
}

/// Something that a client should know of a record that was applied all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The public code.
    pub code: Code,
    /// What happened.
    pub text: String,
    /// The path in the record, if it is about one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// One record's fate. There is exactly one for each record of an accepted job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Position in the request, from 0.
    pub index: u32,
    /// What was done.
    pub action: Action,
    /// The profile that the record made, changed or met; `None` exactly for failed and skipped ones.
    pub profile_id: Option<ProfileId>,
    /// Present exactly when the action is [`Action::Failed`].
    pub failure: Option<Failure>,
    /// What else the client should know.
    pub warnings: Vec<Warning>,
    /// The record's `_ref`, echoed.
    pub reference: Option<String>,
}

impl Outcome {
    /// The fate of a record that could not be applied for a reason that is not its own; `record` is its JSON text.
    pub fn not_processed(index: u32, record: &str) -> Self {
        let failure = Failure {
            code: Code::NotProcessed,
            field: None,
            text: "the record could not be applied; send it again, or ask the operator".to_owned(),
        };
        let reference = draft::reference(record);
        Self {
            index,
            action: Action::Failed,
            profile_id: None,
            failure: Some(failure),
            warnings: Vec::new(),
            reference,
        }
    }
}

/// How many records of each fate there are, and how many warnings in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Profiles made.
    pub created: u32,
    /// Profiles changed.
    pub updated: u32,
    /// Profiles that were already as sent.
    pub unchanged: u32,
    /// Records not looked at.
    pub skipped: u32,
    /// Records refused.
    pub failed: u32,
    /// Warnings on records.
    pub warnings: u32,
}

impl Tally {
    /// Counts a set of outcomes.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            let count = match outcome.action {
                Action::Created => &mut tally.created,
                Action::Updated => &mut tally.updated,
                Action::Unchanged => &mut tally.unchanged,
                Action::Skipped => &mut tally.skipped,
                Action::Failed => &mut tally.failed,
            };
            *count += 1;
            tally.warnings += u32::try_from(outcome.warnings.len()).unwrap_or(u32::MAX);
        }
        tally
    }

    /// Records that have an outcome.
    pub fn processed(&self) -> u32 {
        self.created + self.updated + self.unchanged + self.skipped + self.failed
    }
}
