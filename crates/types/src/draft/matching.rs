//! Whom a record means: which of its values count, per mode.

use serde_json::Value;

use super::reader::fail;
use super::{Assignment, Draft};
use crate::catalog::Database;
use crate::field::{scalar, shown};
use crate::match_values::{self, profile_id};
use crate::subscription::push_key;
use crate::{Code, Contact, Failure, Field, FieldType, Header, Key, Kind, MatchRule, MatchValues};

/// Most tags that a record can be matched by together: each takes part in every look-up of them.
const MOST_TOGETHER: usize = 50;

/// Members of a record that say whom it means and are stored nowhere.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// `profile_id`.
    pub(super) profile_id: Option<Value>,
    /// `provider`.
    pub(super) provider: Option<Value>,
    /// `subscription_id`.
    pub(super) subscription_id: Option<Value>,
}

/// What a record that is read says of whom it means.
pub(super) struct Matching<'a> {
    pub(super) header: &'a Header,
    pub(super) database: &'a Database,
    pub(super) draft: &'a Draft,
    pub(super) named: &'a Named,
}

impl Matching<'_> {
    /// The values to match by; a record without one fails.
    pub(super) fn values(&self) -> Result<MatchValues, Failure> {
        let found = match &self.header.rule {
            MatchRule::ProfileId => self.id()?.map(MatchValues::Id),
            MatchRule::Custom { field } => {
                let of = |stored| {
                    self.database.fields.get(field).and_then(|field| MatchValues::of_field(field, stored))
                };
                self.assigned(field).and_then(of).or_else(|| self.stands_in(field).and_then(of))
            }
            MatchRule::PushSub => {
                let Named { provider, subscription_id, .. } = self.named;
                let mut keys = token(provider.as_ref(), subscription_id.as_ref())?;
                if keys.is_empty() {
                    keys = self.subscribed(Kind::PUSH);
                }
                if keys.is_empty() {
                    let beside = |name| self.header.match_values.get(name);
                    keys = token(beside("provider"), beside("subscription_id"))?;
                }
                MatchValues::first_of([keys])
            }
            MatchRule::CustomSub { field } => MatchValues::first_of([self.members(field)]),
            MatchRule::Email | MatchRule::EmailProfile | MatchRule::EmailSub => {
                MatchValues::first_of([self.emails()])
            }
            MatchRule::Phone | MatchRule::PhoneSub => MatchValues::first_of([self.phones()]),
            MatchRule::EmailPhone | MatchRule::EmailPhoneSub => {
                MatchValues::first_of([self.emails(), self.phones()])
            }
        };
        match found {
            Some(MatchValues::AllOf(together)) if together.tags.len() > MOST_TOGETHER => {
                let text = format!("{} tags to match by, {MOST_TOGETHER} are allowed", together.tags.len());
                Err(fail(Code::OutOfRange, &together.field, text))
            }
            found => found.ok_or_else(|| self.missing()),
        }
    }

    /// The record's own values to match by, of this field: as long as nothing stands in for them.
    pub(super) fn own_keys(&self, field: &Field) -> Vec<Key> {
        match field.field_type {
            FieldType::Email => self.emails(),
            FieldType::Phones => self.phones(),
            _ => self.assigned(&field.name).map(|value| field.identity_keys(value)).unwrap_or_default(),
        }
    }

    /// E-mail addresses in the order of the mode.
    fn emails(&self) -> Vec<Key> {
        self.or_stand_in("email", self.ordered("email", Kind::EMAIL))
    }

    /// Phone numbers in the order of the mode.
    fn phones(&self) -> Vec<Key> {
        self.or_stand_in("phones", self.ordered("phones", Kind::PHONE))
    }

    fn or_stand_in(&self, name: &str, found: Vec<Key>) -> Vec<Key> {
        let stands_in = || self.keys_of(name, self.stands_in(name));
        if found.is_empty() { stands_in() } else { found }
    }

    fn keys_of(&self, name: &str, value: Option<&Value>) -> Vec<Key> {
        let field = self.database.field(name);
        field.zip(value).map(|(field, value)| field.identity_keys(value)).unwrap_or_default()
    }

    /// Either the profile's own values or those of its subscriptions: whichever the mode asks for first.
    fn ordered(&self, name: &str, kind: Kind) -> Vec<Key> {
        let own = self.keys_of(name, self.assigned(name));
        match self.header.rule {
            MatchRule::EmailProfile | MatchRule::EmailPhone => own,
            MatchRule::EmailSub | MatchRule::PhoneSub | MatchRule::EmailPhoneSub => {
                Some(self.subscribed(kind)).filter(|found| !found.is_empty()).unwrap_or(own)
            }
            _ => Some(own).filter(|found| !found.is_empty()).unwrap_or_else(|| self.subscribed(kind)),
        }
    }

    /// What stands in for a field's value.
    fn stands_in(&self, name: &str) -> Option<&Value> {
        self.draft.stand_ins.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// What the record sets a field to.
    fn assigned(&self, field: &str) -> Option<&Value> {
        let (_, assignment) = self.draft.fields.iter().rev().find(|(known, _)| known == field)?;
        match assignment {
            Assignment::Set(value) => Some(value),
            _ => None,
        }
    }

    /// The contacts of subscriptions. Where the search is narrowed to a resource, one of another resource would never be
    /// found again.
    fn contacts(&self) -> impl Iterator<Item = &Contact> {
        let narrowed = self.header.resource_id.filter(|_| self.header.rule.is_narrowed_by_resource());
        let meant = self.draft.subscriptions.iter();
        meant
            .filter(move |subscription| narrowed.is_none_or(|id| id == subscription.resource_id))
            .map(|subscription| &subscription.contact)
    }

    fn subscribed(&self, kind: Kind) -> Vec<Key> {
        self.contacts().flat_map(Contact::keys).filter(|key| key.kind == kind).collect()
    }

    /// The values of one member of `cc_data`, else the request's own.
    fn members(&self, name: &str) -> Vec<Key> {
        let own: Vec<Key> = self.contacts().filter_map(|contact| contact.member_key(name)).collect();
        if !own.is_empty() {
            return own;
        }
        let value = self.header.match_values.get("field_value").and_then(scalar);
        value.map(|text| match_values::member_keys(name, text, self.database)).unwrap_or_default()
    }

    fn id(&self) -> Result<Option<crate::ProfileId>, Failure> {
        let own = self.named.profile_id.as_ref().filter(|value| !value.is_null());
        let Some(value) = own.or_else(|| self.header.match_values.get("profile_id")) else { return Ok(None) };
        let Some(text) = scalar(value) else {
            let text = format!("{} will not do: the id of a profile is expected", shown(value));
            return Err(fail(Code::InvalidType, "profile_id", text));
        };
        if text.is_empty() {
            return Ok(None);
        }
        let found = profile_id(text);
        found.map(Some).ok_or_else(|| {
            let text = format!("no profile {} in database {}", shown(value), self.database.id);
            fail(Code::ProfileNotFound, "profile_id", text)
        })
    }

    fn missing(&self) -> Failure {
        let mut failure = missing(&self.header.rule);
        let on = |field: &str| {
            let assigned = self.draft.fields.iter().any(|(name, _)| name == field);
            assigned && self.assigned(field).is_none()
        };
        let phones = matches!(self.header.rule, MatchRule::EmailPhone | MatchRule::EmailPhoneSub);
        if failure.field.as_deref().is_some_and(on) || (phones && on("phones")) {
            failure.text.push_str("; of functions only `set` (or a plain value) gives one");
        }
        failure
    }
}

/// The key of a push token; none without one. One half of it is a mistake.
fn token(provider: Option<&Value>, subscription_id: Option<&Value>) -> Result<Vec<Key>, Failure> {
    let sent = |name: &str, value: Option<&Value>| {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
        match scalar(value).filter(|text| !text.is_empty()) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(fail(
                Code::InvalidType,
                name,
                format!("{} will not do: text that is not empty is expected", shown(value)),
            )),
        }
    };
    match (sent("provider", provider)?, sent("subscription_id", subscription_id)?) {
        (Some(provider), Some(id)) => Ok(vec![push_key(&provider, &id)]),
        (None, None) => Ok(Vec::new()),
        (Some(_), None) => Err(fail(Code::MissingMatchValue, "subscription_id", "missing beside `provider`")),
        (None, Some(_)) => Err(fail(Code::MissingMatchValue, "provider", "missing beside `subscription_id`")),
    }
}

fn missing(rule: &MatchRule) -> Failure {
    let custom;
    let (field, needed) = match rule {
        MatchRule::Email => ("email", "`email`, or an email subscription"),
        MatchRule::EmailProfile => ("email", "`email`"),
        MatchRule::EmailSub => ("email", "an email subscription, or `email`"),
        MatchRule::Phone => ("phones", "`phone`, `phones`, or an sms subscription"),
        MatchRule::PhoneSub => ("phones", "an sms subscription, or `phone`, `phones`"),
        MatchRule::ProfileId => ("profile_id", "`profile_id`"),
        MatchRule::PushSub => ("subscription_id", "`provider` and `subscription_id`, or a push subscription"),
        MatchRule::Custom { field } => {
            custom = format!("`{field}`");
            (field.as_str(), custom.as_str())
        }
        MatchRule::CustomSub { field } => {
            custom = format!("a subscription whose `cc_data` has `{field}`");
            ("subscriptions", custom.as_str())
        }
        MatchRule::EmailPhone => ("email", "`email`, `phone` or `phones`"),
        MatchRule::EmailPhoneSub => ("email", "an email or sms subscription, or `email`, `phone`, `phones`"),
    };
    let text = format!("no value to match by: with matching `{}` a record needs {needed}", rule.word());
    fail(Code::MissingMatchValue, field, text)
}
