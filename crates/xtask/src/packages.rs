//! What the machine lacks: packages of a Debian or Ubuntu, installed by apt.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::checkout::Checkout;
use crate::{faketime, postgres, rabbitmq, run, steps};

/// The script that runs as root; its output goes to `.dev/log/apt.log`.
const INSTALL: &str = include_str!("install.sh");

/// What the distribution has to provide.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) postgres: bool,
    pub(crate) rabbitmq: bool,
    /// For tests in which a process is wrong about the time.
    pub(crate) faketime: bool,
}

/// Installs what is missing. libpq is always wanted, for diesel links it, and make, which builds the worker's allocator.
pub(crate) fn ensure_installed(checkout: &Checkout, wanted: Wanted) -> Result<()> {
    let mut missing = Vec::new();
    if !has_libpq() {
        missing.push("libpq-dev");
    }
    if !run::succeeds(Command::new("make").arg("--version")) {
        missing.push("make");
    }
    if wanted.postgres && postgres::installed().is_empty() {
        missing.push("postgresql");
    }
    if wanted.rabbitmq && !rabbitmq::is_installed() {
        missing.push("rabbitmq-server");
    }
    if wanted.faketime && faketime::installed().is_none() {
        missing.push("libfaketime");
    }
    if missing.is_empty() {
        return Ok(());
    }
    steps::step(&format!("install {} (apt)", missing.join(", ")), || install(checkout, &missing))
}

fn install(checkout: &Checkout, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    ensure!(
        run::succeeds(Command::new("apt-get").arg("--version")),
        "these are missing and there is no apt to install them: {list} (Debian's names).\n\
         Install their counterparts, or set DATABASE_URL and AMQP_URL to servers that run elsewhere"
    );
    let mut command = if is_root() {
        Command::new("sh")
    } else if run::succeeds(Command::new("sudo").arg("--version")) {
        // sudo asks for the password on the terminal itself, so the log does not swallow the question.
        let mut sudo = Command::new("sudo");
        sudo.arg("sh");
        sudo
    } else {
        bail!("not root, and there is no sudo. As root, run: apt-get install {list}")
    };
    run::logged(command.args(["-c", INSTALL, "install.sh"]).args(packages), &checkout.log("apt")).map_err(
        |error| error.context(format!("cannot install {list}; try it by hand: apt-get install {list}")),
    )
}

/// Whether this process may do everything: PostgreSQL will not run as such a user, apt only does.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn has_libpq() -> bool {
    // The header, not pg_config: postgresql-common brings one of its own, without the library.
    let debian = "/usr/include/postgresql/libpq-fe.h";
    std::path::Path::new(debian).exists()
        || (!std::path::Path::new("/etc/debian_version").exists()
            && run::succeeds(Command::new("pg_config").arg("--libdir")))
}
