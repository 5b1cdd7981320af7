//! A PostgreSQL of this checkout's own, from the distribution's packages: durable like a real one, TCP on loopback only.

mod cluster;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::checkout::Checkout;
use crate::daemon::{self, Daemon};
use crate::memory::Memory;
use crate::{ports, run, steps};
use cluster::Cluster;

const PORT: &str = "postgres.port";
const PASSWORD: &str = "postgres.password";
const USER: &str = "intake";
/// The database that `up` works in; tests make their own.
const DATABASE: &str = "intake";

/// The private server.
pub(crate) struct Postgres {
    pub(crate) daemon: Daemon,
    cluster: Cluster,
    /// Further settings, `name=value`.
    settings: Vec<String>,
}

/// Directories with a PostgreSQL server's programs, newest first.
pub(crate) fn installed() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists() && bin.join("postgres").exists())
        .collect();
    found.sort_unstable();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere = std::env::split_paths(&path).filter(|bin| bin.join("initdb").exists());
    found.into_iter().rev().map(|(_, bin)| bin).chain(elsewhere).collect()
}

impl Postgres {
    /// The server of this checkout, running or not. Creates nothing.
    pub(crate) fn of(checkout: &Checkout) -> Self {
        let cluster = Cluster::of(checkout);
        // SIGINT is "fast shutdown": clients are disconnected, everything is written.
        let mark = cluster.data().display().to_string();
        Self { daemon: Daemon::new(checkout, "postgres", mark, Signal::INT), cluster, settings: Vec::new() }
    }

    /// The same with further settings, `name=value`.
    pub(crate) fn with(self, settings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { settings: settings.into_iter().map(Into::into).collect(), ..self }
    }

    /// Where all that it writes lies.
    pub(crate) fn home(&self) -> &Path {
        self.cluster.home()
    }

    /// Makes it run and answers with the URLs for `up` and for tests.
    pub(crate) fn start(&self, checkout: &Checkout, memory: &mut Memory) -> Result<(String, String)> {
        if memory.get(PASSWORD).is_none() {
            self.cluster.discard()?;
        }
        let password = memory.secret(PASSWORD)?;
        let bin = self.cluster.prepare(checkout, &password)?;
        if self.daemon.pid().is_none() {
            self.cluster.clear_stale_pid()?;
            let port = ports::choose(memory, PORT, &checkout.key)?;
            steps::step(&format!("start PostgreSQL on port {port}"), || self.launch(checkout, &bin, port))?;
        }
        let port = ports::remembered(memory, PORT).context("the port of PostgreSQL is not known")?;
        Self::create_database(&bin, port, &password)?;
        let url = |database| format!("postgres://{USER}:{password}@127.0.0.1:{port}/{database}");
        Ok((url(DATABASE), url("postgres")))
    }

    /// Whether it does not run, and can be started where it was reached before.
    pub(crate) fn can_come_back(&self, memory: &Memory) -> bool {
        self.daemon.pid().is_none() && ports::is_free_again(memory, PORT)
    }

    /// Whether there was something to stop.
    pub(crate) fn stop(&self) -> Result<bool> {
        self.daemon.stop(Duration::from_secs(30))
    }

    /// Removes the data. The server must not run.
    pub(crate) fn wipe(&self, checkout: &Checkout) -> Result<()> {
        ensure!(self.daemon.pid().is_none(), "PostgreSQL still runs");
        self.cluster.wipe(checkout)
    }

    fn launch(&self, checkout: &Checkout, bin: &Path, port: u16) -> Result<()> {
        let mut command = self.cluster.command(&bin.join("postgres"))?;
        command.arg("-D").arg(self.cluster.data());
        let settings = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".into(),
            // No socket file, so no directory that another user would have to own.
            "unix_socket_directories=".into(),
            // Two services, and tests that run side by side.
            "max_connections=200".into(),
            // The defaults, said aloud: tests that kill the server rely on them.
            "fsync=on".into(),
            "full_page_writes=on".into(),
            "synchronous_commit=on".into(),
            "log_line_prefix=%m [%p] %q%d ".into(),
            // Failed statements are expected in tests; their values are not for a log.
            "log_min_error_statement=panic".into(),
        ];
        for setting in settings.iter().chain(&self.settings) {
            command.args(["-c", setting]);
        }
        self.daemon.start(&mut command)?;
        let ready = bin.join("pg_isready");
        let port = port.to_string();
        let is_ready = || run::succeeds(Command::new(&ready).args(["-q", "-h", "127.0.0.1", "-p", &port]));
        // After a kill it first replays its log.
        self.daemon.wait_until(Duration::from_mins(2), is_ready).with_context(|| {
            format!("cannot start PostgreSQL; its data is in {}", checkout.show(self.cluster.data()))
        })
    }

    fn create_database(bin: &Path, port: u16, password: &str) -> Result<()> {
        let client = |program: &str| {
            let mut command = Command::new(bin.join(program));
            command
                .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", USER, "-w"])
                .env("PGPASSWORD", password);
            command
        };
        let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'");
        if run::output(client("psql").args(["-X", "-d", "postgres", "-tAc", &exists]))?.is_empty() {
            run::output(client("createdb").args(["--maintenance-db", "postgres", DATABASE]))?;
        }
        Ok(())
    }
}

/// Processes of a cluster that outlived its postmaster; starting beside them could damage the data.
fn orphans(data: &Path) -> Vec<i32> {
    daemon::working_in(data)
}
