//! What every message says of its job.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    DatabaseId, JobId, MatchRule, Nulls, Operation, RequestKey, ResourceId, Stamp, UnknownFields, Warning,
};

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
    /// The job whose failed records these are; or that was given up, and what was left of it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// The position in the request of the first record, where another job has those before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub begins_at: u32,
    /// The records came as a stream: they are in parts, and not in the message that makes them a job.
    #[serde(default, skip_serializing_if = "is_false")]
    pub streamed: bool,
    /// Where the request stands in the order of acceptance, where that is not told by its job's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Stamp>,
    /// Warnings on the job as a whole, such as unknown parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
