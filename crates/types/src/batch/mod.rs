//! A checked request: the only way from what a client sent to what a worker gets.
//!
//! Third stage of the flow. Here a request is taken or refused as a whole; what is in a record is not looked at.

pub(crate) mod matching;
mod terms;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::catalog::{Account, Catalog, Database};
use crate::envelope::shortened;
use crate::field::listed;
use crate::message::V1;
use crate::{Code, Envelope, Header, JobId, MatchRule, Message, Refusal, ResourceId, Warning};

pub use terms::Terms;

/// What an import may do to profiles: which of the three endpoints was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Creates and updates (`import_batch`).
    #[default]
    Import,
    /// Creates only: a record that matches fails (`add_batch`).
    Add,
    /// Updates only: a record that matches nobody fails (`update_batch`).
    Update,
}

/// What becomes of fields that the database does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// The record fails.
    #[default]
    Reject,
    /// They are dropped with a warning.
    Ignore,
}

/// What an explicit `null` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nulls {
    /// It leaves the value as it is, with a warning.
    #[default]
    Ignore,
    /// It removes the value.
    Clear,
    /// The record fails.
    Reject,
}

/// A checked request. Nothing of it is checked again.
#[derive(Debug)]
pub struct Batch<'a> {
    terms: Terms,
    match_values: Map<String, Value>,
    records: Vec<Cow<'a, RawValue>>,
    total: u32,
}

impl<'a> Batch<'a> {
    /// Most records that a batch can hold, whatever the limits say: a profile's id has room for no higher index.
    pub const MOST_RECORDS: u32 = 1 << 20;

    /// Checks a request of `account` for `database`, which the caller has found to be the account's.
    ///
    /// # Errors
    /// The first thing that is wrong: [`Refusal::Parameter`], or [`Refusal::TooLarge`].
    pub fn check(
        envelope: Envelope<'a>,
        operation: Operation,
        catalog: &Catalog,
        account: &Account,
        database: &Database,
    ) -> Result<Self, Refusal> {
        let total = count(&envelope)?;
        let terms = Terms::check(&envelope, operation, catalog, account, database)?;
        let match_values = matching::values(&envelope, terms.rule(), total)?;
        Ok(Self { terms, match_values, records: envelope.data.unwrap_or_default(), total })
    }

    /// How many records there are; at least one.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// What the client should know although the request is accepted.
    pub fn warnings(&self) -> &[Warning] {
        self.terms.warnings()
    }

    /// The message that a worker gets, for a job of `account`.
    pub fn into_message(self, job_id: JobId, account: &str) -> Message<'a> {
        let header = Header {
            match_values: self.match_values,
            total: self.total,
            ..self.terms.into_header(job_id, account)
        };
        Message::V1(V1 { header, records: self.records })
    }
}

fn count(envelope: &Envelope<'_>) -> Result<u32, Refusal> {
    let records = envelope.data.as_ref();
    let records = records.ok_or_else(|| Refusal::parameter("data", "required: an array of records"))?;
    if records.is_empty() {
        return Err(Refusal::parameter("data", "holds no record; at least one is needed"));
    }
    let limit = u64::from(Batch::MOST_RECORDS);
    match u32::try_from(records.len()) {
        Ok(total) if total <= Batch::MOST_RECORDS => Ok(total),
        _ => Err(Refusal::TooLarge {
            what: "records",
            sent: u64::try_from(records.len()).unwrap_or(u64::MAX),
            limit,
        }),
    }
}

pub(crate) fn unknown_parameters(envelope: &Envelope<'_>, known: &[&str]) -> Vec<Warning> {
    let data = envelope.data.as_ref().map(|_| "data");
    let names = envelope.parameters.iter().map(|(name, _)| name.as_str()).chain(data);
    let unknown = names.filter(|name| !known.contains(name));
    unknown
        .map(|name| {
            let name = shortened(name);
            warning(&name, format!("unknown parameter `{name}` was ignored"))
        })
        .collect()
}

/// The warning of a parameter that this matching has no use for.
fn unused(name: &str, rule: &MatchRule) -> Warning {
    warning(name, format!("`{name}` was ignored: matching `{}` does not use it", rule.word()))
}

fn warning(name: &str, text: String) -> Warning {
    Warning { code: Code::UnknownParameter, text, field: Some(name.to_owned()) }
}

pub(crate) fn resource(
    envelope: &Envelope<'_>,
    catalog: &Catalog,
    database: &Database,
) -> Result<Option<ResourceId>, Refusal> {
    let Some(id) = envelope.int("resource_id")?.map(ResourceId) else { return Ok(None) };
    let attached = |id: &ResourceId| {
        catalog.resources.get(id).is_some_and(|resource| resource.databases.contains(&database.id))
    };
    if attached(&id) {
        return Ok(Some(id));
    }
    let allowed = catalog.resources.keys().filter(|id| attached(id)).map(ToString::to_string);
    let problem = format!("database {} has no resource {id}; allowed: {}", database.id, listed(allowed));
    Err(Refusal::parameter("resource_id", problem))
}
