//! What can go wrong between a process and the broker.

use std::time::Duration;

/// The cause of an error, in a shape that does not name the client library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A message was not published, received or settled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was sent: there is no connection, the broker blocks, or too much is in flight.
    #[error("the message broker is not available: {0}")]
    Unavailable(&'static str),

    /// The broker did not take the message: its queue, or one that is bound for it, is full.
    #[error("the message broker refused the message, a queue is full")]
    Refused,

    /// The broker found no queue for a message. The queues are declared again at once. Which message it was is not certain:
    /// this one may have been stored.
    #[error("the queue {queue} does not exist")]
    Unroutable {
        /// The queue that was addressed.
        queue: String,
    },

    /// No confirmation in time. The message may have been stored or not.
    #[error("the message broker did not confirm the message within {0:?}")]
    Timeout(Duration),

    /// The connection broke before the confirmation. The message may have been stored or not.
    #[error("the connection to the message broker was lost before it confirmed the message")]
    Interrupted(#[source] Option<Cause>),

    /// A delivery could not be settled: the broker will deliver the message again.
    #[error("the message could not be settled and will be delivered again")]
    Redelivered(#[source] Option<Cause>),

    /// The broker could not be reached or did not let the process in.
    #[error("no connection to the message broker")]
    Connect(#[source] Cause),

    /// The broker did not answer in time.
    #[error("the message broker did not answer {what} within {after:?}")]
    Silent {
        /// What was asked.
        what: &'static str,
        /// How long the answer was waited for.
        after: Duration,
    },

    /// A queue or exchange exists with other settings, or may not be declared.
    #[error("{name} cannot be declared")]
    Declare {
        /// The name of the queue or exchange.
        name: String,
        /// What the broker said.
        #[source]
        source: Cause,
    },

    /// The address of the broker cannot be read. The address itself is never shown.
    #[error("the address of the message broker is not valid")]
    Address,

    /// The message does not fit the limits of the broker.
    #[error("the {what} has {size} bytes, the most is {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size; for a payload still compressed: the size at which unpacking stopped.
        size: usize,
        /// The limit.
        limit: usize,
    },

    /// The payload cannot be packed or unpacked.
    #[error("the payload cannot be read")]
    Payload(#[source] std::io::Error),

    /// The payload has an encoding that this version does not know, or that cannot be unpacked later.
    #[error("the payload has the encoding {0:?}, which is not taken")]
    Encoding(String),
}

impl Error {
    /// Whether the same call may succeed later, without a change to message or settings.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::Refused
            | Self::Unroutable { .. }
            | Self::Timeout(_)
            | Self::Interrupted(_)
            | Self::Redelivered(_)
            | Self::Connect(_)
            | Self::Silent { .. } => true,
            Self::Declare { .. }
            | Self::Address
            | Self::TooLarge { .. }
            | Self::Payload(_)
            | Self::Encoding(_) => false,
        }
    }

    /// The error with all its causes, in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let cause_text = cause.to_string();
            // The client library's text holds that of its cause already.
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            next = cause.source();
        }
        text
    }

    /// Whether the message may be stored in spite of the error, so that sending it again may double it.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Interrupted(_) | Self::Unroutable { .. })
    }
}
