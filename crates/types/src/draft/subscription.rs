//! One subscription of a record, flat or nested, against its resource.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;

use serde_json::{Map, Value};

use super::contact::{self, Members};
use super::path::Path;
use super::reader::{NULL_REJECTED, Reader, fail, warn};
use super::{Assignment, SubscriptionDraft};
use crate::catalog::Resource;
use crate::field::{listed, scalar, shown};
use crate::{Channel, Code, Failure, Nulls, Problem, ResourceId, SubscriptionStatus, UnknownFields, Warning};

/// Where subscriptions stand in a record.
pub(super) const PATH: Path<'_> = Path::Of("subscriptions");

/// What all of them may have.
const OWN: [&str; 6] = ["channel", "resource_id", "status", "priority", "custom_fields", "cats"];

/// Leaves status or priority as it is.
const UNCHANGED: &str = "-1";

pub(super) fn read(
    reader: &Reader<'_>,
    position: usize,
    value: &Value,
    warnings: &mut Vec<Warning>,
) -> Result<SubscriptionDraft, Failure> {
    let path = PATH.item(position);
    let Value::Object(members) = value else {
        return Err(unfit(path, value, "an object"));
    };
    let members = &*without_nulls(reader, path, members, warnings)?;
    let resource = resource(reader, path, members)?;
    let channel = channel(path, members, resource)?;
    refuse_unknown(reader, path, members, &channel, warnings)?;
    Ok(SubscriptionDraft {
        position,
        resource_id: resource.id,
        contact: contact::read(reader, path, members, &channel)?,
        channel,
        status: status(path, members)?,
        priority: priority(path, members)?,
        custom_fields: custom_fields(reader, path, members, resource, warnings)?,
        cats: cats(path, members, resource)?,
    })
}

/// The members that say something. What a subscription is cannot be cleared, so a null leaves it as it is, with a warning,
/// or fails where the request rejects nulls.
fn without_nulls<'a>(
    reader: &Reader<'_>,
    path: Path<'_>,
    members: &'a Map<String, Value>,
    warnings: &mut Vec<Warning>,
) -> Result<Cow<'a, Map<String, Value>>, Failure> {
    let mut said = Cow::Borrowed(members);
    for (name, _) in members.iter().filter(|(_, value)| value.is_null()) {
        let path = path.member(name);
        if reader.header.nulls == Nulls::Reject {
            return Err(invalid(path, NULL_REJECTED));
        }
        warnings.push(warn(Code::NullIgnored, path, "null left the value as it was"));
        said.to_mut().remove(name);
    }
    Ok(said)
}

pub(super) fn invalid(path: impl Display, text: impl Into<String>) -> Failure {
    fail(Code::InvalidSubscription, path, text)
}

/// As [`invalid`]: a value that is of another type.
pub(super) fn unfit(path: impl Display, value: &Value, allowed: &str) -> Failure {
    invalid(path, Problem::unfit(Code::InvalidSubscription, value, allowed).text)
}

fn resource<'a>(
    reader: &Reader<'a>,
    path: Path<'_>,
    members: &Map<String, Value>,
) -> Result<&'a Resource, Failure> {
    let path = path.member("resource_id");
    let attached = |resource: &&Resource| resource.databases.contains(&reader.database.id);
    let allowed =
        || listed(reader.catalog.resources.values().filter(attached).map(|resource| resource.id.to_string()));
    let Some(value) = members.get("resource_id") else {
        return Err(invalid(path, format!("missing; allowed: {}", allowed())));
    };
    let id = scalar(value).and_then(|text| text.parse().ok()).map(ResourceId);
    let known = id.and_then(|id| reader.catalog.resources.get(&id)).filter(attached);
    known.ok_or_else(|| {
        let text = format!("database {} has no resource {}", reader.database.id, shown(value));
        invalid(path, format!("{text}; allowed: {}", allowed()))
    })
}

fn channel(path: Path<'_>, members: &Map<String, Value>, resource: &Resource) -> Result<Channel, Failure> {
    let sent = members.get("channel");
    let word = sent.and_then(Value::as_str).map(str::trim);
    if let Some(word) = word.filter(|word| resource.channels.contains(*word)) {
        return Ok(Channel::of(word));
    }
    let problem = match sent {
        None => "missing".to_owned(),
        Some(value) => format!("resource {} has no channel {}", resource.id, shown(value)),
    };
    Err(invalid(path.member("channel"), format!("{problem}; allowed: {}", listed(&resource.channels))))
}

fn refuse_unknown(
    reader: &Reader<'_>,
    path: Path<'_>,
    members: &Map<String, Value>,
    channel: &Channel,
    warnings: &mut Vec<Warning>,
) -> Result<(), Failure> {
    let Members { flat, nested, within } = Members::of(channel);
    let known = || OWN.iter().chain(flat).chain([&nested]).copied();
    let odd = members.keys().filter(|name| known().all(|known| known != name.as_str()));
    let mut unknown: Vec<(String, String)> =
        odd.map(|name| (path.member(name).to_string(), listed(known()))).collect();
    if let (Some(within), Some(data)) = (within, members.get(nested)) {
        let Value::Object(data) = data else {
            return Err(unfit(path.member(nested), data, "an object"));
        };
        let odd = data.keys().filter(|name| !within.contains(&name.as_str()));
        unknown.extend(odd.map(|name| (path.member(nested).member(name).to_string(), listed(within))));
    }
    for (path, allowed) in unknown {
        match reader.header.unknown_fields {
            UnknownFields::Reject => {
                let text = format!("no such member of a subscription to {channel}; allowed: {allowed}");
                return Err(invalid(path, text));
            }
            UnknownFields::Ignore => warnings.push(Warning {
                code: Code::FieldIgnored,
                text: "no such member of a subscription, dropped".to_owned(),
                field: Some(path),
            }),
        }
    }
    Ok(())
}

fn status(path: Path<'_>, members: &Map<String, Value>) -> Result<Option<SubscriptionStatus>, Failure> {
    let Some(value) = members.get("status") else { return Ok(None) };
    let text = scalar(value);
    if text == Some(UNCHANGED) {
        return Ok(None);
    }
    let status = text.and_then(SubscriptionStatus::parse);
    status.map(Some).ok_or_else(|| {
        let words = SubscriptionStatus::ALL.map(SubscriptionStatus::word).join(", ");
        invalid(
            path.member("status"),
            format!("no such status: {}; allowed: {words}, 0 to 6, or -1", shown(value)),
        )
    })
}

fn priority(path: Path<'_>, members: &Map<String, Value>) -> Result<Option<i32>, Failure> {
    let Some(value) = members.get("priority") else { return Ok(None) };
    let text = scalar(value);
    if text == Some(UNCHANGED) {
        return Ok(None);
    }
    let priority = text.and_then(|text| text.parse().ok()).filter(|priority| *priority >= 0);
    priority.map(Some).ok_or_else(|| {
        invalid(
            path.member("priority"),
            format!("not a priority: {}; an integer from 0 or -1 is expected", shown(value)),
        )
    })
}

fn custom_fields(
    reader: &Reader<'_>,
    path: Path<'_>,
    members: &Map<String, Value>,
    resource: &Resource,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<(String, Assignment)>, Failure> {
    let path = path.member("custom_fields");
    let fields = match members.get("custom_fields") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(unfit(path, other, "an object")),
    };
    let mut assignments = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let path = path.member(name);
        match (resource.fields.get(name), reader.header.unknown_fields) {
            (Some(field), _) => {
                let assignment = reader
                    .assignment(field, path, value, warnings)
                    .map_err(|failure| Failure { code: Code::InvalidSubscription, ..failure })?;
                assignments.extend(assignment.map(|assignment| (name.clone(), assignment)));
            }
            (None, UnknownFields::Reject) => {
                let list = listed(resource.fields.keys());
                let text = format!(
                    "resource {} has no such subscription field; it has: {list}; declare it, or send unknown_fields: ignore",
                    resource.id
                );
                return Err(invalid(path, text));
            }
            (None, UnknownFields::Ignore) => warnings.push(Warning {
                code: Code::FieldIgnored,
                text: "no such subscription field, dropped".to_owned(),
                field: Some(path.to_string()),
            }),
        }
    }
    Ok(assignments)
}

fn cats(
    path: Path<'_>,
    members: &Map<String, Value>,
    resource: &Resource,
) -> Result<BTreeSet<String>, Failure> {
    let path = path.member("cats");
    let items = match members.get("cats") {
        None => return Ok(BTreeSet::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(unfit(path, other, "an array of category names")),
    };
    let mut cats = BTreeSet::new();
    for (position, item) in items.iter().enumerate() {
        let Some(name) = item.as_str().map(str::trim).filter(|name| resource.categories.contains(*name))
        else {
            let text = format!(
                "resource {} has no category {}; it has: {}",
                resource.id,
                shown(item),
                listed(&resource.categories)
            );
            return Err(invalid(path.item(position), text));
        };
        cats.insert(name.to_owned());
    }
    Ok(cats)
}
