//! The servers of `docker-compose.yml`, where a Docker engine answers: a project of this checkout's own, on free ports.

use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::memory::Memory;
use crate::{ports, run, steps};

const POSTGRES_PORT: &str = "compose.postgres_port";
const RABBITMQ_PORT: &str = "compose.rabbitmq_port";
/// Remembered while containers of this checkout exist; holds nothing else.
const USED: &str = "compose.used";

/// Whether `docker compose` is there with an engine behind it.
pub(crate) fn answers() -> bool {
    run::succeeds(Command::new("docker").arg("info"))
        && run::succeeds(Command::new("docker").args(["compose", "version"]))
}

/// Makes the named services run and healthy.
pub(crate) fn start(checkout: &Checkout, memory: &mut Memory, services: &[&str]) -> Result<()> {
    for (service, key) in [("postgres", POSTGRES_PORT), ("rabbitmq", RABBITMQ_PORT)] {
        let runs = !run::output(compose(checkout, memory).args(["ps", "-q", "--status", "running", service]))
            .unwrap_or_default()
            .is_empty();
        if services.contains(&service) && !runs {
            ports::choose(memory, key, &checkout.key)?;
        }
    }
    memory.set(USED, "yes")?;
    steps::step(&format!("start {} (Docker Compose)", services.join(", ")), || {
        let mut command = compose(checkout, memory);
        command.args(["up", "--detach", "--wait", "--no-deps"]).args(services);
        run::logged(&mut command, &checkout.log("compose"))
            .context("Docker answers, but cannot start the servers. Without it: --no-docker")
    })
}

/// URLs of the database for `up` and for tests; user, password and database as in docker-compose.yml.
pub(crate) fn database_urls(memory: &Memory) -> Result<(String, String)> {
    let port = ports::remembered(memory, POSTGRES_PORT).context("the port of PostgreSQL is not known")?;
    let url = |database| format!("postgres://intake:intake@127.0.0.1:{port}/{database}");
    Ok((url("intake"), url("postgres")))
}

/// URLs of the broker for `up` and for tests, which get a virtual host of their own.
pub(crate) fn broker_urls(checkout: &Checkout, memory: &Memory) -> Result<(String, String)> {
    let ctl = |arguments: &[&str]| {
        let mut command = compose(checkout, memory);
        run::output(command.args(["exec", "-T", "rabbitmq", "rabbitmqctl", "-q"]).args(arguments))
    };
    if !ctl(&["list_vhosts", "name"])?.lines().any(|name| name == "intake-test") {
        ctl(&["add_vhost", "intake-test"])?;
    }
    ctl(&["set_permissions", "-p", "intake-test", "intake", ".*", ".*", ".*"])?;
    let port = ports::remembered(memory, RABBITMQ_PORT).context("the port of RabbitMQ is not known")?;
    let url = |vhost| format!("amqp://intake:intake@127.0.0.1:{port}/{vhost}");
    Ok((url("intake"), url("intake-test")))
}

/// Stops the containers. Whether there was something to stop.
pub(crate) fn stop(checkout: &Checkout, memory: &mut Memory, wipe: bool) -> Result<bool> {
    if memory.get(USED).is_none() {
        return Ok(false);
    }
    let mut command = compose(checkout, memory);
    // `stop` keeps the containers, so that `--wipe` later still knows of their volumes.
    command.args(if wipe { ["down", "--volumes"].as_slice() } else { ["stop"].as_slice() });
    run::logged(&mut command, &checkout.log("compose")).context("cannot stop the containers")?;
    if wipe {
        memory.forget(USED)?;
    }
    Ok(true)
}

fn compose(checkout: &Checkout, memory: &Memory) -> Command {
    let mut command = Command::new("docker");
    command
        .current_dir(&checkout.root)
        .args(["compose", "--project-name", &checkout.key])
        .env("INTAKE_JOB_KEY", "not used by the servers")
        .env("INTAKE_POSTGRES_PORT", memory.get(POSTGRES_PORT).unwrap_or("0"))
        .env("INTAKE_RABBITMQ_PORT", memory.get(RABBITMQ_PORT).unwrap_or("0"));
    command
}
