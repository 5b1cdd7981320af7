//! Intake's own processes: built from this checkout, then gateway and worker as daemons, `intake` as a tool.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::checkout::Checkout;
use crate::daemon::Daemon;
use crate::memory::{self, Memory};
use crate::servers::Servers;
use crate::{health, lease, ports, run, steps};

/// The token of account "demo" in `deploy/demo/catalog.yaml`.
pub(crate) const TOKEN: &str = "abcdefghijklmnqrstuvwxyz";

const CATALOG: &str = "deploy/demo/catalog.yaml";
const SAMPLE: &str = "deploy/demo/sample.json";
const WORKER_PORT: &str = "worker.port";
const JOB_KEY: &str = "job_key";

/// Gateway and worker of this checkout.
pub(crate) struct Services {
    pub(crate) gateway: Daemon,
    pub(crate) worker: Daemon,
}

/// The environment that all of Intake's processes get.
pub(crate) struct Settings {
    database_url: String,
    amqp_url: String,
    job_key: String,
    gateway_port: u16,
    worker_port: u16,
}

/// Fails while another program listens where the gateway should.
pub(crate) fn ensure_free(port: u16) -> Result<()> {
    let other = port.checked_add(10).unwrap_or(8090);
    ensure!(
        ports::is_free(port),
        "port {port} of 127.0.0.1 is taken by another program. \
         Stop that one, or choose another port: cargo xtask up --port {other}"
    );
    Ok(())
}

/// Builds the three programs: the development profile, which starts soonest. Speed is measured with `--release`.
pub(crate) fn build(checkout: &Checkout) -> Result<()> {
    steps::step("build gateway, worker and intake (the first time: minutes)", || {
        let packages =
            ["intake-gateway", "intake-worker", "intake-cli"].map(|name| format!("--package={name}"));
        run::logged(run::cargo(&checkout.root).arg("build").args(packages), &checkout.log("build"))
    })
}

impl Settings {
    pub(crate) fn new(checkout: &Checkout, servers: &Servers, gateway_port: u16) -> Result<Self> {
        let mut memory = Memory::load(checkout)?;
        Ok(Self {
            database_url: servers.database_url.clone(),
            amqp_url: servers.amqp_url.clone(),
            job_key: memory.secret(JOB_KEY)?,
            gateway_port,
            worker_port: ports::choose(&mut memory, WORKER_PORT, &checkout.key)?,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }

    /// Writes `.dev/env`, for shells.
    pub(crate) fn write(&self, checkout: &Checkout) -> Result<()> {
        let Self { database_url, amqp_url, .. } = self;
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let text = format!(
            "# Written by `cargo xtask up`. For a shell: . .dev/env\n\
             export INTAKE_URL={}\nexport INTAKE_TOKEN={TOKEN}\nexport DATABASE_URL={}\nexport AMQP_URL={}\n",
            quoted(&self.url()),
            quoted(database_url),
            quoted(amqp_url),
        );
        memory::write_private(&checkout.dev.join("env"), &text)
    }

    fn command(&self, checkout: &Checkout, program: &str) -> Result<Command> {
        let mut command = Command::new(program_path(program)?);
        command
            .current_dir(&checkout.root)
            .env("DATABASE_URL", &self.database_url)
            .env("AMQP_URL", &self.amqp_url)
            // As deploy/Dockerfile has it.
            .env("MALLOC_ARENA_MAX", "2")
            .env("INTAKE_JOB_KEY", &self.job_key)
            .env("INTAKE_URL", self.url())
            .env("INTAKE_TOKEN", TOKEN)
            .env("INTAKE_LISTEN", format!("127.0.0.1:{}", self.gateway_port))
            .env("INTAKE_WORKER_LISTEN", format!("127.0.0.1:{}", self.worker_port));
        // The developer's own choice counts; otherwise what is best read by people.
        for (name, value) in [("INTAKE_LOG", "info"), ("INTAKE_LOG_FORMAT", "pretty")] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        Ok(command)
    }

    /// `intake migrate` and the demo catalogue.
    pub(crate) fn prepare_database(&self, checkout: &Checkout) -> Result<()> {
        steps::step("migrate the database", || self.intake(checkout, "migrate", &["migrate"]))?;
        steps::step(&format!("apply {CATALOG}"), || {
            self.intake(checkout, "catalog", &["catalog", "apply", CATALOG]).map_err(advise)
        })
    }

    /// Imports the sample and waits until it is applied.
    pub(crate) fn import_sample(&self, checkout: &Checkout) -> Result<()> {
        steps::step(&format!("import {SAMPLE}"), || {
            self.intake(checkout, "import", &["import", SAMPLE, "--wait"])
        })
    }

    fn intake(&self, checkout: &Checkout, log: &str, arguments: &[&str]) -> Result<()> {
        run::logged(self.command(checkout, "intake")?.args(arguments), &checkout.log(log))
    }
}

impl Services {
    pub(crate) fn of(checkout: &Checkout) -> Result<Self> {
        let daemon = |name, program| -> Result<Daemon> {
            let mark = program_path(program)?.display().to_string();
            Ok(Daemon::new(checkout, name, mark, Signal::TERM))
        };
        Ok(Self { gateway: daemon("gateway", "intake-gateway")?, worker: daemon("worker", "intake-worker")? })
    }

    /// Starts both and waits until they say that they are ready.
    pub(crate) fn start(&self, checkout: &Checkout, settings: &Settings) -> Result<()> {
        let _turn = lease::turn(checkout)?;
        let both = [
            (&self.gateway, "intake-gateway", settings.gateway_port),
            (&self.worker, "intake-worker", settings.worker_port),
        ];
        for (daemon, program, port) in both {
            steps::step(&format!("start the {} on port {port}", daemon.name), || {
                daemon.start(&mut settings.command(checkout, program)?)?;
                daemon.wait_until(Duration::from_mins(1), || health::is_ready(port))
            })?;
        }
        Ok(())
    }

    /// Stops what runs of the two, the entrance first. Returns the names.
    pub(crate) fn stop(&self) -> Result<Vec<&'static str>> {
        let mut stopped = Vec::new();
        for daemon in [&self.gateway, &self.worker] {
            // Twice the services' own deadline for finishing what they hold.
            let runs = daemon.pid().is_some();
            let stop = || daemon.stop(Duration::from_mins(1));
            if runs && steps::finish(&format!("stop the {}", daemon.name), stop)? {
                stopped.push(daemon.name);
            }
        }
        Ok(stopped)
    }
}

/// Says what to do where the catalogue contradicts the one that is stored.
fn advise(error: anyhow::Error) -> anyhow::Error {
    if error.to_string().contains("is refused, nothing was changed") {
        return error.context(
            "the demo catalogue does not fit the data that is there: `cargo xtask down --wipe` removes it, then try again",
        );
    }
    error
}

/// Where cargo put a program: next to this one.
fn program_path(program: &str) -> Result<PathBuf> {
    let own =
        std::env::current_exe().and_then(fs::canonicalize).context("cannot find the target directory")?;
    Ok(own.with_file_name(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_that_does_not_fit_is_told_with_what_to_do() {
        let log = "`intake catalog apply`: exit status: 1\nerror: deploy/demo/catalog.yaml is refused, nothing was changed";
        assert!(format!("{:#}", advise(anyhow::anyhow!(log))).contains("cargo xtask down --wipe"));
        let away = advise(anyhow::anyhow!("`intake catalog apply`: exit status: 1\nerror: not connected"));
        assert!(!format!("{away:#}").contains("wipe"));
    }
}
