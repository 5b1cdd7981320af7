//! Channels: how a subscriber is reached.

use std::fmt;

/// How a subscriber is reached: by one of the vendor's channels, or by one that a resource declares for itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// By an e-mail address.
    Email,
    /// By a phone number.
    Sms,
    /// By the token that a push provider gave a device or a browser.
    Push,
    /// By the id of a chat with a Telegram bot.
    TelegramBot,
    /// By a phone number on `WhatsApp`.
    Whatsapp,
    /// By a phone number on Viber.
    Viber,
    /// By a phone number, through a notification gateway.
    Notify,
    /// By whatever a channel of this name takes.
    Custom(String),
}

impl Channel {
    /// The word on the wire and in the database.
    pub fn word(&self) -> &str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
            Self::TelegramBot => "telegram_bot",
            Self::Whatsapp => "whatsapp",
            Self::Viber => "viber",
            Self::Notify => "notify",
            Self::Custom(word) => word,
        }
    }

    /// The channel of a word. Whether there is a custom one of this name is for the resource to say.
    pub fn of(word: &str) -> Self {
        match word {
            "email" => Self::Email,
            "sms" => Self::Sms,
            "push" => Self::Push,
            "telegram_bot" => Self::TelegramBot,
            "whatsapp" => Self::Whatsapp,
            "viber" => Self::Viber,
            "notify" => Self::Notify,
            custom => Self::Custom(custom.to_owned()),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_channels_are_the_same_things() {
        for word in ["email", "sms", "push", "telegram_bot", "whatsapp", "viber", "notify", "pager"] {
            assert_eq!(Channel::of(word).word(), word);
        }
        assert_eq!(Channel::of("pager"), Channel::Custom("pager".to_owned()));
    }
}
