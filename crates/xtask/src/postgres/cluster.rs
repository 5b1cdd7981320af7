//! The files of the private PostgreSQL: where they lie, who owns them, and how they come into being.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{USER, installed, orphans};
use crate::checkout::Checkout;
use crate::{daemon, packages, run, steps};

/// A data directory and the user that may touch it.
pub(super) struct Cluster {
    /// `.dev/postgres`, or below `/var/tmp` where the server's user could not reach that.
    home: PathBuf,
    data: PathBuf,
    /// Set when this command runs as root, which PostgreSQL refuses to do.
    owner: Option<Owner>,
}

#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Cluster {
    pub(super) fn of(checkout: &Checkout) -> Self {
        let owner = if packages::is_root() { Owner::find() } else { None };
        let inside = checkout.dev.join("postgres");
        let reachable = owner.is_none_or(|owner| owner.can_enter(&checkout.dev));
        let home = if reachable { inside } else { Path::new("/var/tmp").join(&checkout.key) };
        Self { data: home.join("data"), home, owner }
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// A command that runs as the cluster's owner, in a directory that this user can enter.
    pub(super) fn command(&self, program: &Path) -> Result<Command> {
        let mut command = Command::new(program);
        command.current_dir("/");
        match self.owner {
            Some(owner) => command.uid(owner.user).gid(owner.group),
            None if packages::is_root() => {
                bail!(
                    "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it"
                )
            }
            None => &mut command,
        };
        Ok(command)
    }

    /// Removes a cluster whose password is not known: nobody can use it any more. It is that of a checkout that was at
    /// this path before, where the data had to be kept elsewhere.
    pub(super) fn discard(&self) -> Result<()> {
        if !self.data.exists() {
            return Ok(());
        }
        let running = orphans(&self.data);
        ensure!(
            running.is_empty(),
            "a PostgreSQL of an earlier checkout still works in {}: {running:?}. End it first",
            self.data.display()
        );
        steps::step("remove the PostgreSQL data of an earlier checkout", || remove(&self.data))
    }

    /// Makes sure that there is a cluster. Returns the directory of the programs that fit it.
    pub(super) fn prepare(&self, checkout: &Checkout, password: &str) -> Result<PathBuf> {
        let bins = installed();
        let Ok(version) = fs::read_to_string(self.data.join("PG_VERSION")) else {
            let bin = bins.first().context("PostgreSQL is not installed")?;
            steps::step("create a PostgreSQL cluster", || self.create(checkout, bin, password))?;
            return Ok(bin.clone());
        };
        let version = version.trim();
        let fits = |bin: &&PathBuf| {
            let said = run::output(Command::new(bin.join("postgres")).arg("--version")).unwrap_or_default();
            said.split_whitespace().any(|word| word.split('.').next() == Some(version))
        };
        bins.iter().find(fits).cloned().with_context(|| {
            format!(
                "{} was made by PostgreSQL {version}, which is not installed.\n\
                 Install postgresql-{version}, or start afresh: cargo xtask down --wipe",
                self.data.display()
            )
        })
    }

    fn create(&self, checkout: &Checkout, bin: &Path, password: &str) -> Result<()> {
        self.make_home(checkout)?;
        // Under another name until it is complete: an initdb that was killed leaves nothing that looks like a cluster.
        let fresh = self.home.join("data.new");
        let secret = self.home.join("password.new");
        remove(&fresh)?;
        crate::memory::write_private(&secret, password)?;
        if let Some(owner) = self.owner {
            chown(&secret, Some(owner.user), Some(owner.group))?;
        }
        let result = run::logged(
            self.command(&bin.join("initdb"))?
                .arg("-D")
                .arg(&fresh)
                .args(["--username", USER, "--auth", "scram-sha-256", "--pwfile"])
                .arg(&secret)
                .args(["--encoding", "UTF8", "--locale", "C.UTF-8"]),
            &checkout.log("initdb"),
        );
        fs::remove_file(&secret)?;
        result?;
        fs::rename(&fresh, &self.data).context("cannot name the new cluster")
    }

    fn make_home(&self, checkout: &Checkout) -> Result<()> {
        let home = self.home.display();
        match DirBuilder::new().mode(0o700).create(&self.home) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => other.with_context(|| format!("cannot create {home}"))?,
        }
        if let Some(owner) = self.owner {
            // Anybody may create names in /var/tmp: a directory that somebody else prepared is not ours to use.
            let found = fs::symlink_metadata(&self.home)?;
            ensure!(
                found.is_dir() && (found.uid() == owner.user || found.uid() == 0),
                "{home} belongs to somebody else; remove it"
            );
            chown(&self.home, Some(owner.user), Some(owner.group))?;
        }
        let inside = checkout.dev.join("postgres");
        if self.home != inside {
            // A signpost for people. A copied checkout brings that of the original along: replaced.
            let _ = fs::remove_file(&inside);
            symlink(&self.home, &inside).with_context(|| format!("cannot link {}", inside.display()))?;
        }
        Ok(())
    }

    /// Removes a `postmaster.pid` that names a process of somebody else: after a crash the number may have been
    /// given to another process, and PostgreSQL then refuses to start. All other cases it decides better itself.
    pub(super) fn clear_stale_pid(&self) -> Result<()> {
        for _ in 0..100 {
            if orphans(&self.data).is_empty() {
                break;
            }
            // Children of a killed postmaster notice within moments.
            thread::sleep(run::TICK.max(Duration::from_millis(100)));
        }
        let orphans = orphans(&self.data);
        ensure!(
            orphans.is_empty(),
            "processes of an earlier PostgreSQL still work in {}: {orphans:?}. Wait until they end, or end them",
            self.data.display()
        );
        let file = self.data.join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
        let pid = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok());
        let ours = pid.is_some_and(|pid| daemon::has_argument(pid, &self.data.display().to_string()));
        if !ours {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        Ok(())
    }

    pub(super) fn wipe(&self, checkout: &Checkout) -> Result<()> {
        remove(&self.home)?;
        let inside = checkout.dev.join("postgres");
        if inside.is_symlink() {
            fs::remove_file(&inside)?;
        }
        Ok(())
    }
}

impl Owner {
    fn find() -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").ok()?;
        ["postgres", "nobody"].iter().find_map(|name| {
            let mut fields =
                users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?;
            let user = fields.nth(2)?.parse().ok()?;
            Some(Self { user, group: fields.next()?.parse().ok()? })
        })
    }

    /// Whether this user can pass through all directories down to this one.
    fn can_enter(self, directory: &Path) -> bool {
        run::succeeds(
            Command::new("test").uid(self.user).gid(self.group).current_dir("/").arg("-x").arg(directory),
        )
    }
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}
