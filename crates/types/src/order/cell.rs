//! What of a profile is written by itself.

use std::borrow::Cow;

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
