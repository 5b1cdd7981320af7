//! What crosses the broker: one accepted request, as the worker will apply it.
//!
//! Fourth stage of the flow, from gateway to worker, as JSON: `{"v1":{"header":{…},"records":[…]}}`. Records are
//! carried as the text they came in: copied once when written, borrowed when read. A later version is a further
//! variant; what is already in a queue stays readable.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::{DatabaseId, JobId, MatchRule, Nulls, Operation, RequestKey, ResourceId, UnknownFields, Warning};

/// How the records of a job are to be applied, and for whom.
#[expect(clippy::struct_excessive_bools, reason = "the request has them")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The job; carries the time of acceptance.
    pub job_id: JobId,
    /// The account that sent it.
    pub account: String,
    /// The database it is for.
    pub db_id: DatabaseId,
    /// What may be done to profiles.
    pub operation: Operation,
    /// How a record finds its profile.
    pub rule: MatchRule,
    /// The match values of a record that carries none, by parameter; only ever with one record.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub match_values: Map<String, Value>,
    /// The one resource whose subscriptions count when records are matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<ResourceId>,
    /// How many records there are.
    pub total: u32,
    /// What becomes of fields that the database does not have.
    pub unknown_fields: UnknownFields,
    /// What an explicit `null` does.
    pub nulls: Nulls,
    /// Drop invalid subscriptions with a warning instead of failing the record.
    pub skip_invalid_subscriptions: bool,
    /// Make no events of the changes.
    pub skip_triggers: bool,
    /// Fill the location from the record's addresses.
    pub detect_geo: bool,
    /// The client's own name of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Say what would become of the records, and write nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub validate_only: bool,
    /// Whom to tell when the job has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// What tells this request from any other, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_key: Option<RequestKey>,
    /// The job whose failed records these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// Warnings on the job as a whole, such as unknown parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// One accepted request on its way to a worker. Every version ever sent decodes for ever.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message<'a> {
    /// Header and records as JSON text.
    #[serde(rename = "v1", borrow)]
    V1(V1<'a>),
}

/// The first version: `{"v1":{"header":{…},"records":[…]}}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct V1<'a> {
    /// How to apply the records.
    pub header: Header,
    /// The records, as JSON text; its length is `header.total`.
    #[serde(borrow, deserialize_with = "borrowed")]
    pub records: Vec<Cow<'a, RawValue>>,
}

/// Reads records without copying them, as `Cow` by itself would.
fn borrowed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cow<'de, RawValue>>, D::Error> {
    let records = Vec::<&RawValue>::deserialize(deserializer)?;
    Ok(records.into_iter().map(Cow::Borrowed).collect())
}

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or of a version or shape that is not known.
    #[error("the message is not readable")]
    Unreadable(#[from] serde_json::Error),
    /// It does not hold what it says.
    #[error("the message says {said} records and holds {held}")]
    Miscounted {
        /// The header's total.
        said: u32,
        /// Records there are.
        held: usize,
    },
}

impl<'a> Message<'a> {
    /// Room for a header, and for what is around a record.
    const HEADER_BYTES: usize = 1024;

    /// The bytes that are sent.
    ///
    /// # Panics
    /// Never: writing to memory cannot fail.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self::V1(V1 { records, .. }) = self;
        let size: usize = records.iter().map(|record| record.get().len() + 1).sum();
        let mut bytes = Vec::with_capacity(Self::HEADER_BYTES + size);
        #[expect(clippy::expect_used, reason = "writing to memory cannot fail, and all keys are text")]
        serde_json::to_writer(&mut bytes, self).expect("a message is writable");
        bytes
    }

    /// Reads what was sent. Records are borrowed from `bytes`.
    ///
    /// # Errors
    /// When the bytes are no message that this version knows, or one that is not whole.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let Self::V1(message) = serde_json::from_slice(bytes)?;
        let (said, held) = (message.header.total, message.records.len());
        if usize::try_from(said).is_ok_and(|said| said == held) {
            Ok(Self::V1(message))
        } else {
            Err(DecodeError::Miscounted { said, held })
        }
    }

    /// How to apply the records.
    pub fn header(&self) -> &Header {
        let Self::V1(V1 { header, .. }) = self;
        header
    }

    /// The same for another job.
    #[must_use]
    pub fn under(mut self, job_id: JobId) -> Self {
        let Self::V1(V1 { header, .. }) = &mut self;
        header.job_id = job_id;
        self
    }

    /// Header and records.
    pub fn into_parts(self) -> (Header, Vec<Cow<'a, RawValue>>) {
        let Self::V1(V1 { header, records }) = self;
        (header, records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as the first release wrote it. Never changed.
    const FIRST: &str = r#"{"v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"update","rule":{"custom":{"field":"Custom_ID"}},"match_values":{"field_value":"7"},"resource_id":28,"total":2,"unknown_fields":"reject","nulls":"ignore","skip_invalid_subscriptions":false,"skip_triggers":true,"detect_geo":false,"external_id":"nightly","warnings":[{"code":"unknown_parameter","text":"unknown parameter `x` was ignored","field":"x"}]},"records":[{"a" : 1.50},[[["deep"]]]]}}"#;

    /// The same with nothing that may be left out.
    const SHORTEST: &str = r#"{"v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"import","rule":"email","total":0,"unknown_fields":"ignore","nulls":"clear","skip_invalid_subscriptions":true,"skip_triggers":false,"detect_geo":true},"records":[]}}"#;

    #[test]
    fn the_first_version_decodes_for_ever() {
        for sent in [FIRST, SHORTEST] {
            let message = Message::from_bytes(sent.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(message.to_bytes()).unwrap(), sent);
        }
        let (header, records) = Message::from_bytes(FIRST.as_bytes()).unwrap().into_parts();
        assert_eq!(header.rule, MatchRule::Custom { field: "Custom_ID".to_owned() });
        assert_eq!(
            (header.match_values.get("field_value"), header.resource_id),
            (Some(&Value::from("7")), Some(ResourceId(28)))
        );
        assert_eq!(
            records.iter().map(|record| record.get()).collect::<Vec<_>>(),
            [r#"{"a" : 1.50}"#, r#"[[["deep"]]]"#]
        );
    }

    #[test]
    fn records_are_borrowed() {
        let (_, records) = Message::from_bytes(FIRST.as_bytes()).unwrap().into_parts();
        assert!(records.iter().all(|record| matches!(record, Cow::Borrowed(_))));
    }

    #[test]
    fn a_message_that_is_not_whole_is_refused() {
        let error = |bytes: &str| Message::from_bytes(bytes.as_bytes()).unwrap_err();
        let miscounted = FIRST.replace("\"total\":2", "\"total\":3");
        assert_eq!(error(&miscounted).to_string(), "the message says 3 records and holds 2");
        assert!(matches!(error(&FIRST.replace("v1", "v9")), DecodeError::Unreadable(_)));
        for length in 0..FIRST.len() {
            assert!(matches!(error(FIRST.get(..length).unwrap()), DecodeError::Unreadable(_)));
        }
    }
}
