//! Who uses the private servers. `up` and `test` may run side by side; the last one to end stops the servers.

use std::fs::{File, OpenOptions};

use anyhow::{Context, Result};

use crate::checkout::Checkout;

/// A share in the servers of one checkout. File locks, because the kernel gives them back whatever happens
/// to the process.
pub(crate) struct Lease {
    users: File,
}

impl Lease {
    /// Takes a share; waits while the last user before is stopping the servers.
    pub(crate) fn take(checkout: &Checkout) -> Result<Self> {
        let users = lock_file(checkout, "users")?;
        users.lock_shared().context("cannot lock .dev/run/users.lock")?;
        Ok(Self { users })
    }

    /// Gives the share back. `Some` if nobody else holds one; then nobody takes one until the file is dropped.
    pub(crate) fn give_back(self) -> Result<Option<File>> {
        self.users.unlock().context("cannot unlock .dev/run/users.lock")?;
        Ok(self.users.try_lock().is_ok().then_some(self.users))
    }
}

/// Waits for the right to start or stop servers, which one command has at a time, until the file is dropped.
pub(crate) fn turn(checkout: &Checkout) -> Result<File> {
    let file = lock_file(checkout, "turn")?;
    file.lock().context("cannot lock .dev/run/turn.lock")?;
    Ok(file)
}

/// Held by an `up` in the foreground; `None` if another one holds it.
pub(crate) fn foreground(checkout: &Checkout) -> Result<Option<File>> {
    let file = lock_file(checkout, "up")?;
    Ok(file.try_lock().is_ok().then_some(file))
}

fn lock_file(checkout: &Checkout, name: &str) -> Result<File> {
    let path = checkout.dev.join("run").join(format!("{name}.lock"));
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))
}
