//! Matching: which values of a record say whose it is, and where they are looked for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::Database;
use crate::{Key, Kind, ResourceId, Source, Sources};

/// One matching mode with what it needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchRule {
    /// The record's `email`, else its email subscriptions; in profile e-mails and email subscriptions.
    Email,
    /// The record's `email`; in profile e-mails.
    EmailProfile,
    /// The record's value of a matchable custom field; in that field.
    Custom {
        /// The field's name. Its number is the worker's to look up: the catalogue may have changed.
        field: String,
    },
}

impl MatchRule {
    /// The words that `matching` accepts.
    pub const WORDS: [&str; 3] = ["email", "email_profile", "custom"];

    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::EmailProfile => "email_profile",
            Self::Custom { .. } => "custom",
        }
    }

    /// The places in which a value counts; `None`: wherever a profile carries it. `resource` narrows the
    /// subscription half to one resource.
    pub fn places(&self, resource: Option<ResourceId>) -> Option<Sources> {
        match self {
            Self::Email => resource.map(|id| Sources::from([Source::Profile, Source::Resource(id)])),
            Self::EmailProfile | Self::Custom { .. } => Some(Sources::from([Source::Profile])),
        }
    }

    /// The field whose value says whose a record is.
    pub fn field(&self) -> &str {
        match self {
            Self::Email | Self::EmailProfile => "email",
            Self::Custom { field, .. } => field,
        }
    }

    /// The request's parameter that holds a match value beside the records.
    pub fn parameter(&self) -> &'static str {
        match self {
            Self::Email | Self::EmailProfile => "email",
            Self::Custom { .. } => "field_value",
        }
    }

    /// The keys of a stored value of [`Self::field`].
    pub(crate) fn keys(&self, database: &Database, stored: &Value) -> Vec<Key> {
        match self {
            Self::Email | Self::EmailProfile => {
                stored.as_str().map(|email| Key::new(Kind::EMAIL, email)).into_iter().collect()
            }
            Self::Custom { field } => {
                let Some(field) = database.fields.get(field) else { return Vec::new() };
                field
                    .key_texts(stored)
                    .iter()
                    .map(|text| Key::new(Kind::custom(field.number), text))
                    .collect()
            }
        }
    }
}
