//! What of a profile is written by itself.

use crate::Subscription;

/// A field of a profile, or something that one of its subscriptions holds. Only ever compared: names and words have no
/// control characters, so none of two cells reads like another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cell(pub(super) String);

impl Cell {
    /// A field of the profile's own.
    pub(crate) fn field(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A subscription's state.
    pub(crate) fn status(subscription: &Subscription) -> Self {
        Self::of(subscription, "status")
    }

    /// A subscription's priority.
    pub(crate) fn priority(subscription: &Subscription) -> Self {
        Self::of(subscription, "priority")
    }

    /// A subscription field.
    pub(crate) fn custom(subscription: &Subscription, name: &str) -> Self {
        Self::of(subscription, &format!("custom_fields.{name}"))
    }

    fn of(subscription: &Subscription, what: &str) -> Self {
        let Subscription { resource_id, channel, contact, .. } = subscription;
        Self(format!("{what}\t{resource_id}\t{}\t{}", channel.word(), contact.address()))
    }
}
