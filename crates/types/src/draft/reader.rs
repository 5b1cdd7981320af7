//! One record to a draft: every member against the catalogue, the first problem wins.

use serde_json::Value;

use super::{Assignment, Draft, failed, matching, record, subscription};
use crate::catalog::{Catalog, Database};
use crate::{Code, Failure, Field, Header, Key, Kind, Nulls, Outcome, Problem, UnknownFields, Warning};

/// Longest `_ref`, in characters.
const LONGEST_REFERENCE: usize = 200;

/// Warnings that are told of one record.
const MOST_WARNINGS: usize = 20;

/// Subscriptions that one record may have.
const MOST_SUBSCRIPTIONS: usize = 1000;

/// Members that `profiles/get` shows and an import cannot set: accepted, so that what is read can be posted again.
const READ_ONLY: [&str; 3] = ["profile_id", "created_at", "updated_at"];

/// The words of function values.
const ACTIONS: [&str; 6] = ["set", "unset", "incr", "add", "delete", "upsert"];

pub(super) struct Reader<'a> {
    pub(super) header: &'a Header,
    pub(super) catalog: &'a Catalog,
    pub(super) database: &'a Database,
}

impl Reader<'_> {
    pub(super) fn read(&self, index: u32, text: &str) -> Result<Draft, Box<Outcome>> {
        let mut draft = Draft {
            index,
            reference: None,
            fields: Vec::new(),
            subscriptions: Vec::new(),
            match_keys: Vec::new(),
            unique_keys: Vec::new(),
            warnings: Vec::new(),
        };
        let filled = self.fill(&mut draft, text);
        limit(&mut draft.warnings);
        match filled {
            Ok(()) => Ok(draft),
            Err(failure) => Err(Box::new(failed(index, draft.reference, draft.warnings, failure))),
        }
    }

    fn fill(&self, draft: &mut Draft, text: &str) -> Result<(), Failure> {
        let mut members = record::members(text)?;
        if let Some(position) = members.iter().position(|(name, _)| name == "_ref") {
            draft.reference = Some(reference(&members.remove(position).1)?);
        }
        join_phones(&mut members);
        for (name, value) in &members {
            match name.as_str() {
                "subscriptions" => draft.subscriptions = self.subscriptions(value, &mut draft.warnings)?,
                name if READ_ONLY.contains(&name) => {}
                name => self.member(draft, name, value)?,
            }
        }
        if let Some(default) = &self.header.default_value {
            self.default(draft, default)?;
        }
        if self.header.detect_geo {
            Self::locate(draft);
        }
        draft.match_keys = matching::keys(self.header, self.database, draft)?;
        draft.unique_keys = self.unique_keys(draft);
        Ok(())
    }

    fn member(&self, draft: &mut Draft, name: &str, value: &Value) -> Result<(), Failure> {
        let Some(field) = self.database.field(name) else {
            return match self.header.unknown_fields {
                UnknownFields::Reject => Err(fail(
                    Code::UnknownField,
                    name,
                    format!(
                        "database {} has no such field; declare it, or send unknown_fields: ignore",
                        self.database.id
                    ),
                )),
                UnknownFields::Ignore => {
                    draft.warnings.push(warn(Code::FieldIgnored, name, "no such field, dropped"));
                    Ok(())
                }
            };
        };
        let assignment = self.assignment(field, name, value, &mut draft.warnings)?;
        draft.fields.extend(assignment.map(|assignment| (field.name.clone(), assignment)));
        Ok(())
    }

    /// What a value does to a field, of the profile or of a subscription; `None`: nothing.
    pub(super) fn assignment(
        &self,
        field: &Field,
        path: &str,
        value: &Value,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Assignment>, Failure> {
        if value.is_null() {
            return match self.header.nulls {
                Nulls::Clear => Ok(Some(Assignment::Clear)),
                Nulls::Reject => {
                    Err(fail(Code::NullNotAllowed, path, "null, and the request says nulls: reject"))
                }
                Nulls::Ignore => {
                    warnings.push(warn(Code::NullIgnored, path, "null left the value as it was"));
                    Ok(None)
                }
            };
        }
        if is_function(value) {
            return Err(fail(
                Code::InvalidAction,
                path,
                "function values are not available; send the value itself",
            ));
        }
        match field.field_type.check(value, self.database.default_region.as_deref()) {
            Ok(Value::Null) => Ok(Some(Assignment::Clear)),
            Ok(stored) => Ok(Some(Assignment::Set(stored))),
            Err(Problem { code, path: below, text }) => Err(fail(code, &format!("{path}{below}"), text)),
        }
    }

    fn subscriptions(
        &self,
        value: &Value,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<super::SubscriptionDraft>, Failure> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            Value::Null => {
                warnings.push(warn(
                    Code::NullIgnored,
                    "subscriptions",
                    "null left the subscriptions as they were",
                ));
                return Ok(Vec::new());
            }
            _ => return Err(fail(Code::InvalidType, "subscriptions", "an array of objects is expected")),
        };
        if items.len() > MOST_SUBSCRIPTIONS {
            let text =
                format!("{} subscriptions sent, {MOST_SUBSCRIPTIONS} allowed in one record", items.len());
            return Err(fail(Code::OutOfRange, "subscriptions", text));
        }
        let mut drafts = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let path = format!("subscriptions[{position}]");
            match subscription::read(self, &path, item, warnings) {
                Ok(draft) => drafts.push(draft),
                Err(failure) if self.header.skip_invalid_subscriptions => warnings.push(Warning {
                    code: Code::SubscriptionSkipped,
                    text: format!("dropped: {}", failure.text),
                    field: failure.field,
                }),
                Err(failure) => return Err(failure),
            }
        }
        Ok(drafts)
    }

    /// Says of each address that asks for a location that none can be told: there is no geo database.
    fn locate(draft: &mut Draft) {
        for name in ["_regip", "_ip"] {
            let sent = |(known, assignment): &(String, Assignment)| {
                known == name && *assignment != Assignment::Clear
            };
            if draft.fields.iter().any(sent) {
                draft.warnings.push(warn(Code::GeoUnavailable, name, "no geo database is configured"));
            }
        }
    }

    /// The request's own match value stands in for one that its only record lacks.
    fn default(&self, draft: &mut Draft, default: &Value) -> Result<(), Failure> {
        if matching::carries_value(self.header, draft) {
            return Ok(());
        }
        self.member(draft, self.header.rule.field(), default)
    }

    fn unique_keys(&self, draft: &Draft) -> Vec<(Key, String)> {
        let mut keys = Vec::new();
        for field in self.database.unique_fields() {
            for (_, assignment) in draft.fields.iter().filter(|(name, _)| *name == field.name) {
                if let Assignment::Set(value) = assignment {
                    let texts = field.key_texts(value);
                    keys.extend(
                        texts
                            .iter()
                            .map(|text| (Key::new(Kind::custom(field.number), text), field.name.clone())),
                    );
                }
            }
        }
        keys
    }
}

pub(super) fn reference(value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) if text.chars().count() <= LONGEST_REFERENCE && !text.contains('\0') => {
            Ok(text.clone())
        }
        _ => Err(fail(
            Code::InvalidType,
            "_ref",
            format!("a string of at most {LONGEST_REFERENCE} characters without U+0000 is expected"),
        )),
    }
}

/// `phone` means `phones: [phone]`; beside `phones` it comes first.
fn join_phones(members: &mut Vec<(String, Value)>) {
    let Some(position) = members.iter().position(|(name, _)| name == "phone") else { return };
    if let Some((_, phones)) = members.iter_mut().find(|(name, value)| name == "phones" && !value.is_null())
        && !phones.is_array()
    {
        *phones = Value::Array(vec![phones.take()]);
    }
    let has_phones = members.iter().any(|(name, value)| name == "phones" && value.is_array());
    if !has_phones {
        members.retain(|(name, value)| name != "phones" || !value.is_null());
        if let Some((name, _)) = members.iter_mut().find(|(name, _)| name == "phone") {
            "phones".clone_into(name);
        }
        return;
    }
    let (_, phone) = members.remove(position);
    if let Some((_, Value::Array(phones))) = members.iter_mut().find(|(name, _)| name == "phones")
        && !phone.is_null()
    {
        phones.insert(0, phone);
    }
}

/// Keeps the first warnings and counts the rest: a record may have as many as it has members.
fn limit(warnings: &mut Vec<Warning>) {
    let more = warnings.len().saturating_sub(MOST_WARNINGS);
    if let Some(first) = warnings.get(MOST_WARNINGS).cloned() {
        warnings.truncate(MOST_WARNINGS);
        warnings.push(Warning { code: first.code, text: format!("and {more} more warnings"), field: None });
    }
}

fn is_function(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        object.get("action").and_then(Value::as_str).is_some_and(|action| ACTIONS.contains(&action))
            && object.keys().all(|key| matches!(key.as_str(), "action" | "value" | "submatch"))
    })
}

pub(super) fn fail(code: Code, path: &str, text: impl Into<String>) -> Failure {
    Failure { code, field: Some(path.to_owned()), text: text.into() }
}

fn warn(code: Code, path: &str, text: &str) -> Warning {
    Warning { code, text: text.to_owned(), field: Some(path.to_owned()) }
}
