//! What happens to the servers.

use std::ops::Range;
use std::thread::sleep;
use std::time::Duration;

use intake_store::testing::TestDatabase;
use rustix::process::Signal;

use crate::servers::{Servers, end_connections, lock_table};

/// What the broker has to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BrokerFault {
    Kill,
    Restart,
    Freeze,
    MemoryAlarm,
    DiskAlarm,
}

/// What the database has to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DatabaseFault {
    Kill,
    Restart,
    Freeze,
    FullDisk,
    LockProfiles,
    LockJobs,
    EndConnections,
}

/// What happens in a moment: the server comes back when it can.
const MOMENT: Range<f64> = 0.1..0.2;
/// Connections stay open, and nobody answers.
const FROZEN: Range<f64> = 3.0..35.0;

impl BrokerFault {
    pub(crate) const ALL: [Self; 5] =
        [Self::Kill, Self::Restart, Self::Freeze, Self::MemoryAlarm, Self::DiskAlarm];

    pub(crate) fn seconds(self) -> Range<f64> {
        match self {
            Self::Kill | Self::Restart => MOMENT,
            Self::MemoryAlarm | Self::DiskAlarm => 5.0..15.0,
            Self::Freeze => FROZEN,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed (SIGKILL)",
            Self::Restart => "restarted (SIGTERM)",
            Self::Freeze => "frozen (SIGSTOP)",
            Self::MemoryAlarm => "out of memory (alarm)",
            Self::DiskAlarm => "out of disk (alarm)",
        }
    }

    /// Does it, waits, and undoes it. Whether it had an effect.
    pub(crate) fn make(self, servers: &Servers, length: Duration) -> bool {
        let is_made = match self {
            Self::Kill => servers.signal_broker(Signal::KILL),
            Self::Restart => servers.signal_broker(Signal::TERM),
            Self::Freeze => servers.signal_broker(Signal::STOP),
            Self::MemoryAlarm => servers.raise_memory_alarm(),
            Self::DiskAlarm => servers.raise_disk_alarm(),
        };
        sleep(length);
        match self {
            Self::MemoryAlarm | Self::DiskAlarm => servers.clear_alarms(),
            Self::Freeze => {
                servers.signal_broker(Signal::CONT);
            }
            Self::Kill | Self::Restart => {}
        }
        is_made
    }
}

impl DatabaseFault {
    pub(crate) const ALL: [Self; 7] = [
        Self::Kill,
        Self::Restart,
        Self::Freeze,
        Self::FullDisk,
        Self::LockProfiles,
        Self::LockJobs,
        Self::EndConnections,
    ];

    pub(crate) fn seconds(self) -> Range<f64> {
        match self {
            Self::Kill | Self::Restart | Self::EndConnections => MOMENT,
            Self::FullDisk => 5.0..15.0,
            Self::Freeze => FROZEN,
            Self::LockProfiles | Self::LockJobs => 3.0..25.0,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed (SIGKILL)",
            Self::Restart => "restarted (SIGINT)",
            Self::Freeze => "frozen (SIGSTOP)",
            Self::FullDisk => "without a byte of disk",
            Self::LockProfiles => "with its table of profiles locked",
            Self::LockJobs => "with its table of jobs locked",
            Self::EndConnections => "ending all connections",
        }
    }

    /// Does it, waits, and undoes it. Whether it had an effect.
    pub(crate) fn make(self, servers: &Servers, database: &TestDatabase, length: Duration) -> bool {
        match self {
            Self::Kill => servers.signal_database(Signal::KILL),
            // A fast shutdown: https://www.postgresql.org/docs/current/server-shutdown.html
            Self::Restart => servers.signal_database(Signal::INT),
            Self::Freeze => {
                let is_frozen = servers.signal_database(Signal::STOP);
                sleep(length);
                servers.signal_database(Signal::CONT);
                is_frozen
            }
            Self::FullDisk => {
                let is_full = servers.fill_disk();
                sleep(length);
                servers.clear_disk();
                is_full
            }
            Self::LockProfiles => lock_table(database, "profiles", length),
            Self::LockJobs => lock_table(database, "jobs", length),
            Self::EndConnections => end_connections(database),
        }
    }
}
