//! A checked request: the only way from what a client sent to what a worker gets.
//!
//! Third stage of the flow. Here a request is taken or refused as a whole; what is in a record is not looked at.

pub(crate) mod matching;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::catalog::{Catalog, Database};
use crate::envelope::{KNOWN, describe, shortened};
use crate::field::listed;
use crate::message::V1;
use crate::{Code, DatabaseId, Envelope, Header, JobId, MatchRule, Message, Refusal, ResourceId, Warning};

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
    db_id: DatabaseId,
    operation: Operation,
    rule: MatchRule,
    match_values: Map<String, Value>,
    resource_id: Option<ResourceId>,
    unknown_fields: UnknownFields,
    nulls: Nulls,
    skip_invalid_subscriptions: bool,
    skip_triggers: bool,
    detect_geo: bool,
    external_id: Option<String>,
    warnings: Vec<Warning>,
    records: Vec<Cow<'a, RawValue>>,
    total: u32,
}

impl<'a> Batch<'a> {
    /// Most records that a batch can hold, whatever the limits say: a profile's id has room for no higher index.
    pub const MOST_RECORDS: u32 = 1 << 20;
    const LONGEST_EXTERNAL_ID: usize = 200;

    /// Checks a request for `database`, which the caller has found to be the account's.
    ///
    /// # Errors
    /// The first thing that is wrong: [`Refusal::Parameter`], or [`Refusal::TooLarge`].
    pub fn check(
        envelope: Envelope<'a>,
        operation: Operation,
        catalog: &Catalog,
        database: &Database,
    ) -> Result<Self, Refusal> {
        refuse_unavailable(&envelope)?;
        let total = count(&envelope)?;
        let mut warnings = unknown_parameters(&envelope, &KNOWN);
        let rule = matching::rule(&envelope, catalog, database)?;
        if (operation, &rule) == (Operation::Add, &MatchRule::ProfileId) {
            let problem =
                "`profile_id` names a profile that is there, and add_batch makes new ones; use another";
            return Err(Refusal::parameter("matching", problem));
        }
        let match_values = matching::values(&envelope, &rule, total)?;
        let resource_id = resource(&envelope, catalog, database)?;
        warnings.extend(matching::unused_parameters(&envelope, &rule));
        let unknown_fields = [("reject", UnknownFields::Reject), ("ignore", UnknownFields::Ignore)];
        let nulls = [("ignore", Nulls::Ignore), ("clear", Nulls::Clear), ("reject", Nulls::Reject)];
        Ok(Self {
            db_id: database.id,
            operation,
            rule,
            match_values,
            resource_id,
            unknown_fields: envelope.word("unknown_fields", &unknown_fields)?.unwrap_or_default(),
            nulls: envelope.word("nulls", &nulls)?.unwrap_or_default(),
            skip_invalid_subscriptions: envelope.flag("skip_invalid_subscriptions")?,
            skip_triggers: envelope.flag("skip_triggers")?,
            detect_geo: envelope.flag("detect_geo")?,
            external_id: external_id(&envelope)?,
            warnings,
            records: envelope.data.unwrap_or_default(),
            total,
        })
    }

    /// How many records there are; at least one.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// What the client should know although the request is accepted.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The message that a worker gets, for a job of `account`.
    pub fn into_message(self, job_id: JobId, account: &str) -> Message<'a> {
        let header = Header {
            job_id,
            account: account.to_owned(),
            db_id: self.db_id,
            operation: self.operation,
            rule: self.rule,
            match_values: self.match_values,
            resource_id: self.resource_id,
            total: self.total,
            unknown_fields: self.unknown_fields,
            nulls: self.nulls,
            skip_invalid_subscriptions: self.skip_invalid_subscriptions,
            skip_triggers: self.skip_triggers,
            detect_geo: self.detect_geo,
            external_id: self.external_id,
            validate_only: false,
            callback_url: None,
            request_key: None,
            retry_of: None,
            warnings: self.warnings,
        };
        Message::V1(V1 { header, records: self.records })
    }
}

/// Refuses what this version cannot do and must not ignore: a dry run that writes would be the worst of answers.
fn refuse_unavailable(envelope: &Envelope<'_>) -> Result<(), Refusal> {
    if envelope.flag("validate_only")? {
        let problem = "a dry run is not available; send false, or leave it out, to import for real";
        return Err(Refusal::parameter("validate_only", problem));
    }
    if envelope.sent("callback_url").is_some() {
        let problem = "callbacks are not available; leave it out and poll the job";
        return Err(Refusal::parameter("callback_url", problem));
    }
    Ok(())
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

fn external_id(envelope: &Envelope<'_>) -> Result<Option<String>, Refusal> {
    let id = match envelope.sent("external_id") {
        None => return Ok(None),
        Some(Value::String(text)) => text.as_str(),
        Some(Value::Number(number)) => number.as_str(),
        Some(other) => {
            let problem = format!("must be text or a number, got {}", describe(other));
            return Err(Refusal::parameter("external_id", problem));
        }
    };
    if id.is_empty() {
        return Ok(None);
    }
    let length = id.chars().count();
    if length > Batch::LONGEST_EXTERNAL_ID {
        let most = Batch::LONGEST_EXTERNAL_ID;
        let problem = format!("{} has {length} characters, {most} are allowed", describe(&Value::from(id)));
        return Err(Refusal::parameter("external_id", problem));
    }
    if id.contains('\0') {
        return Err(Refusal::parameter("external_id", "holds a NUL character, which cannot be stored"));
    }
    Ok(Some(id.to_owned()))
}
