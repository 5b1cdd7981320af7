//! PostgreSQL and RabbitMQ themselves: killed, stopped, short of memory or of disk. Whoever started them starts them again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use intake_store::testing::TestDatabase;
use rustix::process::{Pid, Signal, kill_process};

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

    pub(crate) fn signal_database(&self, signal: Signal) {
        send(&self.postgres_pid, signal);
    }

    pub(crate) fn signal_broker(&self, signal: Signal) {
        send(&self.rabbitmq_pid, signal);
    }

    /// The broker finds its memory used up, and blocks whoever publishes: <https://www.rabbitmq.com/docs/alarms>
    pub(crate) fn raise_memory_alarm(&self) {
        self.control(&["set_vm_memory_high_watermark", "0.00001"]);
    }

    /// As [`Self::raise_memory_alarm`], for the disk.
    pub(crate) fn raise_disk_alarm(&self) {
        self.control(&["set_disk_free_limit", "1000000000000000"]);
    }

    pub(crate) fn clear_alarms(&self) {
        self.control(&["set_vm_memory_high_watermark", WATERMARK]);
        self.control(&["set_disk_free_limit", FREE_DISK]);
    }

    /// It may be away, and then has no alarm either.
    fn control(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.rabbitmqctl);
        let _away = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    /// Leaves not a byte on the file system of the database.
    pub(crate) fn fill_disk(&self) {
        if let Some(disk) = &self.disk {
            let _full = fill(&ballast(disk));
        }
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

fn send(pid_file: &Path, signal: Signal) {
    let pid = fs::read_to_string(pid_file).ok().and_then(|text| text.trim().parse().ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        let _gone = kill_process(pid, signal);
    }
}

/// Keeps everybody from a table, as a careless migration does.
pub(crate) fn lock_table(database: &TestDatabase, table: &str, length: Duration) {
    let seconds = length.as_secs_f64();
    let lock = format!(
        "DO $$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep({seconds}); END $$"
    );
    let _killed = database.try_execute(&lock);
}

/// Ends all connections to the database.
pub(crate) fn end_connections(database: &TestDatabase) {
    let _killed = database.try_execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
}
