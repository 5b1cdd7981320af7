//! PostgreSQL and RabbitMQ themselves: killed, stopped, short of memory or of disk. Whoever started them starts them again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use intake_store::testing::TestDatabase;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::config::Config;

/// What the broker lets its memory grow to, as a share of the machine's: what RabbitMQ 3.10 has by itself.
const WATERMARK: &str = "0.4";
/// Free disk below which it blocks publishers, in bytes: what it has by itself.
const FREE_DISK: &str = "50000000";

/// The servers.
pub(crate) struct Servers {
    postgres_pid: PathBuf,
    rabbitmq_pid: PathBuf,
    rabbitmqctl: PathBuf,
    pub(crate) disk: Option<PathBuf>,
}

impl Servers {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            postgres_pid: config.postgres_pid.clone(),
            rabbitmq_pid: config.rabbitmq_pid.clone(),
            rabbitmqctl: config.rabbitmqctl.clone(),
            disk: config.disk.clone(),
        }
    }

    pub(crate) fn signal_database(&self, signal: Signal) -> bool {
        send(&self.postgres_pid, signal)
    }

    pub(crate) fn signal_broker(&self, signal: Signal) -> bool {
        send(&self.rabbitmq_pid, signal)
    }

    /// The broker finds its memory used up, and blocks whoever publishes: <https://www.rabbitmq.com/docs/alarms>
    pub(crate) fn raise_memory_alarm(&self) -> bool {
        self.control(&["set_vm_memory_high_watermark", "0.00001"])
    }

    /// As [`Self::raise_memory_alarm`], for the disk.
    pub(crate) fn raise_disk_alarm(&self) -> bool {
        self.control(&["set_disk_free_limit", "1000000000000000"])
    }

    /// It may be away, and then it has no alarm either.
    pub(crate) fn clear_alarms(&self) {
        self.control(&["set_vm_memory_high_watermark", WATERMARK]);
        self.control(&["set_disk_free_limit", FREE_DISK]);
    }

    fn control(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new(&self.rabbitmqctl);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Leaves not a byte on the file system of the database.
    pub(crate) fn fill_disk(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| fill(&ballast(disk)).is_ok())
    }

    pub(crate) fn clear_disk(&self) {
        if let Some(disk) = &self.disk {
            let _none = fs::remove_file(ballast(disk));
        }
    }
}

fn ballast(disk: &Path) -> PathBuf {
    disk.join("ballast")
}

/// Writes until there is no room.
fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    for size in [1 << 20, 1 << 12, 1] {
        let block = vec![0; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(())
}

/// Tells a server and, where it is to stand still or go on, its children too. Whether there was one to be told.
fn send(pid_file: &Path, signal: Signal) -> bool {
    let pid = fs::read_to_string(pid_file).ok().and_then(|text| text.trim().parse().ok());
    let Some(pid) = pid.and_then(Pid::from_raw) else { return false };
    match signal {
        // It was started in a group of its own.
        Signal::STOP | Signal::CONT => kill_process_group(pid, signal).is_ok(),
        _end => kill_process(pid, signal).is_ok(),
    }
}

/// Keeps everybody from a table, as a careless migration does.
pub(crate) fn lock_table(database: &TestDatabase, table: &str, length: Duration) -> bool {
    let seconds = length.as_secs_f64();
    let lock = format!(
        "DO $$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep({seconds}); END $$"
    );
    database.try_execute(&lock).is_some()
}

/// Ends all connections to the database.
pub(crate) fn end_connections(database: &TestDatabase) -> bool {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.try_execute(end).is_some()
}
