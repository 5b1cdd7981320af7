//! How the records of a request are to be applied: all that it says but the records, so that a stream can be checked
//! before its first record is there.

use serde_json::{Map, Value};

use super::{Nulls, Operation, UnknownFields, matching, resource, unknown_parameters};
use crate::catalog::{Account, Catalog, Database};
use crate::envelope::{KNOWN, describe};
use crate::{DatabaseId, Envelope, Header, JobId, MatchRule, Refusal, ResourceId, Warning, callback};

/// Longest `external_id`, in characters.
const LONGEST_EXTERNAL_ID: usize = 200;

/// How the records of a request are to be applied, checked.
#[expect(clippy::struct_excessive_bools, reason = "the request has them")]
#[derive(Debug)]
pub struct Terms {
    db_id: DatabaseId,
    operation: Operation,
    rule: MatchRule,
    resource_id: Option<ResourceId>,
    unknown_fields: UnknownFields,
    nulls: Nulls,
    skip_invalid_subscriptions: bool,
    skip_triggers: bool,
    detect_geo: bool,
    validate_only: bool,
    external_id: Option<String>,
    callback_url: Option<String>,
    warnings: Vec<Warning>,
}

impl Terms {
    pub(super) fn check(
        envelope: &Envelope<'_>,
        operation: Operation,
        catalog: &Catalog,
        account: &Account,
        database: &Database,
    ) -> Result<Self, Refusal> {
        let mut warnings = unknown_parameters(envelope, &KNOWN);
        let rule = matching::rule(envelope, catalog, database)?;
        if (operation, &rule) == (Operation::Add, &MatchRule::ProfileId) {
            let problem =
                "`profile_id` names a profile that is there, and add_batch makes new ones; use another";
            return Err(Refusal::parameter("matching", problem));
        }
        let resource_id = resource(envelope, catalog, database)?;
        warnings.extend(matching::unused_parameters(envelope, &rule));
        let unknown_fields = [("reject", UnknownFields::Reject), ("ignore", UnknownFields::Ignore)];
        let nulls = [("ignore", Nulls::Ignore), ("clear", Nulls::Clear), ("reject", Nulls::Reject)];
        Ok(Self {
            db_id: database.id,
            operation,
            rule,
            resource_id,
            unknown_fields: envelope.word("unknown_fields", &unknown_fields)?.unwrap_or_default(),
            nulls: envelope.word("nulls", &nulls)?.unwrap_or_default(),
            skip_invalid_subscriptions: envelope.flag("skip_invalid_subscriptions")?,
            skip_triggers: envelope.flag("skip_triggers")?,
            detect_geo: envelope.flag("detect_geo")?,
            validate_only: envelope.flag("validate_only")?,
            external_id: external_id(envelope)?,
            callback_url: callback::requested(envelope, account.callbacks.as_ref())?,
            warnings,
        })
    }

    /// Checks the parameters of a stream of `account` for `database`, which the caller has found to be the account's.
    ///
    /// # Errors
    /// The first parameter that is wrong.
    pub fn of_stream(
        envelope: &Envelope<'_>,
        operation: Operation,
        catalog: &Catalog,
        account: &Account,
        database: &Database,
    ) -> Result<Self, Refusal> {
        if envelope.parameter("data").is_some() {
            return Err(Refusal::parameter("data", "the records are the body; leave it out of the query"));
        }
        if let Some(name) = matching::VALUES.into_iter().find(|name| envelope.sent(name).is_some()) {
            let problem =
                "a match value beside the records is not allowed in a stream; put it into the records";
            return Err(Refusal::parameter(name, problem));
        }
        Self::check(envelope, operation, catalog, account, database)
    }

    pub(super) fn rule(&self) -> &MatchRule {
        &self.rule
    }

    pub(super) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The header of a job of `account` without records.
    pub(super) fn into_header(self, job_id: JobId, account: &str) -> Header {
        Header {
            job_id,
            account: account.to_owned(),
            db_id: self.db_id,
            operation: self.operation,
            rule: self.rule,
            match_values: Map::new(),
            resource_id: self.resource_id,
            total: 0,
            unknown_fields: self.unknown_fields,
            nulls: self.nulls,
            skip_invalid_subscriptions: self.skip_invalid_subscriptions,
            skip_triggers: self.skip_triggers,
            detect_geo: self.detect_geo,
            external_id: self.external_id,
            validate_only: self.validate_only,
            callback_url: self.callback_url,
            request_key: None,
            retry_of: None,
            begins_at: 0,
            streamed: false,
            order: None,
            warnings: self.warnings,
        }
    }

    /// The header of a streamed job of `account`, whose records are not counted yet.
    pub fn into_stream_header(self, job_id: JobId, account: &str) -> Header {
        Header { streamed: true, ..self.into_header(job_id, account) }
    }
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
    if length > LONGEST_EXTERNAL_ID {
        let most = LONGEST_EXTERNAL_ID;
        let problem = format!("{} has {length} characters, {most} are allowed", describe(&Value::from(id)));
        return Err(Refusal::parameter("external_id", problem));
    }
    if id.contains('\0') {
        return Err(Refusal::parameter("external_id", "holds a NUL character, which cannot be stored"));
    }
    Ok(Some(id.to_owned()))
}
