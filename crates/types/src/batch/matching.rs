//! How records find their profiles: the matching word, the field it names, the values for a record that carries none.

use serde_json::{Map, Value};

use super::unused;
use crate::catalog::{Catalog, Database};
use crate::envelope::{describe, shortened};
use crate::field::{listed, system_fields};
use crate::{Channel, Envelope, MatchRule, Refusal, Warning};

/// Parameters that can hold the match value of a single record.
pub(crate) const VALUES: [&str; 6] =
    ["field_value", "email", "phone", "profile_id", "provider", "subscription_id"];

/// The rule that the request asks for.
pub(crate) fn rule(
    envelope: &Envelope<'_>,
    catalog: &Catalog,
    database: &Database,
) -> Result<MatchRule, Refusal> {
    let word = match envelope.sent("matching") {
        None => "email",
        Some(Value::String(word)) => word.trim(),
        Some(other) => return Err(refused(&describe(other), "is no word")),
    };
    match word {
        "email" => Ok(MatchRule::Email),
        "email_profile" => Ok(MatchRule::EmailProfile),
        "email_sub" => Ok(MatchRule::EmailSub),
        "phone" => Ok(MatchRule::Phone),
        "phone_sub" => Ok(MatchRule::PhoneSub),
        "profile_id" => Ok(MatchRule::ProfileId),
        "push_sub" => Ok(MatchRule::PushSub),
        "custom" => custom(envelope, database),
        "custom_sub" => custom_sub(envelope, catalog, database),
        "email_phone" => Ok(MatchRule::EmailPhone),
        "email_phone_sub" => Ok(MatchRule::EmailPhoneSub),
        _ => Err(refused(&format!("`{}`", shortened(word)), "is unknown")),
    }
}

fn refused(value: &str, problem: &str) -> Refusal {
    Refusal::parameter("matching", format!("{value} {problem}; allowed: {}", MatchRule::WORDS.join(", ")))
}

fn custom(envelope: &Envelope<'_>, database: &Database) -> Result<MatchRule, Refusal> {
    let refused = |problem: String| {
        let matchable = listed(database.matchable_fields().map(|field| field.name.clone()));
        Err(Refusal::parameter("field_name", format!("{problem}; matchable: {matchable}")))
    };
    let Some(name) = field_name(envelope)? else {
        return refused("required by matching `custom`: the name of a custom field".to_owned());
    };
    let shown = shortened(name);
    match database.fields.get(name) {
        Some(field) if field.matchable => Ok(MatchRule::Custom { field: field.name.clone() }),
        Some(_) => refused(format!("`{shown}` is not declared matchable")),
        None if system_fields().contains_key(name) => {
            refused(format!("`{shown}` is a system field, matching `custom` takes a custom one"))
        }
        None => refused(format!("database {} has no field `{shown}`", database.id)),
    }
}

/// The name in `field_name`: a word, so blanks around it do not count.
fn field_name<'a>(envelope: &'a Envelope<'_>) -> Result<Option<&'a str>, Refusal> {
    Ok(envelope.text("field_name")?.map(str::trim).filter(|name| !name.is_empty()))
}

/// A member of `cc_data`. The vendor's channels have two; a custom one has whatever it takes.
fn custom_sub(envelope: &Envelope<'_>, catalog: &Catalog, database: &Database) -> Result<MatchRule, Refusal> {
    const KNOWN: [&str; 2] = ["id", "phone"];
    let Some(name) = field_name(envelope)? else {
        let problem = "required by matching `custom_sub`: a member of `cc_data`, such as id or phone";
        return Err(Refusal::parameter("field_name", problem));
    };
    let attached = catalog.resources.values().filter(|resource| resource.databases.contains(&database.id));
    let mut channels = attached.flat_map(|resource| &resource.channels);
    if KNOWN.contains(&name) || channels.any(|word| matches!(Channel::of(word), Channel::Custom(_))) {
        return Ok(MatchRule::CustomSub { field: name.to_owned() });
    }
    let problem = format!(
        "`{}` is in no `cc_data`: no resource of database {} has a custom channel; allowed: {}",
        shortened(name),
        database.id,
        KNOWN.join(", ")
    );
    Err(Refusal::parameter("field_name", problem))
}

/// The match values for a record that carries none. Only where there is one record: they would fold a larger batch into
/// one profile.
pub(super) fn values(
    envelope: &Envelope<'_>,
    rule: &MatchRule,
    total: u32,
) -> Result<Map<String, Value>, Refusal> {
    let mut values = Map::new();
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
        if rule.parameters().contains(&name) {
            values.insert(name.to_owned(), value.clone());
        }
    }
    Ok(values)
}

/// Warnings of the parameters about matching that this mode has no use for.
pub(crate) fn unused_parameters(envelope: &Envelope<'_>, rule: &MatchRule) -> Vec<Warning> {
    let field_name = rule.field().is_none().then_some("field_name");
    let resource_id = (!rule.is_narrowed_by_resource()).then_some("resource_id");
    let values = VALUES.into_iter().filter(|name| !rule.parameters().contains(name));
    let useless = field_name.into_iter().chain(values).chain(resource_id);
    useless.filter(|name| envelope.sent(name).is_some()).map(|name| unused(name, rule)).collect()
}

/// Addresses and ids are text; the value of a custom field may be any scalar, or tags.
pub(crate) fn check_value(name: &str, value: &Value) -> Result<(), Refusal> {
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
