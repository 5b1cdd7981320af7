//! Processes that outlive the command: started with a log and a pid file, recognised before they are signalled.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::checkout::Checkout;
use crate::{run, signals};

/// One long-running process of this checkout.
pub(crate) struct Daemon {
    pub(crate) name: &'static str,
    pub(crate) log: PathBuf,
    pub(crate) pid_file: PathBuf,
    /// An argument that only this checkout's process has on its command line: pids are reused.
    mark: String,
    /// The signal that asks for a prompt and orderly end.
    stop: Signal,
}

impl Daemon {
    pub(crate) fn new(checkout: &Checkout, name: &'static str, mark: String, stop: Signal) -> Self {
        let pid_file = checkout.dev.join("run").join(format!("{name}.pid"));
        Self { name, log: checkout.log(name), pid_file, mark, stop }
    }

    /// Starts the process in a group of its own, out of reach of the terminal's Ctrl-C; it may outlive this command.
    /// The last log is kept as `.old`.
    pub(crate) fn start(&self, command: &mut Command) -> Result<()> {
        let _ = fs::rename(&self.log, self.log.with_extension("log.old"));
        let log = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        fs::write(&self.pid_file, child.id().to_string())
            .with_context(|| format!("cannot write {}", self.pid_file.display()))
    }

    /// The pid, if the process runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        let pid: i32 = fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()?;
        has_argument(pid, &self.mark).then(|| Pid::from_raw(pid)).flatten()
    }

    /// Whether somebody stopped it on purpose: `stop` removes the pid file, a crash leaves it.
    pub(crate) fn was_stopped(&self) -> bool {
        !self.pid_file.exists()
    }

    /// Waits until `ready` says so. Fails early if the process ends, and shows its log.
    pub(crate) fn wait_until(&self, patience: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            signals::check()?;
            if self.pid().is_none() {
                bail!("{} ended while starting\n{}", self.name, run::tail(&self.log));
            }
            if start.elapsed() > patience {
                bail!("{} is not ready after {} s\n{}", self.name, patience.as_secs(), run::tail(&self.log));
            }
            thread::sleep(run::TICK);
        }
        Ok(())
    }

    /// Stops the process: asks first, kills after `patience`. False if it did not run.
    pub(crate) fn stop(&self, patience: Duration) -> Result<bool> {
        let Some(pid) = self.pid() else {
            let _ = fs::remove_file(&self.pid_file);
            return Ok(false);
        };
        let pid_file = fs::read_to_string(&self.pid_file).unwrap_or_default();
        let _ = fs::remove_file(&self.pid_file);
        let gone = |patience| wait_for_end(pid, &self.mark, patience);
        let _ = kill_process(pid, self.stop);
        if gone(patience) {
            return Ok(true);
        }
        let _ = kill_process(pid, Signal::KILL);
        if gone(Duration::from_secs(10)) {
            return Ok(true);
        }
        fs::write(&self.pid_file, pid_file).ok();
        bail!("{} (process {}) does not end, not even after SIGKILL", self.name, pid.as_raw_nonzero());
    }
}

fn wait_for_end(pid: Pid, mark: &str, patience: Duration) -> bool {
    let start = Instant::now();
    while has_argument(pid.as_raw_nonzero().get(), mark) {
        if start.elapsed() > patience {
            return false;
        }
        thread::sleep(run::TICK);
    }
    true
}

/// Whether a process lives and has this argument.
pub(crate) fn has_argument(pid: i32, argument: &str) -> bool {
    // In the middle of an exec the command line is empty for a moment: look again before calling it dead.
    for _ in 0..20 {
        let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
        if !line.is_empty() {
            return line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes());
        }
        if is_zombie(pid) {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Whether a process has ended and only waits for its parent to ask how.
fn is_zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // `pid (name) state ...`, where the name may contain anything.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// The processes whose working directory is `directory`.
pub(crate) fn working_in(directory: &Path) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == directory))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
