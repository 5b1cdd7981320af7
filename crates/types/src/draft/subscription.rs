//! One subscription of a record, flat or nested, against its resource.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::reader::{Reader, fail};
use super::{Assignment, SubscriptionDraft};
use crate::catalog::Resource;
use crate::field::{email, phone};
use crate::{Channel, Code, Failure, ResourceId, SubscriptionStatus, UnknownFields, Warning};

/// Leaves status or priority as it is.
const UNCHANGED: &str = "-1";

pub(super) fn read(
    reader: &Reader<'_>,
    path: &str,
    value: &Value,
    warnings: &mut Vec<Warning>,
) -> Result<SubscriptionDraft, Failure> {
    let Value::Object(members) = value else {
        return Err(invalid(path, "a subscription is an object"));
    };
    let channel = channel(path, members)?;
    let resource = resource(reader, path, members, channel)?;
    refuse_unknown(reader, path, members, channel, warnings)?;
    Ok(SubscriptionDraft {
        resource_id: resource.id,
        channel,
        address: address(reader, path, members, channel)?,
        status: status(path, members)?,
        priority: priority(path, members)?,
        custom_fields: custom_fields(reader, path, members, resource, warnings)?,
        cats: cats(path, members, resource)?,
    })
}

fn invalid(path: &str, text: impl Into<String>) -> Failure {
    fail(Code::InvalidSubscription, path, text)
}

/// The text of a scalar: XML has no types, so a number may come as text and a word as it is.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn channel(path: &str, members: &Map<String, Value>) -> Result<Channel, Failure> {
    let allowed = || Channel::ALL.map(Channel::word).join(", ");
    let path = format!("{path}.channel");
    match members.get("channel").map(|value| (value, value.as_str().map(str::trim).and_then(Channel::parse)))
    {
        Some((_, Some(channel))) => Ok(channel),
        Some((value, None)) => {
            Err(invalid(&path, format!("no such channel: {value}; allowed: {}", allowed())))
        }
        None => Err(invalid(&path, format!("missing; allowed: {}", allowed()))),
    }
}

fn resource<'a>(
    reader: &Reader<'a>,
    path: &str,
    members: &Map<String, Value>,
    channel: Channel,
) -> Result<&'a Resource, Failure> {
    let path = format!("{path}.resource_id");
    let Some(value) = members.get("resource_id") else {
        return Err(invalid(&path, "missing; the id of a resource is expected"));
    };
    let id = scalar(value).and_then(|text| text.parse().ok()).map(ResourceId);
    let known = id.and_then(|id| reader.catalog.resources.get(&id));
    let Some(resource) = known.filter(|resource| resource.databases.contains(&reader.database.id)) else {
        return Err(invalid(&path, format!("database {} has no resource {value}", reader.database.id)));
    };
    if !resource.channels.contains(channel.word()) {
        let channels: Vec<&str> = resource.channels.iter().map(String::as_str).collect();
        let text =
            format!("resource {} has no channel {channel}; it has: {}", resource.id, channels.join(", "));
        return Err(invalid(&path, text));
    }
    Ok(resource)
}

/// The member that holds the contact, flat, and the object that holds it nested.
fn contact_names(channel: Channel) -> (&'static str, &'static str) {
    match channel {
        Channel::Email => ("email", "email_data"),
        Channel::Sms => ("phone", "phone_data"),
    }
}

fn refuse_unknown(
    reader: &Reader<'_>,
    path: &str,
    members: &Map<String, Value>,
    channel: Channel,
    warnings: &mut Vec<Warning>,
) -> Result<(), Failure> {
    let (flat, nested) = contact_names(channel);
    let known = ["channel", "resource_id", "status", "priority", "custom_fields", "cats", flat, nested];
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        let path = format!("{path}.{name}");
        match reader.header.unknown_fields {
            UnknownFields::Reject => {
                let text =
                    format!("no such member of a subscription to {channel}; allowed: {}", known.join(", "));
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

fn address(
    reader: &Reader<'_>,
    path: &str,
    members: &Map<String, Value>,
    channel: Channel,
) -> Result<String, Failure> {
    let (flat, nested) = contact_names(channel);
    let (path, value) = match (members.get(flat), members.get(nested).and_then(|data| data.get(flat))) {
        (Some(value), _) => (format!("{path}.{flat}"), value),
        (None, Some(value)) => (format!("{path}.{nested}.{flat}"), value),
        (None, None) => {
            let text = format!("missing; a subscription to {channel} needs `{flat}` or `{nested}.{flat}`");
            return Err(invalid(&format!("{path}.{flat}"), text));
        }
    };
    let Some(text) = scalar(value) else {
        return Err(invalid(&path, "a string is expected"));
    };
    let normalised = match channel {
        Channel::Email => email::normalise(&text),
        Channel::Sms => phone::normalise(&text, reader.database.default_region.as_deref()),
    };
    normalised.map_err(|problem| invalid(&path, problem.text))
}

fn status(path: &str, members: &Map<String, Value>) -> Result<Option<SubscriptionStatus>, Failure> {
    let Some(value) = members.get("status").filter(|value| !value.is_null()) else { return Ok(None) };
    let text = scalar(value);
    if text.as_deref() == Some(UNCHANGED) {
        return Ok(None);
    }
    let status = text.as_deref().and_then(SubscriptionStatus::parse);
    status.map(Some).ok_or_else(|| {
        let words = SubscriptionStatus::ALL.map(SubscriptionStatus::word).join(", ");
        invalid(
            &format!("{path}.status"),
            format!("no such status: {value}; allowed: {words}, 0 to 6, or -1"),
        )
    })
}

fn priority(path: &str, members: &Map<String, Value>) -> Result<Option<i32>, Failure> {
    let Some(value) = members.get("priority").filter(|value| !value.is_null()) else { return Ok(None) };
    let text = scalar(value);
    if text.as_deref() == Some(UNCHANGED) {
        return Ok(None);
    }
    let priority = text.and_then(|text| text.parse().ok()).filter(|priority| *priority >= 0);
    priority.map(Some).ok_or_else(|| {
        invalid(
            &format!("{path}.priority"),
            format!("not a priority: {value}; an integer from 0 or -1 is expected"),
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
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(invalid(&path, "an object is expected")),
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
                return Err(invalid(
                    &path,
                    format!("resource {} has no such subscription field", resource.id),
                ));
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
        None | Some(Value::Null) => return Ok(BTreeSet::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(invalid(&path, "an array of category names is expected")),
    };
    let mut cats = BTreeSet::new();
    for (position, item) in items.iter().enumerate() {
        let Some(name) = item.as_str().filter(|name| resource.categories.contains(*name)) else {
            let known: Vec<&str> = resource.categories.iter().map(String::as_str).collect();
            let text =
                format!("resource {} has no category {item}; it has: {}", resource.id, known.join(", "));
            return Err(invalid(&format!("{path}[{position}]"), text));
        };
        cats.insert(name.to_owned());
    }
    Ok(cats)
}
