//! PostgreSQL and RabbitMQ for `up` and `test`: given by URL, from Docker Compose, or private ones.

use std::env;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::lease::{self, Lease};
use crate::memory::Memory;
use crate::packages::{self, Wanted};
use crate::postgres::Postgres;
use crate::rabbitmq::RabbitMq;
use crate::{compose, steps};

/// Remembered while `up --detach` is in force: then nobody but `down` stops the servers.
const DETACHED: &str = "detached";

/// Where one server comes from.
#[derive(Clone, PartialEq)]
enum Origin {
    Given(String),
    Docker,
    Private,
}

/// The decision, taken before anything is started.
pub(crate) struct Plan {
    database: Origin,
    broker: Origin,
}

/// Running servers.
pub(crate) struct Servers {
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
    /// A superuser's URL: tests create their own databases from it.
    pub(crate) test_database_url: String,
    pub(crate) test_amqp_url: String,
    lease: Lease,
}

impl Plan {
    /// Decides, and installs what the decision needs, and what is wanted besides.
    pub(crate) fn make(checkout: &Checkout, no_docker: bool, besides: Wanted) -> Result<Self> {
        let given =
            |name| env::var_os(name).and_then(|value| value.into_string().ok()).filter(|url| !url.is_empty());
        let (database, broker) = (given("DATABASE_URL"), given("AMQP_URL"));
        let all_given = database.is_some() && broker.is_some();
        let otherwise =
            if !all_given && !no_docker && compose::answers() { Origin::Docker } else { Origin::Private };
        let origin = |url: Option<String>| url.map_or(otherwise.clone(), Origin::Given);
        let plan = Self { database: origin(database), broker: origin(broker) };
        let wanted = Wanted {
            postgres: plan.database == Origin::Private,
            rabbitmq: plan.broker == Origin::Private,
            ..besides
        };
        packages::ensure_installed(checkout, wanted)?;
        Ok(plan)
    }

    /// Makes both servers run. They keep running at least as long as the result lives.
    pub(crate) fn start(self, checkout: &Checkout) -> Result<Servers> {
        let lease = Lease::take(checkout)?;
        match self.start_under(checkout) {
            Ok(((database_url, test_database_url), (amqp_url, test_amqp_url))) => {
                Ok(Servers { database_url, amqp_url, test_database_url, test_amqp_url, lease })
            }
            Err(error) => {
                // One may run although the other did not start.
                stop_if_unused(checkout, lease)?;
                Err(error)
            }
        }
    }

    fn start_under(self, checkout: &Checkout) -> Result<((String, String), (String, String))> {
        let _turn = lease::turn(checkout)?;
        let mut memory = Memory::load(checkout)?;
        let names: Vec<&str> = [("postgres", &self.database), ("rabbitmq", &self.broker)]
            .into_iter()
            .filter_map(|(name, origin)| (*origin == Origin::Docker).then_some(name))
            .collect();
        if !names.is_empty() {
            compose::start(checkout, &mut memory, &names)?;
        }
        let database = match self.database {
            Origin::Given(url) => (url.clone(), url),
            Origin::Docker => compose::database_urls(&memory)?,
            Origin::Private => Postgres::of(checkout).start(checkout, &mut memory)?,
        };
        let broker = match self.broker {
            Origin::Given(url) => (url.clone(), url),
            Origin::Docker => compose::broker_urls(checkout, &memory)?,
            Origin::Private => RabbitMq::of(checkout).start(&mut memory)?,
        };
        Ok((database, broker))
    }
}

impl Servers {
    /// Gives them back: stops what is private to this checkout unless another command or `up --detach` uses it.
    pub(crate) fn release(self, checkout: &Checkout) -> Result<()> {
        stop_if_unused(checkout, self.lease)
    }

    /// Leaves them running until `down`.
    pub(crate) fn detach(self, checkout: &Checkout) -> Result<()> {
        let result = Memory::load(checkout)?.set(DETACHED, "yes");
        // Only now: an earlier end of the lease would let another command stop the servers in between.
        drop(self.lease);
        result
    }
}

/// Lets an `up` in the foreground take over what `up --detach` left running.
pub(crate) fn attach(checkout: &Checkout) -> Result<()> {
    Memory::load(checkout)?.forget(DETACHED)
}

fn stop_if_unused(checkout: &Checkout, lease: Lease) -> Result<()> {
    let Some(_nobody_else) = lease.give_back()? else { return Ok(()) };
    if Memory::load(checkout)?.get(DETACHED).is_some() {
        return Ok(());
    }
    stop_all(checkout, false).map(|_| ())
}

/// Stops all servers of this checkout, whoever started them. Returns the names of those that ran.
pub(crate) fn stop_all(checkout: &Checkout, wipe: bool) -> Result<Vec<&'static str>> {
    let _turn = lease::turn(checkout)?;
    let mut memory = Memory::load(checkout)?;
    memory.forget(DETACHED)?;
    let (postgres, rabbitmq) = (Postgres::of(checkout), RabbitMq::of(checkout));
    let mut stopped = Vec::new();
    if rabbitmq.daemon.pid().is_some() && steps::finish("stop RabbitMQ", || rabbitmq.stop())? {
        stopped.push("RabbitMQ");
    }
    // Also alone, without the broker: after a crash of the broker its name service stays.
    rabbitmq.stop()?;
    if postgres.daemon.pid().is_some() && steps::finish("stop PostgreSQL", || postgres.stop())? {
        stopped.push("PostgreSQL");
    }
    if compose::stop(checkout, &mut memory, wipe).context("see .dev/log/compose.log")? {
        stopped.push("the containers");
    }
    if wipe {
        postgres.wipe(checkout)?;
        rabbitmq.wipe()?;
    }
    Ok(stopped)
}
