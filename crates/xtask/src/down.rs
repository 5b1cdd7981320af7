//! `cargo xtask down`: stops what was started in this checkout, by `up` or by a soak or bench that was killed, and nothing else.

use std::fs;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::services::Services;
use crate::{bench, servers, soak, steps};

/// Command line options.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    pub(crate) wipe: bool,
}

pub(crate) fn down(checkout: &Checkout, options: Options) -> Result<()> {
    let mut stopped = Services::of(checkout)?.stop()?;
    stopped.extend(servers::stop_all(checkout, options.wipe)?);
    if soak::clear(checkout)? {
        stopped.push("the servers of a soak");
    }
    if bench::clear(checkout)? {
        stopped.push("the servers of a bench");
    }
    let _ = fs::remove_file(checkout.dev.join("env"));
    if stopped.is_empty() {
        steps::say("Nothing was running.");
    }
    if options.wipe {
        fs::remove_dir_all(&checkout.dev).context("cannot remove .dev")?;
        steps::say("Data, ports and passwords of this checkout are removed.");
    } else {
        steps::say("The data is kept; `cargo xtask down --wipe` removes it.");
    }
    Ok(())
}
