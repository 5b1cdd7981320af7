//! Ctrl-C, SIGTERM and a closed terminal: remembered, so that whatever was started is also stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Turns the three signals into a flag. The second Ctrl-C ends the command at once, whatever it is doing.
pub(crate) fn install() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the first signal finds the flag unset, and only then is it set.
        flag::register_conditional_shutdown(signal, 130, INTERRUPTED.clone())
            .and_then(|_| flag::register(signal, INTERRUPTED.clone()))
            .context("cannot install a signal handler")?;
    }
    Ok(())
}

/// Whether the command was asked to end.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails when the command was asked to end: called between steps and while waiting.
pub(crate) fn check() -> Result<()> {
    ensure!(!interrupted(), "stopped by a signal");
    Ok(())
}
