//! Contacts: where on a channel a subscriber is reached, normalised, so that equal contacts are equal texts.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::Channel;
use crate::field::scalar;
use crate::{Key, Kind};

/// Where on a channel a subscriber is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// An e-mail address, normalised.
    Email(String),
    /// A phone number in E.164.
    Phone(String),
    /// What a push provider knows a device or a browser by.
    Push {
        /// The provider's name.
        provider: String,
        /// The token that it gave.
        subscription_id: String,
    },
    /// What another channel takes: scalars by name, such as `{"id": 1}` or `{"phone": "+79000000000"}`.
    CcData(Map<String, Value>),
}

impl Contact {
    /// Longest [`Self::address`], in bytes: it is part of an index entry, which a third of a page bounds.
    /// <https://www.postgresql.org/docs/current/btree.html>
    pub const LONGEST: usize = 2000;

    /// The one text that stands for the contact in the database.
    pub fn address(&self) -> Cow<'_, str> {
        match self {
            Self::Email(text) | Self::Phone(text) => Cow::Borrowed(text),
            Self::Push { provider, subscription_id } => Cow::Owned(pair(provider, subscription_id)),
            Self::CcData(members) => Cow::Owned(json!(members).to_string()),
        }
    }

    /// Reads an [`Self::address`] of this channel back.
    pub fn of(channel: &Channel, address: &str) -> Option<Self> {
        match channel {
            Channel::Email => Some(Self::Email(address.to_owned())),
            Channel::Sms => Some(Self::Phone(address.to_owned())),
            Channel::Push => {
                let (provider, subscription_id) = serde_json::from_str(address).ok()?;
                Some(Self::Push { provider, subscription_id })
            }
            Channel::TelegramBot
            | Channel::Whatsapp
            | Channel::Viber
            | Channel::Notify
            | Channel::Custom(_) => serde_json::from_str(address).ok().map(Self::CcData),
        }
    }

    /// The members of a flat subscription that say it.
    pub fn members(&self) -> Map<String, Value> {
        let text = |name: &str, text: &str| (name.to_owned(), Value::from(text));
        match self {
            Self::Email(address) => Map::from_iter([text("email", address)]),
            Self::Phone(number) => Map::from_iter([text("phone", number)]),
            Self::Push { provider, subscription_id } => {
                Map::from_iter([text("provider", provider), text("subscription_id", subscription_id)])
            }
            Self::CcData(members) => Map::from_iter([("cc_data".to_owned(), json!(members))]),
        }
    }

    /// The values that a profile is found by when it has this contact.
    pub fn keys(&self) -> Vec<Key> {
        match self {
            Self::Email(address) => vec![Key::new(Kind::EMAIL, address)],
            Self::Phone(number) => vec![Key::new(Kind::PHONE, number)],
            Self::Push { provider, subscription_id } => vec![push_key(provider, subscription_id)],
            Self::CcData(members) => {
                members.iter().filter_map(|(name, value)| Some(cc_data_key(name, scalar(value)?))).collect()
            }
        }
    }

    /// The key of one member of `cc_data`; `None` where the contact has no such member.
    pub(crate) fn member_key(&self, name: &str) -> Option<Key> {
        let Self::CcData(members) = self else { return None };
        members.get(name).and_then(scalar).map(|text| cc_data_key(name, text))
    }
}

/// As its [`Contact::members`].
impl Serialize for Contact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Email(address) => serializer.collect_map([("email", address)]),
            Self::Phone(number) => serializer.collect_map([("phone", number)]),
            Self::Push { provider, subscription_id } => {
                serializer.collect_map([("provider", provider), ("subscription_id", subscription_id)])
            }
            Self::CcData(members) => serializer.collect_map([("cc_data", members)]),
        }
    }
}

/// The key of a push token.
pub(crate) fn push_key(provider: &str, subscription_id: &str) -> Key {
    Key::new(Kind::PUSH, &pair(provider, subscription_id))
}

/// The key of a member of `cc_data`: 1 and "1" are one value.
pub(crate) fn cc_data_key(name: &str, text: &str) -> Key {
    Key::new(Kind::CC_DATA, &pair(name, text))
}

/// Two texts in one, as JSON: no other two make the same.
fn pair(first: &str, second: &str) -> String {
    json!([first, second]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cc_data(value: Value) -> Contact {
        match value {
            Value::Object(members) => Contact::CcData(members),
            other => panic!("{other}"),
        }
    }

    fn push(provider: &str, subscription_id: &str) -> Contact {
        Contact::Push { provider: provider.to_owned(), subscription_id: subscription_id.to_owned() }
    }

    #[test]
    fn an_address_reads_back_as_its_contact() {
        for (channel, contact, address) in [
            (Channel::Email, Contact::Email("a@b.c".to_owned()), "a@b.c"),
            (Channel::Sms, Contact::Phone("+79000000000".to_owned()), "+79000000000"),
            (Channel::Push, push("Firefox", "a\"b"), r#"["Firefox","a\"b"]"#),
            (Channel::TelegramBot, cc_data(json!({"id": 1})), r#"{"id":1}"#),
            (
                Channel::Custom("pager".to_owned()),
                cc_data(json!({"b": "2", "a": "1"})),
                r#"{"a":"1","b":"2"}"#,
            ),
        ] {
            assert_eq!(contact.address(), address);
            assert_eq!(json!(contact), Value::Object(contact.members()));
            assert_eq!(Contact::of(&channel, address), Some(contact));
        }
        assert_eq!(Contact::of(&Channel::Push, "token"), None);
        assert_eq!(Contact::of(&Channel::Viber, "[]"), None);
    }

    #[test]
    fn keys_tell_values_apart_however_they_are_split() {
        assert_ne!(push("a", "bc").keys(), push("ab", "c").keys());
        assert_eq!(cc_data(json!({"id": 1})).keys(), cc_data(json!({"id": "1"})).keys());
        let both = cc_data(json!({"id": 1, "login": "x"}));
        assert_eq!(both.keys().len(), 2);
        assert_eq!(both.member_key("login"), Some(cc_data_key("login", "x")));
        assert_eq!(both.member_key("phone"), None);
        assert_eq!(push("a", "b").member_key("a"), None);
    }
}
