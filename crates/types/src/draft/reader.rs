//! One record to a draft: every member against the catalogue, the first problem wins.

use std::fmt::Display;

use serde_json::Value;

use super::function::{Function, Meaning};
use super::matching::{Matching, Named};
use super::path::Path;
use super::{Assignment, Draft, failed, glance, locate, record, subscription};
use crate::catalog::{Catalog, Database};
use crate::imprint::Imprinter;
use crate::{
    Atlas, Code, Failure, Field, Header, Key, MatchRule, Nulls, Outcome, Problem, UnknownFields, Warning,
};

/// Longest `_ref`, in characters.
const LONGEST_REFERENCE: usize = 200;

/// Subscriptions that one record may have.
const MOST_SUBSCRIPTIONS: usize = 1000;

/// Members that are shown and that an import cannot set: accepted, so that what is read can be posted again. `_error` is
/// what the results put beside a record that failed.
const READ_ONLY: [&str; 4] = ["_error", "profile_id", "created_at", "updated_at"];

/// Why a null fails, where it does.
pub(super) const NULL_REJECTED: &str = "null, and the request says nulls: reject";

/// The field that `phone` is short for.
pub(super) const PHONES: &str = "phones";

pub(super) struct Reader<'a> {
    pub(super) header: &'a Header,
    pub(super) catalog: &'a Catalog,
    pub(super) database: &'a Database,
    pub(super) atlas: Option<&'a dyn Atlas>,
    /// Whether any field of the database is unique.
    pub(super) has_unique: bool,
    /// What takes the imprints of records, if they have any.
    pub(super) imprinter: Option<Imprinter>,
}

impl<'a> Reader<'a> {
    /// `atlas` knows where addresses are, for requests that ask it.
    pub(super) fn new(
        header: &'a Header,
        catalog: &'a Catalog,
        database: &'a Database,
        atlas: Option<&'a dyn Atlas>,
    ) -> Self {
        let imprinter = glance::names(&header.rule).and_then(|_| Imprinter::of(header, catalog, database));
        Self { header, catalog, database, atlas, has_unique: database.has_unique(), imprinter }
    }

    pub(super) fn read(&self, index: u32, text: &str) -> Result<Draft, Box<Outcome>> {
        let mut draft = Draft::empty(index);
        draft.imprint = self.imprinter.as_ref().map(|imprinter| imprinter.imprint(text));
        let filled = self.fill(&mut draft, text);
        Warning::limit(&mut draft.warnings);
        match filled {
            Ok(()) => Ok(draft),
            Err(failure) => Err(Box::new(failed(index, draft.reference, draft.warnings, failure))),
        }
    }

    fn fill(&self, draft: &mut Draft, text: &str) -> Result<(), Failure> {
        let mut members = record::members(text).inspect_err(|_| draft.reference = super::reference(text))?;
        if let Some(position) = members.iter().position(|(name, _)| name == "_ref") {
            let (_, sent) = members.remove(position);
            draft.reference = reference(&sent)?;
        }
        draft.fields.reserve(members.len());
        let mut named = Named::default();
        self.members(draft, &mut named, members)?;
        self.stand_in(draft, &named)?;
        if self.header.detect_geo {
            locate::fill(draft, self.atlas);
        }
        let matching = Matching { header: self.header, database: self.database, draft, named: &named };
        draft.matching = matching.values()?;
        let own = draft.fields.iter().filter_map(|(name, assignment)| match assignment {
            Assignment::Set(value) => Some((name, value)),
            _ => None,
        });
        draft.unique_keys = self.unique_keys(own);
        draft.unique_if_new = self.unique_keys(draft.stand_ins.iter().map(|(name, value)| (name, value)));
        Ok(())
    }

    /// What members say, in the order sent.
    pub(super) fn members(
        &self,
        draft: &mut Draft,
        named: &mut Named,
        members: Vec<(String, Value)>,
    ) -> Result<(), Failure> {
        let mut phone = None;
        for (name, value) in members {
            match (name.as_str(), &self.header.rule) {
                ("subscriptions", _) => {
                    draft.subscriptions = self.subscriptions(&value, &mut draft.warnings)?;
                }
                ("profile_id", MatchRule::ProfileId) => named.profile_id = Some(value),
                ("provider", MatchRule::PushSub) => named.provider = Some(value),
                ("subscription_id", MatchRule::PushSub) => named.subscription_id = Some(value),
                ("phone", _) => phone = self.phone(&value, &mut draft.warnings)?,
                (name, _) if READ_ONLY.contains(&name) => {}
                _ => self.member(draft, name, &value)?,
            }
        }
        phone.map_or(Ok(()), |phone| join(&mut draft.fields, phone))
    }

    fn member(&self, draft: &mut Draft, name: String, value: &Value) -> Result<(), Failure> {
        let Some(field) = self.database.field(&name) else {
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
        let assignment = self.assignment(field, Path::Of(&name), value, &mut draft.warnings)?;
        draft.fields.extend(assignment.map(|assignment| (name, assignment)));
        Ok(())
    }

    /// What `phone` does to the list of phones.
    pub(super) fn phone(
        &self,
        value: &Value,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Assignment>, Failure> {
        let phones = self.database.field(PHONES);
        phones.map_or(Ok(None), |field| self.assignment(field, Path::Of("phone"), value, warnings))
    }

    /// What a value does to a field, of the profile or of a subscription; `None`: nothing.
    pub(super) fn assignment(
        &self,
        field: &Field,
        path: Path<'_>,
        value: &Value,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Assignment>, Failure> {
        let region = self.database.default_region.as_deref();
        let inside = |Problem { code, path: below, text }| fail(code, format_args!("{path}{below}"), text);
        if let Some(function) = Function::of(value, &field.field_type) {
            return match function
                .read(&field.field_type, self.database.is_unique(field), region)
                .map_err(inside)?
            {
                Meaning::Value(value) => self.value(field, path.member("value"), value, warnings),
                Meaning::Does(assignment) => Ok(Some(assignment)),
            };
        }
        self.value(field, path, value, warnings)
    }

    /// What a value that is no function does to a field.
    fn value(
        &self,
        field: &Field,
        path: Path<'_>,
        value: &Value,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Assignment>, Failure> {
        if value.is_null() {
            return self.null(path, warnings);
        }
        match field.field_type.check(value, self.database.default_region.as_deref()) {
            Ok(Value::Null) => Ok(Some(Assignment::Clear)),
            Ok(stored) => Ok(Some(Assignment::Set(stored))),
            Err(Problem { code, path: below, text }) => Err(fail(code, format_args!("{path}{below}"), text)),
        }
    }

    fn null(&self, path: Path<'_>, warnings: &mut Vec<Warning>) -> Result<Option<Assignment>, Failure> {
        match self.header.nulls {
            Nulls::Clear => Ok(Some(Assignment::Clear)),
            Nulls::Reject => Err(fail(Code::NullNotAllowed, path, NULL_REJECTED)),
            Nulls::Ignore => {
                warnings.push(warn(Code::NullIgnored, path, "null left the value as it was"));
                Ok(None)
            }
        }
    }

    fn subscriptions(
        &self,
        value: &Value,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<super::SubscriptionDraft>, Failure> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            // They are added and updated, never taken away: there is nothing that a null could clear.
            Value::Null if self.header.nulls == Nulls::Reject => {
                return Err(fail(Code::NullNotAllowed, "subscriptions", NULL_REJECTED));
            }
            Value::Null => {
                warnings.push(warn(
                    Code::NullIgnored,
                    "subscriptions",
                    "null left the subscriptions as they were",
                ));
                return Ok(Vec::new());
            }
            other => {
                let problem = Problem::unfit(Code::InvalidType, other, "an array of objects");
                return Err(fail(problem.code, "subscriptions", problem.text));
            }
        };
        if items.len() > MOST_SUBSCRIPTIONS {
            let text =
                format!("{} subscriptions sent, {MOST_SUBSCRIPTIONS} allowed in one record", items.len());
            return Err(fail(Code::OutOfRange, "subscriptions", text));
        }
        let mut drafts = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            match subscription::read(self, position, item, warnings) {
                Ok(draft) => drafts.push(draft),
                Err(failure) if self.header.skip_invalid_subscriptions => warnings.push(skipped(failure)),
                Err(failure) => return Err(failure),
            }
        }
        Ok(drafts)
    }

    /// The keys of values that no other profile may hold, each with its field.
    fn unique_keys<'v>(&self, fields: impl Iterator<Item = (&'v String, &'v Value)>) -> Vec<(Key, String)> {
        let mut keys = Vec::new();
        if !self.has_unique {
            return keys;
        }
        for (name, value) in fields {
            if let Some(field) = self.database.field(name).filter(|field| self.database.is_unique(field)) {
                keys.extend(field.identity_keys(value).into_iter().map(|key| (key, name.clone())));
            }
        }
        keys
    }
}

/// A `_ref` as it is echoed: text, or the digits of a number; null is none.
pub(super) fn reference(value: &Value) -> Result<Option<String>, Failure> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => Some(text.as_str()),
        Value::Number(number) => Some(number.as_str()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let fits = |text: &&str| text.chars().count() <= LONGEST_REFERENCE && !text.contains('\0');
    text.filter(fits).map(|text| Some(text.to_owned())).ok_or_else(|| {
        let allowed = format!("text of at most {LONGEST_REFERENCE} characters without U+0000, or a number,");
        let Problem { code, text, .. } = Problem::unfit(Code::InvalidType, value, &allowed);
        fail(code, "_ref", text)
    })
}

/// `phone` means `phones: [phone]`; beside `phones` it comes first.
fn join(fields: &mut Vec<(String, Assignment)>, phone: Assignment) -> Result<(), Failure> {
    let Some((_, phones)) = fields.iter_mut().find(|(name, _)| name == PHONES) else {
        fields.push((PHONES.to_owned(), phone));
        return Ok(());
    };
    match (phone, &mut *phones) {
        (Assignment::Set(Value::Array(mut first)), Assignment::Set(Value::Array(others))) => {
            let more: Vec<Value> = others.drain(..).filter(|other| !first.contains(other)).collect();
            first.extend(more);
            *phones = Assignment::Set(Value::Array(first));
        }
        (phone @ Assignment::Set(_), Assignment::Clear) => *phones = phone,
        (Assignment::Clear, Assignment::Set(_) | Assignment::Clear) => {}
        _ => return Err(fail(Code::InvalidAction, "phone", "a function beside `phones`; send one of them")),
    }
    Ok(())
}

pub(super) fn fail(code: Code, path: impl Display, text: impl Into<String>) -> Failure {
    Failure { code, field: Some(path.to_string()), text: text.into() }
}

/// The warning of an invalid subscription that is left out.
pub(super) fn skipped(failure: Failure) -> Warning {
    let text = format!("dropped: {}", failure.text);
    Warning { code: Code::SubscriptionSkipped, text, field: failure.field }
}

pub(super) fn warn(code: Code, path: impl Display, text: &str) -> Warning {
    Warning { code, text: text.to_owned(), field: Some(path.to_string()) }
}
