//! Match values: what a record, or a question for profiles, says of whom it means.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::catalog::Database;
use crate::field::{email, phone};
use crate::subscription::cc_data_key;
use crate::{Field, FieldType, Key, Kind, Problem, ProfileId};

/// Tags that a profile carries together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Combination {
    /// The field of tags.
    pub field: String,
    /// More than one; each as it stands in the field.
    pub tags: BTreeMap<Key, String>,
}

/// Whom a record means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchValues {
    /// Of each list, the first value that anyone carries; where there are two lists they must not mean two profiles.
    /// None of the lists is empty, and there is at least one.
    FirstOf(Vec<Vec<Key>>),
    /// Whoever carries all of these.
    AllOf(Combination),
    /// The profile of this id.
    Id(ProfileId),
}

impl MatchValues {
    /// Lists of values to try in order; `None` when there is none in any of them.
    pub(crate) fn first_of(lists: impl IntoIterator<Item = Vec<Key>>) -> Option<Self> {
        let lists: Vec<Vec<Key>> = lists.into_iter().filter(|list| !list.is_empty()).collect();
        (!lists.is_empty()).then_some(Self::FirstOf(lists))
    }

    /// The stored value of a custom field; `None` when it identifies nobody.
    pub(crate) fn of_field(field: &Field, stored: &Value) -> Option<Self> {
        let key = |text: &String| Key::new(Kind::custom(field.number), text);
        let texts = field.key_texts(stored);
        if field.field_type == FieldType::Tags && texts.len() > 1 {
            let tags = texts.into_iter().map(|text| (key(&text), text)).collect();
            return Some(Self::AllOf(Combination { field: field.name.clone(), tags }));
        }
        Self::first_of([texts.iter().map(key).collect()])
    }

    /// Every value, once.
    pub fn keys(&self) -> BTreeSet<&Key> {
        match self {
            Self::FirstOf(lists) => lists.iter().flatten().collect(),
            Self::AllOf(together) => together.tags.keys().collect(),
            Self::Id(_) => BTreeSet::new(),
        }
    }
}

/// The id in a text; `None` when no profile can have it.
pub(crate) fn profile_id(text: &str) -> Option<ProfileId> {
    uuid::Uuid::try_parse(text).ok().map(ProfileId)
}

/// The key of an e-mail address as sent.
pub(crate) fn email_key(text: &str) -> Result<Key, Problem> {
    email::normalise(text).map(|address| Key::new(Kind::EMAIL, &address))
}

/// The key of a phone number as sent.
pub(crate) fn phone_key(text: &str, database: &Database) -> Result<Key, Problem> {
    phone::normalise(text, database.default_region.as_deref()).map(|number| Key::new(Kind::PHONE, &number))
}

/// The keys of a member of `cc_data` as sent: channels of phone numbers hold them in E.164, others as they are.
pub(crate) fn member_keys(name: &str, text: &str, database: &Database) -> Vec<Key> {
    let number = phone::normalise(text, database.default_region.as_deref()).ok().filter(|_| name == "phone");
    let mut texts: Vec<&str> = number.as_deref().into_iter().collect();
    texts.push(text);
    texts.dedup();
    texts.into_iter().map(|text| cc_data_key(name, text)).collect()
}
