//! One subscription of a record, flat or nested, against its resource.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::contact::{self, Members};
use super::reader::{NULL_REJECTED, Reader, fail, warn};
use super::{Assignment, SubscriptionDraft};
use crate::catalog::Resource;
use crate::field::{listed, scalar, shown};
use crate::{Channel, Code, Failure, Nulls, Problem, ResourceId, SubscriptionStatus, UnknownFields, Warning};

/// Leaves status or priority as it is.
const UNCHANGED: &str = "-1";

pub(super) fn read(
    reader: &Reader<'_>,
    path: &str,
    value: &Value,
    warnings: &mut Vec<Warning>,
) -> Result<SubscriptionDraft, Failure> {
    let Value::Object(members) = value else {
        return Err(unfit(path, value, "an object"));
    };
    let members = &*without_nulls(reader, path, members, warnings)?;
    let resource = resource(reader, path, members)?;
    let channel = channel(path, members, resource)?;
    refuse_unknown(reader, path, members, &channel, warnings)?;
    Ok(SubscriptionDraft {
        path: path.to_owned(),
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
    path: &str,
    members: &'a Map<String, Value>,
    warnings: &mut Vec<Warning>,
) -> Result<Cow<'a, Map<String, Value>>, Failure> {
    let mut said = Cow::Borrowed(members);
    for (name, _) in members.iter().filter(|(_, value)| value.is_null()) {
        let path = format!("{path}.{name}");
        if reader.header.nulls == Nulls::Reject {
            return Err(invalid(&path, NULL_REJECTED));
        }
        warnings.push(warn(Code::NullIgnored, &path, "null left the value as it was"));
        said.to_mut().remove(name);
    }
    Ok(said)
}

pub(super) fn invalid(path: &str, text: impl Into<String>) -> Failure {
    fail(Code::InvalidSubscription, path, text)
}

/// As [`invalid`]: a value that is of another type.
pub(super) fn unfit(path: &str, value: &Value, allowed: &str) -> Failure {
    invalid(path, Problem::unfit(Code::InvalidSubscription, value, allowed).text)
}

fn resource<'a>(
    reader: &Reader<'a>,
    path: &str,
    members: &Map<String, Value>,
) -> Result<&'a Resource, Failure> {
    let path = format!("{path}.resource_id");
    let attached = |resource: &&Resource| resource.databases.contains(&reader.database.id);
    let allowed =
        || listed(reader.catalog.resources.values().filter(attached).map(|resource| resource.id.to_string()));
    let Some(value) = members.get("resource_id") else {
        return Err(invalid(&path, format!("missing; allowed: {}", allowed())));
    };
    let id = scalar(value).and_then(|text| text.parse().ok()).map(ResourceId);
    let known = id.and_then(|id| reader.catalog.resources.get(&id)).filter(attached);
    known.ok_or_else(|| {
        let text = format!("database {} has no resource {}", reader.database.id, shown(value));
        invalid(&path, format!("{text}; allowed: {}", allowed()))
    })
}

fn channel(path: &str, members: &Map<String, Value>, resource: &Resource) -> Result<Channel, Failure> {
    let sent = members.get("channel");
    let word = sent.and_then(Value::as_str).map(str::trim);
    if let Some(word) = word.filter(|word| resource.channels.contains(*word)) {
        return Ok(Channel::of(word));
    }
    let problem = match sent {
        None => "missing".to_owned(),
        Some(value) => format!("resource {} has no channel {}", resource.id, shown(value)),
    };
    Err(invalid(&format!("{path}.channel"), format!("{problem}; allowed: {}", listed(&resource.channels))))
}

fn refuse_unknown(
    reader: &Reader<'_>,
    path: &str,
    members: &Map<String, Value>,
    channel: &Channel,
    warnings: &mut Vec<Warning>,
) -> Result<(), Failure> {
    let Members { flat, nested, within } = Members::of(channel);
    let mut known = vec!["channel", "resource_id", "status", "priority", "custom_fields", "cats"];
    known.extend(flat);
    known.push(nested);
    let mut unknown: Vec<(String, &[&str])> = members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .map(|name| (format!("{path}.{name}"), &*known))
        .collect();
    if let (Some(within), Some(data)) = (within, members.get(nested)) {
        let Value::Object(data) = data else {
            return Err(unfit(&format!("{path}.{nested}"), data, "an object"));
        };
        let odd = data.keys().filter(|name| !within.contains(&name.as_str()));
        unknown.extend(odd.map(|name| (format!("{path}.{nested}.{name}"), within)));
    }
    for (path, allowed) in unknown {
        match reader.header.unknown_fields {
            UnknownFields::Reject => {
                let list = allowed.join(", ");
                let text = format!("no such member of a subscription to {channel}; allowed: {list}");
                return Err(invalid(&path, text));
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

fn status(path: &str, members: &Map<String, Value>) -> Result<Option<SubscriptionStatus>, Failure> {
    let Some(value) = members.get("status") else { return Ok(None) };
    let text = scalar(value);
    if text == Some(UNCHANGED) {
        return Ok(None);
    }
    let status = text.and_then(SubscriptionStatus::parse);
    status.map(Some).ok_or_else(|| {
        let words = SubscriptionStatus::ALL.map(SubscriptionStatus::word).join(", ");
        invalid(
            &format!("{path}.status"),
            format!("no such status: {}; allowed: {words}, 0 to 6, or -1", shown(value)),
        )
    })
}

fn priority(path: &str, members: &Map<String, Value>) -> Result<Option<i32>, Failure> {
    let Some(value) = members.get("priority") else { return Ok(None) };
    let text = scalar(value);
    if text == Some(UNCHANGED) {
        return Ok(None);
    }
    let priority = text.and_then(|text| text.parse().ok()).filter(|priority| *priority >= 0);
    priority.map(Some).ok_or_else(|| {
        invalid(
            &format!("{path}.priority"),
            format!("not a priority: {}; an integer from 0 or -1 is expected", shown(value)),
        )
    })
}

fn custom_fields(
    reader: &Reader<'_>,
    path: &str,
    members: &Map<String, Value>,
    resource: &Resource,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<(String, Assignment)>, Failure> {
    let path = format!("{path}.custom_fields");
    let fields = match members.get("custom_fields") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(unfit(&path, other, "an object")),
    };
    let mut assignments = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let path = format!("{path}.{name}");
        match (resource.fields.get(name), reader.header.unknown_fields) {
            (Some(field), _) => {
                let assignment = reader
                    .assignment(field, &path, value, warnings)
                    .map_err(|failure| Failure { code: Code::InvalidSubscription, ..failure })?;
                assignments.extend(assignment.map(|assignment| (name.clone(), assignment)));
            }
            (None, UnknownFields::Reject) => {
                let list = listed(resource.fields.keys());
                let text = format!(
                    "resource {} has no such subscription field; it has: {list}; declare it, or send unknown_fields: ignore",
                    resource.id
                );
                return Err(invalid(&path, text));
            }
            (None, UnknownFields::Ignore) => warnings.push(Warning {
                code: Code::FieldIgnored,
                text: "no such subscription field, dropped".to_owned(),
                field: Some(path),
            }),
        }
    }
    Ok(assignments)
}

fn cats(path: &str, members: &Map<String, Value>, resource: &Resource) -> Result<BTreeSet<String>, Failure> {
    let path = format!("{path}.cats");
    let items = match members.get("cats") {
        None => return Ok(BTreeSet::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(unfit(&path, other, "an array of category names")),
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
            return Err(invalid(&format!("{path}[{position}]"), text));
        };
        cats.insert(name.to_owned());
    }
    Ok(cats)
}
