//! The faults: of which kinds there are, and when which comes.

mod network;
mod program;
mod server;

use std::fmt::{self, Display};
use std::ops::Range;
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use crate::faults::network::{Link, NetworkFault};
use crate::faults::program::ProgramFault;
use crate::faults::server::{BrokerFault, DatabaseFault};
use crate::programs::{Program, Programs};
use crate::request::draw;
use crate::servers::Servers;

/// A sort of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Gateway(ProgramFault),
    Worker(ProgramFault),
    Network(Link, NetworkFault),
    Broker(BrokerFault),
    Database(DatabaseFault),
}

/// One fault to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// From the start.
    pub(crate) at: Duration,
    pub(crate) kind: Kind,
    /// How long it lasts.
    length: Duration,
    /// Which of the two gateways or workers it is about.
    number: usize,
    /// Whether a fault of the network is a gateway's.
    is_gateways: bool,
}

impl Kind {
    fn all() -> Vec<Self> {
        let network = Link::ALL.iter().flat_map(|link| NetworkFault::ALL.map(|fault| (*link, fault)));
        ProgramFault::ALL
            .into_iter()
            .flat_map(|fault| [Self::Gateway(fault), Self::Worker(fault)])
            .chain(network.map(|(link, fault)| Self::Network(link, fault)))
            .chain(BrokerFault::ALL.map(Self::Broker))
            .chain(DatabaseFault::ALL.map(Self::Database))
            .collect()
    }

    /// How many seconds it lasts. What a program notices by itself only after some time (twice the heartbeat of 10 s, a
    /// statement's 30 s) lasts longer than that now and then.
    fn seconds(self) -> Range<f64> {
        match self {
            Self::Gateway(fault) | Self::Worker(fault) => fault.seconds(),
            Self::Network(_, fault) => fault.seconds(),
            Self::Broker(fault) => fault.seconds(),
            Self::Database(fault) => fault.seconds(),
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(fault) => write!(f, "a gateway {}", fault.name()),
            Self::Worker(fault) => write!(f, "a worker {}", fault.name()),
            Self::Network(link, fault) => {
                write!(f, "connections to the {} {}", link.name(), fault.name())
            }
            Self::Broker(fault) => write!(f, "the broker {}", fault.name()),
            Self::Database(fault) => write!(f, "the database {}", fault.name()),
        }
    }
}

impl Fault {
    /// The faults of a run: each kind once, in any order, before one comes again.
    pub(crate) fn plan(seed: u64, length: Duration) -> Vec<Self> {
        let (mut draw, mut kinds, mut faults) = (draw(seed, u64::MAX / 2), Vec::new(), Vec::new());
        // In ten minutes each kind comes once and more; the short form is denser.
        let pace = if length > Duration::from_mins(5) { 12.0 } else { 7.0 };
        let mut at = Duration::from_secs_f64(draw.random_range(2.0..5.0));
        while at < length {
            if kinds.is_empty() {
                kinds = Kind::all();
                kinds.shuffle(&mut draw);
            }
            let Some(kind) = kinds.pop() else { break };
            faults.push(Self {
                at,
                kind,
                length: Duration::from_secs_f64(draw.random_range(kind.seconds())),
                number: draw.random_range(0..2),
                is_gateways: draw.random(),
            });
            at += Duration::from_secs_f64(pace * draw.random_range(0.6..1.4));
        }
        faults
    }

    /// Does it, waits, undoes it. Whether it had an effect; what a program did wrong with it, if it did.
    pub(crate) fn happen(self, programs: &Programs, servers: &Servers) -> Result<bool, String> {
        Ok(match self.kind {
            Kind::Gateway(fault) | Kind::Worker(fault) => {
                return fault.make(self.target(programs), self.length);
            }
            Kind::Network(link, fault) => {
                fault.make(link.of(self.target(programs)), self.length);
                true
            }
            Kind::Broker(fault) => fault.make(servers, self.length),
            Kind::Database(fault) => fault.make(servers, &programs.database, self.length),
        })
    }

    /// The program that it is about.
    fn target(self, programs: &Programs) -> &Program {
        let is_gateway = match self.kind {
            Kind::Gateway(_) => true,
            Kind::Worker(_) => false,
            _network => self.is_gateways,
        };
        let programs = if is_gateway { &programs.gateways } else { &programs.workers };
        programs.get(self.number).expect("there are two of each")
    }

    /// What is said of it when it begins.
    pub(crate) fn describe(self, programs: &Programs) -> String {
        let (kind, length) = (self.kind, self.length.as_secs_f64());
        match kind {
            Kind::Gateway(_) | Kind::Worker(_) | Kind::Network(..) => {
                format!("{kind}, {length:.1} s ({})", self.target(programs).name)
            }
            Kind::Broker(_) | Kind::Database(_) => format!("{kind}, {length:.1} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn kinds(faults: &[Fault]) -> BTreeSet<Kind> {
        faults.iter().map(|fault| fault.kind).collect()
    }

    #[test]
    fn ten_minutes_have_each_kind_and_two_have_many() {
        for seed in 0..50 {
            let long = Fault::plan(seed, Duration::from_mins(10));
            assert!(long.len() >= 30, "{}", long.len());
            assert_eq!(kinds(&long).len(), Kind::all().len());
            let short = Fault::plan(seed, Duration::from_mins(2));
            assert!(kinds(&short).len() >= 8, "{}", short.len());
        }
    }

    #[test]
    fn a_seed_is_a_plan() {
        let plan = |seed| format!("{:?}", Fault::plan(seed, Duration::from_mins(10)));
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }
}
