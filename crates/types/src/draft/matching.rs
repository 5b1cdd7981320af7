//! Which values of a record it is matched by, per mode.

use serde_json::Value;

use super::{Assignment, Draft};
use crate::catalog::Database;
use crate::{Channel, Code, Failure, Header, Key, Kind, MatchRule};

/// The values to try, in order; a record without one fails.
pub(super) fn keys(header: &Header, database: &Database, draft: &Draft) -> Result<Vec<Key>, Failure> {
    let rule = &header.rule;
    let own = value(rule, draft).map(|stored| rule.keys(database, stored)).unwrap_or_default();
    let keys = if own.is_empty() { subscribed(header, draft) } else { own };
    if keys.is_empty() {
        return Err(missing(rule));
    }
    Ok(keys)
}

/// Whether the record itself carries a value for the rule.
pub(super) fn carries_value(header: &Header, draft: &Draft) -> bool {
    value(&header.rule, draft).is_some() || !subscribed(header, draft).is_empty()
}

/// What the record sets the rule's field to.
fn value<'a>(rule: &MatchRule, draft: &'a Draft) -> Option<&'a Value> {
    let (_, assignment) = draft.fields.iter().find(|(known, _)| known == rule.field())?;
    match assignment {
        Assignment::Set(value) => Some(value),
        Assignment::Clear => None,
    }
}

/// The addresses of subscriptions that stand in for the field. Where the search is narrowed to a resource, an address on
/// another one would never be found again.
fn subscribed(header: &Header, draft: &Draft) -> Vec<Key> {
    let (channel, kind) = match &header.rule {
        MatchRule::Email => (Channel::Email, Kind::EMAIL),
        MatchRule::EmailProfile | MatchRule::Custom { .. } => return Vec::new(),
    };
    let addresses = draft.subscriptions.iter().filter(|subscription| {
        subscription.channel == channel && header.resource_id.is_none_or(|id| id == subscription.resource_id)
    });
    addresses.map(|subscription| Key::new(kind, &subscription.address)).collect()
}

fn missing(rule: &MatchRule) -> Failure {
    let or_subscription = if matches!(rule, MatchRule::Email) { ", or an email subscription" } else { "" };
    let field = rule.field();
    Failure {
        code: Code::MissingMatchValue,
        field: Some(field.to_owned()),
        text: format!(
            "no value to match by: with matching `{}` a record needs `{field}`{or_subscription}",
            rule.word()
        ),
    }
}
