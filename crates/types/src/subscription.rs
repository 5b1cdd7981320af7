//! A profile's subscription to a channel of a resource.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ResourceId;

/// How a subscriber is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By an e-mail address.
    Email,
    /// By a phone number.
    Sms,
}

impl Channel {
    /// Every channel that subscriptions can name.
    pub const ALL: [Self; 2] = [Self::Email, Self::Sms];

    /// The word on the wire and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// State of a subscription, and of a profile as a whole (`_status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubscriptionStatus {
    /// Can be messaged.
    Subscribed,
    /// Opted out.
    Unsubscribed,
    /// Reported spam.
    Complained,
    /// The address bounced for good.
    Hardbounced,
    /// Waits for a confirmation.
    Unconfirmed,
    /// Paused.
    Suspended,
    /// Cannot be used for another reason.
    Invalid,
}

impl SubscriptionStatus {
    /// In the order of their numbers, from 0.
    pub const ALL: [Self; 7] = [
        Self::Subscribed,
        Self::Unsubscribed,
        Self::Complained,
        Self::Hardbounced,
        Self::Unconfirmed,
        Self::Suspended,
        Self::Invalid,
    ];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Unsubscribed => "unsubscribed",
            Self::Complained => "complained",
            Self::Hardbounced => "hardbounced",
            Self::Unconfirmed => "unconfirmed",
            Self::Suspended => "suspended",
            Self::Invalid => "invalid",
        }
    }

    /// The number on the wire and in the database.
    pub fn number(self) -> i16 {
        match self {
            Self::Subscribed => 0,
            Self::Unsubscribed => 1,
            Self::Complained => 2,
            Self::Hardbounced => 3,
            Self::Unconfirmed => 4,
            Self::Suspended => 5,
            Self::Invalid => 6,
        }
    }

    /// Reads the word or the number, either as text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == text || status.number().to_string() == text)
    }

    /// Reads the number that the database stores.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.number() == number)
    }
}

/// One subscription. Its identity within a profile is resource, channel and address.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// The resource subscribed to.
    pub resource_id: ResourceId,
    /// How the subscriber is reached.
    pub channel: Channel,
    /// The normalised address on that channel: an e-mail address, a phone number in E.164.
    pub address: String,
    /// Its state.
    pub status: SubscriptionStatus,
    /// Which of several addresses to prefer; `None` until one is sent.
    pub priority: Option<i32>,
    /// Values of the resource's subscription fields, by name.
    pub custom_fields: Map<String, Value>,
    /// Categories of the resource that are switched on.
    pub cats: BTreeSet<String>,
}

impl Subscription {
    /// Whether both are the same subscription of a profile, whatever else they hold.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.resource_id, self.channel, &self.address) == (other.resource_id, other.channel, &other.address)
    }
}
