//! States of subscriptions, and of profiles as a whole.

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
