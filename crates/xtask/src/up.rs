//! `cargo xtask up`: from nothing to a running Intake with a few profiles in it.

use std::thread;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::daemon::Daemon;
use crate::packages::Wanted;
use crate::postgres::Postgres;
use crate::rabbitmq::RabbitMq;
use crate::servers::{self, Plan, Servers};
use crate::services::{self, Services, Settings, TOKEN};
use crate::{lease, run, signals, steps};

/// Command line options.
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) detach: bool,
    pub(crate) no_docker: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 8080, detach: false, no_docker: false }
    }
}

/// Starts everything, and unless detached stops it again at the end.
pub(crate) fn up(checkout: &Checkout, options: &Options) -> Result<()> {
    let _foreground = lease::foreground(checkout)?.context(
        "`cargo xtask up` runs already in another terminal: Ctrl-C there, or `cargo xtask down`, ends it",
    )?;
    let services = Services::of(checkout)?;
    if services.gateway.pid().is_none() {
        services::ensure_free(options.port)?;
    }
    let plan = Plan::make(checkout, options.no_docker, Wanted::default())?;
    services::build(checkout)?;
    // An earlier `up --detach` is replaced: its programs were built from older sources.
    services.stop()?;
    services::ensure_free(options.port)?;
    servers::attach(checkout)?;

    let servers = plan.start(checkout)?;
    let result = start(checkout, options, &servers, &services);
    if result.is_ok() && options.detach {
        steps::say("Everything keeps running. To stop it: cargo xtask down");
        return servers.detach(checkout);
    }
    let result = result.and_then(|()| stay(checkout, &services));
    let stopped = services.stop().map(|_| ());
    result.and(stopped).and(servers.release(checkout))
}

fn start(checkout: &Checkout, options: &Options, servers: &Servers, services: &Services) -> Result<()> {
    let settings = Settings::new(checkout, servers, options.port)?;
    settings.write(checkout)?;
    settings.prepare_database(checkout)?;
    services.start(checkout, &settings)?;
    settings.import_sample(checkout)?;
    steps::say(&invitation(&settings.url()));
    Ok(())
}

fn invitation(url: &str) -> String {
    format!(
        "\nIntake listens on {url}. Logs: .dev/log/gateway.log, .dev/log/worker.log. In another terminal, try:\n\n\
         \x20 . .dev/env\n\
         \x20 # import a batch (the same in XML: seed.xml, with application/xml); wait for its result\n\
         \x20 curl -sS $INTAKE_URL/api/v1.1/profiles/import_batch -H 'Prefer: wait=10' \\\n\
         \x20   -H 'Content-Type: application/json' --data-binary @deploy/demo/seed.json\n\
         \x20 # without `Prefer` it answers 202 and a job_id: follow it at /jobs/<job_id> and /jobs/<job_id>/results\n\
         \x20 curl -sS $INTAKE_URL/api/v1.1/jobs/<job_id> -H \"Authorization: Bearer $INTAKE_TOKEN\"\n\
         \x20 # a profile, read back\n\
         \x20 curl -sS $INTAKE_URL/api/v1.1/profiles/get -H 'Content-Type: application/json' \\\n\
         \x20   -d '{{\"token\":\"{TOKEN}\",\"db_id\":1,\"matching\":\"email\",\"email\":\"example@example.com\"}}'\n"
    )
}

/// Waits for Ctrl-C, or for one of the processes to die.
fn stay(checkout: &Checkout, services: &Services) -> Result<()> {
    steps::say("Ctrl-C stops everything.");
    let (postgres, rabbitmq) = (Postgres::of(checkout).daemon, RabbitMq::of(checkout).daemon);
    let candidates = [&services.gateway, &services.worker, &postgres, &rabbitmq];
    // The servers only where they are private ones.
    let watched: Vec<&Daemon> = candidates.into_iter().filter(|daemon| daemon.pid().is_some()).collect();
    while !signals::interrupted() {
        if let Some(dead) = watched.iter().find(|daemon| daemon.pid().is_none()) {
            if dead.was_stopped() {
                steps::say("Stopped by another command.");
                return Ok(());
            }
            bail!("the {} has ended unexpectedly\n{}", dead.name, run::tail(&dead.log));
        }
        thread::sleep(run::TICK * 4);
    }
    steps::say("");
    Ok(())
}
