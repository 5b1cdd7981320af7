//! How records find their profiles: the matching word, the field it names, the value for a record that carries none.

use serde_json::Value;

use super::{list, unused};
use crate::catalog::Database;
use crate::envelope::{describe, shortened};
use crate::field::system_fields;
use crate::{Envelope, FieldType, MatchRule, Refusal, Warning};

/// Every word of the contract; which of them this version knows is [`MatchRule::WORDS`].
pub(super) const CONTRACT_WORDS: [&str; 11] = [
    "email",
    "email_profile",
    "email_sub",
    "phone",
    "phone_sub",
    "profile_id",
    "push_sub",
    "custom",
    "custom_sub",
    "email_phone",
    "email_phone_sub",
];

/// Parameters that can hold the match value of a single record.
const VALUES: [&str; 6] = ["field_value", "email", "phone", "profile_id", "provider", "subscription_id"];

/// The rule that the request asks for.
pub(crate) fn rule(envelope: &Envelope<'_>, database: &Database) -> Result<MatchRule, Refusal> {
    let word = match envelope.sent("matching") {
        None => "email",
        Some(Value::String(word)) => word.trim(),
        Some(other) => return Err(refused(&describe(other), "is no word")),
    };
    match word {
        "email" => Ok(MatchRule::Email),
        "email_profile" => Ok(MatchRule::EmailProfile),
        "custom" => custom(envelope, database),
        _ if CONTRACT_WORDS.contains(&word) => Err(refused(&format!("`{word}`"), "is not available yet")),
        _ => Err(refused(&format!("`{}`", shortened(word)), "is unknown")),
    }
}

fn refused(value: &str, problem: &str) -> Refusal {
    Refusal::parameter("matching", format!("{value} {problem}; allowed: {}", MatchRule::WORDS.join(", ")))
}

fn custom(envelope: &Envelope<'_>, database: &Database) -> Result<MatchRule, Refusal> {
    let refused = |problem: String| {
        let matchable = list(database.matchable_fields().map(|field| field.name.clone()));
        Err(Refusal::parameter("field_name", format!("{problem}; matchable: {matchable}")))
    };
    let Some(name) = envelope.text("field_name")? else {
        return refused("required by matching `custom`: the name of a custom field".to_owned());
    };
    let shown = shortened(name);
    match database.fields.get(name) {
        Some(field) if field.field_type == FieldType::Tags => {
            refused(format!("`{shown}` holds tags, and matching by tags is not available"))
        }
        Some(field) if field.matchable => Ok(MatchRule::Custom { field: field.name.clone() }),
        Some(_) => refused(format!("`{shown}` is not declared matchable")),
        None if system_fields().contains_key(name) => {
            refused(format!("`{shown}` is a system field, matching `custom` takes a custom one"))
        }
        None => refused(format!("database {} has no field `{shown}`", database.id)),
    }
}

/// The match value for a record that carries none. Only where there is one record: it would fold a larger batch into
/// one profile.
pub(super) fn default_value(
    envelope: &Envelope<'_>,
    rule: &MatchRule,
    total: u32,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Value>, Refusal> {
    if envelope.sent("field_name").is_some() && !matches!(rule, MatchRule::Custom { .. }) {
        warnings.push(unused("field_name", rule));
    }
    let mut default = None;
    for name in VALUES {
        let Some(value) = envelope.sent(name) else { continue };
        if total != 1 {
            let problem = format!(
                "a match value beside `data` is allowed with exactly one record, got {total}; \
                 put it into the records"
            );
            return Err(Refusal::parameter(name, problem));
        }
        check_value(name, value)?;
        if name == rule.parameter() {
            default = Some(value.clone());
        } else {
            warnings.push(unused(name, rule));
        }
    }
    Ok(default)
}

/// Addresses and ids are text; the value of a custom field may be any scalar, or tags.
fn check_value(name: &str, value: &Value) -> Result<(), Refusal> {
    let (fits, allowed) = match name {
        "field_value" => (is_field_value(value), "text, a number or an array of tags"),
        "phone" | "profile_id" | "subscription_id" => (value.is_string() || value.is_number(), "text"),
        _ => (value.is_string(), "text"),
    };
    if fits {
        return Ok(());
    }
    Err(Refusal::parameter(name, format!("must be {allowed}, got {}", describe(value))))
}

fn is_field_value(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| !item.is_array() && !item.is_object()),
        other => !other.is_object(),
    }
}
