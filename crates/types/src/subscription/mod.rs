//! A profile's subscription to a channel of a resource.

mod channel;
mod contact;
mod status;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::ResourceId;

pub use channel::Channel;
pub use contact::Contact;
pub(crate) use contact::{cc_data_key, push_key};
pub use status::SubscriptionStatus;

/// One subscription. Its identity within a profile is resource, channel and contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The resource subscribed to.
    pub resource_id: ResourceId,
    /// How the subscriber is reached.
    pub channel: Channel,
    /// Where, on that channel.
    pub contact: Contact,
    /// Its state.
    pub status: SubscriptionStatus,
    /// Which of several contacts to prefer; `None` until one is sent.
    pub priority: Option<i32>,
    /// Values of the resource's subscription fields, by name.
    pub custom_fields: Map<String, Value>,
    /// Categories of the resource that are switched on.
    pub cats: BTreeSet<String>,
}

impl Subscription {
    /// Whether both are the same subscription of a profile, whatever else they hold.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_to(other.resource_id, &other.channel, &other.contact)
    }

    /// Whether it is a profile's subscription of this identity.
    pub(crate) fn is_to(&self, resource_id: ResourceId, channel: &Channel, contact: &Contact) -> bool {
        (self.resource_id, &self.channel, &self.contact) == (resource_id, channel, contact)
    }
}
