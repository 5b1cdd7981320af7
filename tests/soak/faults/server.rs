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
    MemoryAlarm,
    DiskAlarm,
}

/// What the database has to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DatabaseFault {
    Kill,
    Restart,
    FullDisk,
    LockProfiles,
    LockJobs,
    EndConnections,
}

/// What happens in a moment: the server comes back when it can.
const MOMENT: Range<f64> = 0.1..0.2;

impl BrokerFault {
    pub(crate) const ALL: [Self; 4] = [Self::Kill, Self::Restart, Self::MemoryAlarm, Self::DiskAlarm];

    pub(crate) fn seconds(self) -> Range<f64> {
        match self {
            Self::Kill | Self::Restart => MOMENT,
            Self::MemoryAlarm | Self::DiskAlarm => 5.0..15.0,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed (SIGKILL)",
            Self::Restart => "restarted (SIGTERM)",
            Self::MemoryAlarm => "out of memory (alarm)",
            Self::DiskAlarm => "out of disk (alarm)",
        }
    }

    /// Does it, waits, and undoes it. Whether it had an effect.
    pub(crate) fn make(self, servers: &Servers, length: Duration) -> bool {
        let is_made = match self {
            Self::Kill => servers.signal_broker(Signal::KILL),
            Self::Restart => servers.signal_broker(Signal::TERM),
            Self::MemoryAlarm => servers.raise_memory_alarm(),
            Self::DiskAlarm => servers.raise_disk_alarm(),
        };
        sleep(length);
        if matches!(self, Self::MemoryAlarm | Self::DiskAlarm) {
            servers.clear_alarms();
        }
        is_made
    }
}

impl DatabaseFault {
    pub(crate) const ALL: [Self; 6] =
        [Self::Kill, Self::Restart, Self::FullDisk, Self::LockProfiles, Self::LockJobs, Self::EndConnections];

    pub(crate) fn seconds(self) -> Range<f64> {
        match self {
            Self::Kill | Self::Restart | Self::EndConnections => MOMENT,
            Self::FullDisk => 5.0..15.0,
            Self::LockProfiles | Self::LockJobs => 3.0..25.0,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed (SIGKILL)",
            Self::Restart => "restarted (SIGINT)",
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
