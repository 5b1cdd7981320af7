//! Commands that run to their end: output into a log, its tail into the error.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::signals;

/// Lines of a log shown when its step fails.
const TAIL: usize = 40;

/// How often a waiting command looks again.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// A cargo command in the environment that a developer's own would have. `cargo run` adds variables that build
/// scripts watch (`ring` asks for `CARGO_PKG_NAME`): left in, they would rebuild half of the dependencies
/// each time `cargo xtask` and plain `cargo` take turns.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root).env_remove("CARGO");
    for (name, _) in std::env::vars_os() {
        let inherited = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        if inherited {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command with its output in `log`, begun anew; a failure carries the log's tail.
pub(crate) fn logged(command: &mut Command, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let status = finish(command)?;
    ensure!(status.success(), "`{}`: {status}\n{}", describe(command), tail(log));
    Ok(())
}

/// Runs a command whose output the developer should see as it comes.
pub(crate) fn shown(command: &mut Command) -> Result<()> {
    let status = finish(command)?;
    ensure!(status.success(), "`{}`: {status}", describe(command));
    Ok(())
}

/// Runs a short command for its standard output, trimmed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_run(command))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "`{}`: {}\n{}", describe(command), output.status, err.trim());
    Ok(out.trim().to_owned())
}

/// Whether a command exists and succeeds within a few seconds; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < deadline => thread::sleep(TICK),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// The end of a log, indented, with its path.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let end = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
    format!("--- end of {}\n{}\n---", log.display(), end.join("\n"))
}

fn finish(command: &mut Command) -> Result<ExitStatus> {
    let mut child = command.spawn().with_context(|| cannot_run(command))?;
    loop {
        if let Some(status) = child.try_wait()? {
            signals::check()?;
            return Ok(status);
        }
        if signals::interrupted() {
            end(&mut child);
            bail!("stopped by a signal during `{}`", describe(command));
        }
        thread::sleep(TICK);
    }
}

/// Ends a child politely: Ctrl-C reached it anyway, a SIGTERM to this process alone did not.
fn end(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let _ = child.wait();
}

fn cannot_run(command: &Command) -> String {
    format!("cannot run `{}`", command.get_program().display())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let mut words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.truncate(8);
    words.join(" ")
}
