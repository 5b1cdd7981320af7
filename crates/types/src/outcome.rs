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

impl Action {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 5] = [Self::Created, Self::Updated, Self::Unchanged, Self::Skipped, Self::Failed];

    /// The word on the wire; `is_dry`: of a job that writes nothing.
    pub fn word(self, is_dry: bool) -> &'static str {
        match self {
            Self::Created if is_dry => "would_create",
            Self::Updated if is_dry => "would_update",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    /// Reads the word, of either kind of job.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word(false) == word || action.word(true) == word)
    }
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

impl Warning {
    /// Warnings that are told of one record.
    const MOST: usize = 20;

    /// Keeps the first warnings and counts the rest: a record may have as many as it has members.
    pub(crate) fn limit(warnings: &mut Vec<Self>) {
        let more = warnings.len().saturating_sub(Self::MOST);
        if let Some(first) = warnings.get(Self::MOST).cloned() {
            warnings.truncate(Self::MOST);
            warnings.push(Self { code: first.code, text: format!("and {more} more warnings"), field: None });
        }
    }

    /// Tells which members of a record later requests have decided on, if there are any.
    pub(crate) fn superseded(paths: &[String]) -> Option<Self> {
        let told = paths.get(..Self::MOST).unwrap_or(paths).join(", ");
        let more = paths.len().saturating_sub(Self::MOST);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (!paths.is_empty()).then(|| Self {
            code: Code::Superseded,
            text: format!("a request that was accepted later has written {told}{more}; what it wrote stays"),
            field: paths.first().filter(|_| paths.len() == 1).cloned(),
        })
    }
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

impl Outcome {
    /// The fate of a record of a job that was cancelled before its turn; `record` is its JSON text.
    pub fn skipped(index: u32, record: &str) -> Self {
        Self {
            index,
            action: Action::Skipped,
            profile_id: None,
            failure: None,
            warnings: Vec::new(),
            reference: draft::reference(record),
        }
    }
}

/// Longest text, in characters, that a client is told; room for some fifty ids.
const LONGEST_TEXT: usize = 2000;
/// Longest path.
const LONGEST_PATH: usize = 300;

impl Outcome {
    /// As it is told: a text or a path may repeat what the record said, which can be megabytes, and may hold U+0000,
    /// which cannot be stored.
    #[must_use]
    pub(crate) fn told(mut self) -> Self {
        if let Some(Failure { text, field, .. }) = &mut self.failure {
            tell(text, field.as_mut());
        }
        for Warning { text, field, .. } in &mut self.warnings {
            tell(text, field.as_mut());
        }
        self
    }
}

fn tell(text: &mut String, path: Option<&mut String>) {
    bound(text, LONGEST_TEXT);
    if let Some(path) = path {
        bound(path, LONGEST_PATH);
    }
}

fn bound(text: &mut String, longest: usize) {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
        text.push('…');
    }
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_short_and_storable() {
        let long = "я\0".repeat(1_000_000);
        let warning = Warning { code: Code::FieldIgnored, text: long.clone(), field: Some(long.clone()) };
        let failure = Failure { code: Code::UnknownField, text: long.clone(), field: Some(long) };
        let outcome =
            Outcome { failure: Some(failure), warnings: vec![warning], ..Outcome::not_processed(0, "") };
        let Outcome { failure, warnings, .. } = outcome.told();
        let (failure, warning) = (failure.unwrap(), warnings.into_iter().next().unwrap());
        assert_eq!((&failure.text, &failure.field), (&warning.text, &warning.field));
        assert_eq!(failure.text.chars().count(), LONGEST_TEXT + 1);
        assert_eq!(failure.field.as_ref().unwrap().chars().count(), LONGEST_PATH + 1);
        assert!(!failure.text.contains('\0') && failure.text.starts_with("я\u{fffd}"));
    }
}
