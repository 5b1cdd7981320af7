//! `cargo xtask soak`: random faults under load on servers of its own, which are started again whenever they are gone.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::checkout::Checkout;
use crate::memory::Memory;
use crate::packages::{self, Wanted};
use crate::postgres::Postgres;
use crate::rabbitmq::RabbitMq;
use crate::{check, run, signals};

/// Room for the database, in MiB: its log and the data of half an hour, and not much to fill up.
const DISK: u32 = 1024;
/// So that the log fits.
const SETTINGS: &[&str] = &["max_wal_size=192MB", "min_wal_size=32MB"];

/// Command line options.
pub(crate) struct Options {
    pub(crate) minutes: u32,
    /// Of the clock, unless given.
    pub(crate) seed: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { minutes: 10, seed: None }
    }
}

/// The servers of a soak; stopped when it is over.
struct Servers {
    postgres: Postgres,
    rabbitmq: RabbitMq,
    place: Checkout,
}

pub(crate) fn soak(checkout: &Checkout, options: &Options) -> Result<()> {
    packages::ensure_installed(checkout, Wanted { postgres: true, rabbitmq: true, faketime: false })?;
    check::cargo(checkout, "cargo build (the programs)", &["build", "--workspace", "--bins"], &[])?;
    check::conclude("Nothing lost, nothing twice, nothing late.", &with_built(checkout, options)?);
    Ok(())
}

/// As [`soak`], where all programs are built. Returns what could not be broken on this machine.
pub(crate) fn with_built(checkout: &Checkout, options: &Options) -> Result<Vec<String>> {
    let servers = Servers::of(checkout.beside("soak")?);
    servers.remove()?;
    servers.clear_logs()?;
    let disk = servers.mount();
    let result = servers.run(options, disk.as_deref());
    servers.remove()?;
    result.with_context(|| format!("logs are in {}", checkout.show(&servers.place.dev.join("log"))))?;
    let no_disk = "a full disk of the database: no file system can be mounted here";
    Ok(disk.is_none().then(|| no_disk.to_owned()).into_iter().collect())
}

/// Stops and removes what a soak left that was killed. Whether there was something to stop.
pub(crate) fn clear(checkout: &Checkout) -> Result<bool> {
    if !checkout.dev.join("soak").exists() {
        return Ok(false);
    }
    Servers::of(checkout.beside("soak")?).remove()
}

impl Servers {
    fn of(place: Checkout) -> Self {
        let postgres = Postgres::of(&place).with(SETTINGS.iter().copied());
        Self { postgres, rabbitmq: RabbitMq::of(&place), place }
    }

    /// Stops them, and removes all but their logs. Whether there was something to stop.
    fn remove(&self) -> Result<bool> {
        let did_run = self.rabbitmq.stop()? | self.postgres.stop()?;
        let home = self.postgres.home();
        if is_mounted(home) {
            run::output(Command::new("umount").arg(home))?;
        }
        self.postgres.wipe(&self.place)?;
        self.rabbitmq.wipe()?;
        Ok(did_run)
    }

    fn clear_logs(&self) -> Result<()> {
        for log in fs::read_dir(self.place.dev.join("log"))? {
            fs::remove_file(log?.path())?;
        }
        Ok(())
    }

    /// Gives the database a file system of its own, if that is allowed here.
    fn mount(&self) -> Option<PathBuf> {
        let home = self.postgres.home();
        fs::create_dir_all(home).ok()?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK}m,mode=700"), "intake-soak"]).arg(home);
        run::succeeds(&mut mount).then(|| home.to_owned())
    }

    fn run(&self, options: &Options, disk: Option<&Path>) -> Result<()> {
        let mut memory = Memory::load(&self.place)?;
        let (_, database_url) = self.postgres.start(&self.place, &mut memory)?;
        let (_, amqp_url) = self.rabbitmq.start(&mut memory)?;
        let seed = options.seed.unwrap_or_else(seed_of_now);
        let mut soak = Command::new(self.place.root.join("target/debug/intake-soak"));
        soak.args(["--minutes", &options.minutes.to_string(), "--seed", &seed.to_string()]);
        soak.arg("--logs").arg(self.place.dev.join("log"));
        soak.arg("--postgres-pid").arg(&self.postgres.daemon.pid_file);
        soak.arg("--rabbitmq-pid").arg(&self.rabbitmq.daemon.pid_file);
        soak.arg("--rabbitmqctl").arg(self.rabbitmq.write_control(&memory)?);
        if let Some(disk) = disk {
            soak.arg("--disk").arg(disk);
        }
        soak.env("TEST_DATABASE_URL", database_url).env("TEST_AMQP_URL", amqp_url).stdin(Stdio::null());
        // A group of its own, so that it can be ended with all that it has started.
        let mut child = soak.process_group(0).spawn().context("cannot run intake-soak")?;
        let status = self.watch(&mut child, &mut memory);
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _all_gone = kill_process_group(pid, Signal::KILL);
        }
        child.wait()?;
        let again = format!("cargo xtask soak --minutes {} --seed {seed}", options.minutes);
        ensure!(status?.success(), "the soak found something wrong; the same again: {again}");
        Ok(())
    }

    /// Starts the servers again when they are gone, as Kubernetes would, until the soak has ended.
    fn watch(&self, soak: &mut Child, memory: &mut Memory) -> Result<ExitStatus> {
        loop {
            if let Some(status) = soak.try_wait()? {
                return Ok(status);
            }
            signals::check()?;
            if self.postgres.can_come_back(memory) {
                // It may find no room to start in: tried again.
                let _full = self.postgres.start(&self.place, memory);
            }
            if self.rabbitmq.can_come_back(memory) {
                // As slow as the machine may be: what was lost by it is told in the end.
                let _slow = self.rabbitmq.start(memory);
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

fn is_mounted(directory: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let directory = directory.display().to_string();
    mounts.lines().any(|line| line.split(' ').nth(1) == Some(&directory))
}

fn seed_of_now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}
