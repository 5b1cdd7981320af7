//! What the developer sees: one quiet line per step with its time, and errors that say what to do next.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use anyhow::Result;

use crate::signals;

/// Prints one line. A closed pipe (`cargo xtask help | head`) is not worth an error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints an error at the end of a command.
pub(crate) fn complain(error: &str) {
    let _ = writeln!(io::stderr().lock(), "\nerror: {error}");
}

/// Runs one step, unless the command was interrupted.
pub(crate) fn step<T>(title: &str, action: impl FnOnce() -> Result<T>) -> Result<T> {
    signals::check()?;
    finish(title, action)
}

/// Runs one step, also after an interruption: tidying up. Prints its line: at once on a terminal, where a long
/// step should be seen to run, otherwise when its time is known.
pub(crate) fn finish<T>(title: &str, action: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut out = io::stdout();
    let terminal = out.is_terminal();
    if terminal {
        let _ = write!(out, "  {title:<58}");
        let _ = out.flush();
    }
    let start = Instant::now();
    let result = action();
    let took = match &result {
        Ok(_) => format!("{:>7.1} s", start.elapsed().as_secs_f64()),
        Err(_) => "   FAILED".to_owned(),
    };
    if terminal {
        say(&took);
    } else {
        say(&format!("  {title:<58}{took}"));
    }
    result
}
