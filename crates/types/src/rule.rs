//! Matching: which values of a record say whose it is, and where they are looked for.

use serde::{Deserialize, Serialize};

use crate::{Places, ResourceId, Source, Sources};

/// One matching mode with what it needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchRule {
    /// The record's `email`, else its email subscriptions; in profile e-mails and email subscriptions.
    Email,
    /// The record's `email`; in profile e-mails.
    EmailProfile,
    /// The record's email subscriptions, else `email`; in email subscriptions.
    EmailSub,
    /// The record's `phone`, `phones` in order, else its sms subscriptions; in profile phones and sms subscriptions.
    Phone,
    /// The record's sms subscriptions, else `phone`, `phones`; in sms subscriptions.
    PhoneSub,
    /// The record's `profile_id`; the profile of this id. Never creates.
    ProfileId,
    /// The record's `provider` and `subscription_id`, else its push subscriptions; in push subscriptions.
    PushSub,
    /// The record's value of a matchable custom field; in that field.
    Custom {
        /// The field's name. Its number is the worker's to look up: the catalogue may have changed.
        field: String,
    },
    /// A member of the `cc_data` of the record's subscriptions; in the `cc_data` of subscriptions.
    CustomSub {
        /// The member's name.
        field: String,
    },
    /// The record's `email` and its phones, which must not mean two profiles; in profile e-mails and phones.
    EmailPhone,
    /// The record's email and sms subscriptions, else `email` and its phones, which must not mean two profiles; in email
    /// and sms subscriptions.
    EmailPhoneSub,
}

impl MatchRule {
    /// The words that `matching` accepts.
    pub const WORDS: [&str; 11] = [
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

    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::EmailProfile => "email_profile",
            Self::EmailSub => "email_sub",
            Self::Phone => "phone",
            Self::PhoneSub => "phone_sub",
            Self::ProfileId => "profile_id",
            Self::PushSub => "push_sub",
            Self::Custom { .. } => "custom",
            Self::CustomSub { .. } => "custom_sub",
            Self::EmailPhone => "email_phone",
            Self::EmailPhoneSub => "email_phone_sub",
        }
    }

    /// The places in which a value counts. `resource` narrows the subscription half to one resource.
    pub fn places(&self, resource: Option<ResourceId>) -> Places {
        let profile = || Places::Among(Sources::from([Source::Profile]));
        let of = |resource: ResourceId| Sources::from([Source::Resource(resource)]);
        match self {
            Self::Email | Self::Phone => resource.map_or(Places::Anywhere, |id| {
                Places::Among(Sources::from([Source::Profile, Source::Resource(id)]))
            }),
            Self::EmailProfile | Self::EmailPhone | Self::Custom { .. } => profile(),
            Self::EmailSub
            | Self::PhoneSub
            | Self::PushSub
            | Self::CustomSub { .. }
            | Self::EmailPhoneSub => resource.map_or(Places::Subscriptions, |id| Places::Among(of(id))),
            Self::ProfileId => Places::Anywhere,
        }
    }

    /// Whether a `resource_id` narrows the search.
    pub fn is_narrowed_by_resource(&self) -> bool {
        match self {
            Self::Email
            | Self::EmailSub
            | Self::Phone
            | Self::PhoneSub
            | Self::PushSub
            | Self::CustomSub { .. }
            | Self::EmailPhoneSub => true,
            Self::EmailProfile | Self::ProfileId | Self::Custom { .. } | Self::EmailPhone => false,
        }
    }

    /// The request's parameters that hold a match value beside the records.
    pub fn parameters(&self) -> &'static [&'static str] {
        match self {
            Self::Email | Self::EmailProfile | Self::EmailSub => &["email"],
            Self::Phone | Self::PhoneSub => &["phone"],
            Self::ProfileId => &["profile_id"],
            Self::PushSub => &["provider", "subscription_id"],
            Self::Custom { .. } | Self::CustomSub { .. } => &["field_value"],
            Self::EmailPhone | Self::EmailPhoneSub => &["email", "phone"],
        }
    }

    /// The name that `field_name` gave, in the two modes that need one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Custom { field } | Self::CustomSub { field } => Some(field),
            _ => None,
        }
    }
}
