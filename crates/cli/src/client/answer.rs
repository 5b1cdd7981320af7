//! What the gateway answers, as far as it is shown. Members that are missing are not known to that gateway.

use intake_types::JobState;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

/// The answer to a batch.
#[derive(Debug, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) job_id: Uuid,
}

/// What every answer has.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    error_text: String,
}

/// The status of a job.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Status {
    pub(crate) error: u16,
    pub(crate) error_text: String,
    pub(crate) job_id: Uuid,
    #[serde(rename = "status", deserialize_with = "state")]
    pub(crate) state: JobState,
    pub(crate) db_id: Option<i64>,
    pub(crate) matching: Option<String>,
    pub(crate) external_id: Option<String>,
    /// It writes nothing.
    #[serde(default)]
    pub(crate) validate_only: bool,
    pub(crate) total: Option<u64>,
    #[serde(default)]
    pub(crate) processed: u64,
    #[serde(default)]
    pub(crate) created: u64,
    #[serde(default)]
    pub(crate) updated: u64,
    #[serde(default)]
    pub(crate) unchanged: u64,
    #[serde(default)]
    pub(crate) skipped: u64,
    #[serde(default)]
    pub(crate) failed: u64,
    #[serde(default)]
    pub(crate) warnings: u64,
    /// How often a worker took it.
    #[serde(default)]
    pub(crate) attempts: u32,
    pub(crate) accepted_at: Option<String>,
    pub(crate) started_at: Option<String>,
    pub(crate) finished_at: Option<String>,
    /// Until when its results are kept.
    pub(crate) expires_at: Option<String>,
    pub(crate) rate_per_second: Option<u64>,
    pub(crate) eta_seconds: Option<u64>,
    /// It runs still, and is to be cancelled.
    #[serde(default)]
    pub(crate) cancel_requested: bool,
    /// The job whose failed records these are.
    pub(crate) retry_of: Option<Uuid>,
    pub(crate) callback: Option<Callback>,
    /// Warnings on the job as a whole.
    #[serde(default)]
    pub(crate) job_warnings: Vec<Warning>,
}

/// Whom the end of a job is told to, and how that stands.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Callback {
    pub(crate) url: String,
    pub(crate) state: String,
    pub(crate) attempts: u32,
    /// Why the last attempt did not do.
    pub(crate) last_error: Option<String>,
    pub(crate) next_attempt_at: Option<String>,
}

/// Something that a client should know.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Warning {
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) field: Option<String>,
}

/// What became of one record.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) index: u64,
    pub(crate) error: u16,
    pub(crate) error_text: String,
    pub(crate) code: Option<String>,
    pub(crate) field: Option<String>,
    #[serde(rename = "_ref")]
    pub(crate) reference: Option<String>,
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JobState, D::Error> {
    let word = String::deserialize(deserializer)?;
    JobState::parse(&word).ok_or_else(|| de::Error::custom(format!("unknown status {word:?}")))
}

/// The `error_text` of an envelope in JSON or XML.
pub(super) fn error_text(body: &[u8]) -> Option<String> {
    if let Ok(envelope) = serde_json::from_slice::<Envelope>(body) {
        return Some(envelope.error_text);
    }
    let text = std::str::from_utf8(body).ok()?;
    let (_, text) = text.split_once("<error_text>")?;
    let (text, _) = text.split_once("</error_text>")?;
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    Some(entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter)))
}

#[cfg(test)]
mod tests {
    use intake_types::wire::{self, Format};

    use super::*;

    #[test]
    fn an_explanation_is_found_in_both_formats() {
        let text = "matching: `<x>` is not allowed & \"y\" isn't";
        for format in [Format::Json, Format::Xml] {
            assert_eq!(error_text(&wire::error(400, text, format)).as_deref(), Some(text));
        }
        for other in ["", "<html>502</html>", "[]", "{\"error\": 1}"] {
            assert_eq!(error_text(other.as_bytes()), None);
        }
    }

    #[test]
    fn a_state_that_is_not_known_is_refused() {
        let id = Uuid::nil();
        let status = |word: &str| {
            let text = format!(r#"{{"error":0,"error_text":"","job_id":"{id}","status":"{word}"}}"#);
            serde_json::from_str::<Status>(&text)
                .map(|status| status.state)
                .map_err(|error| error.to_string())
        };
        assert_eq!(status("queued"), Ok(JobState::Queued));
        assert!(status("lost").unwrap_err().starts_with("unknown status \"lost\""));
    }
}
