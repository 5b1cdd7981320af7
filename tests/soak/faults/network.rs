//! What happens to the connections of one program.

use std::ops::Range;
use std::thread::sleep;
use std::time::Duration;

use intake_broker::testing::Relay;

use crate::programs::Program;

/// Which of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Link {
    Broker,
    Database,
}

/// What is wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NetworkFault {
    Cut,
    Stall,
    SlowDown,
    HoldAnswers,
    HalfOpen,
}

/// How long a piece of at most 16 KiB takes on a slow connection.
const SLOW: Duration = Duration::from_millis(20);

impl Link {
    pub(crate) const ALL: [Self; 2] = [Self::Broker, Self::Database];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Database => "database",
        }
    }

    pub(crate) fn of(self, program: &Program) -> &Relay {
        match self {
            Self::Broker => &program.broker,
            Self::Database => &program.database,
        }
    }
}

impl NetworkFault {
    pub(crate) const ALL: [Self; 5] =
        [Self::Cut, Self::Stall, Self::SlowDown, Self::HoldAnswers, Self::HalfOpen];

    pub(crate) fn seconds(self) -> Range<f64> {
        match self {
            Self::Cut => 0.1..8.0,
            Self::Stall | Self::SlowDown | Self::HoldAnswers | Self::HalfOpen => 3.0..35.0,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Stall => "stalled",
            Self::SlowDown => "slow",
            Self::HoldAnswers => "without answers",
            Self::HalfOpen => "half-open",
        }
    }

    /// Makes it, waits, and lets everything through again.
    pub(crate) fn make(self, relay: &Relay, length: Duration) {
        match self {
            Self::Cut => relay.cut(),
            Self::Stall => relay.stall(),
            Self::SlowDown => relay.slow_down(SLOW),
            Self::HoldAnswers => relay.hold_answers(),
            Self::HalfOpen => relay.lose(),
        }
        sleep(length);
        relay.restore();
    }
}
