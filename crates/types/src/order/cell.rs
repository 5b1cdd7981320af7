//! What of a profile is written by itself.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::Subscription;

/// A field of a profile, or something that one of its subscriptions holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    /// A field of the profile's own.
    Field(&'a str),
    /// A subscription's state.
    Status(&'a Subscription),
    /// A subscription's priority.
    Priority(&'a Subscription),
    /// A subscription field.
    Custom(&'a Subscription, &'a str),
}

impl<'a> Cell<'a> {
    /// Those of a profile with these parts that have a value.
    pub(crate) fn with_values(
        fields: &'a Map<String, Value>,
        subscriptions: &'a [Arc<Subscription>],
    ) -> impl Iterator<Item = Self> {
        let of = |subscription: &'a Arc<Subscription>| {
            let priority = subscription.priority.map(|_| Self::Priority(subscription));
            let custom = subscription.custom_fields.keys().map(|name| Self::Custom(subscription, name));
            std::iter::once(Self::Status(subscription)).chain(priority).chain(custom)
        };
        fields.keys().map(|name| Self::Field(name)).chain(subscriptions.iter().flat_map(of))
    }

    /// The text that stands for it in a log. Only ever compared: names and words have no control characters, so none of two
    /// cells reads like another.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Field(name) => Cow::Borrowed(name),
            Self::Status(subscription) => Cow::Owned(of(subscription, format_args!("status"))),
            Self::Priority(subscription) => Cow::Owned(of(subscription, format_args!("priority"))),
            Self::Custom(subscription, name) => {
                Cow::Owned(of(subscription, format_args!("custom_fields.{name}")))
            }
        }
    }
}

fn of(subscription: &Subscription, what: std::fmt::Arguments<'_>) -> String {
    let Subscription { resource_id, channel, contact, .. } = subscription;
    format!("{what}\t{resource_id}\t{}\t{}", channel.word(), contact.address())
}
