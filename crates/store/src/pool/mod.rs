//! The way into the database: a bounded pool, and the one place where queries leave the async world.

mod current;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::r2d2::CustomizeConnection;
use diesel::sql_types::Double;
use diesel::{Connection, PgConnection, RunQueryDsl as _};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{Instrument as _, Span};

use self::current::Current;

use crate::catalog::LastCatalog;
use crate::prepared::prepared;
use crate::{Config, Error, Retention, conninfo};

const END_LOST_COPIES: &str = "\
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND usename = current_user \
        AND application_name = current_setting('application_name') \
        AND state = 'active' AND wait_event = 'ClientRead' AND query LIKE 'COPY %' \
        AND query_start < clock_timestamp() - make_interval(secs => $1)";

/// Of what was under way.
const STOPPED: Error = Error::Interrupted("the process is shutting down");

/// The database. Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct Store {
    pool: Arc<Current>,
    /// As many as connections, taken before a blocking thread is: else those would queue up behind the pool.
    permits: Arc<Semaphore>,
    conninfo: SecretString,
    call_timeout: Duration,
    retention: Retention,
    pub(crate) catalog: Arc<LastCatalog>,
    /// Whether jobs that were applied together wanted to claim values that others carry, the last time: the next ones may, too.
    pub(crate) meets_others: Arc<AtomicBool>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl Store {
    /// Takes the configuration and connects to nothing yet; so a service can start while the database is down.
    pub fn open(config: &Config) -> Self {
        let conninfo = bounded(config);
        let permits = usize::try_from(config.database_pool).unwrap_or(1);
        Self {
            pool: Arc::new(Current::new(config, &conninfo)),
            permits: Arc::new(Semaphore::new(permits)),
            conninfo,
            call_timeout: config.call_timeout(),
            retention: config.retention.in_order(),
            catalog: Arc::default(),
            meets_others: Arc::default(),
        }
    }

    /// How long what is known of jobs is kept.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.run(|connection| Ok(connection.batch_execute("SELECT 1")?)).await
    }

    /// Runs a query on a pooled connection, on a thread that may block.
    ///
    /// A caller that stops waiting does not stop the query: it ends by itself or by its time limits, and only then
    /// does its connection serve again. One that does not even end by those waits for a connection over which nothing comes,
    /// and which something between here and the server keeps open: it is left alone, with its thread, and others go on with
    /// new connections. Whether it was committed is not known then.
    pub(crate) async fn run<T, F>(&self, query: F) -> Result<T, Error>
    where
        F: FnOnce(&mut PgConnection) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return Err(Error::Interrupted("the pool is closed"));
        };
        let (store, (generation, pool)) = (self.clone(), self.pool.get());
        let call = blocking(move || query(&mut *pool.get()?));
        let watched = async move {
            let _permit = permit;
            if let Ok(result) = timeout(store.call_timeout, call).await {
                return result;
            }
            store.pool.replace(generation);
            Err(Error::Interrupted("no answer in time"))
        };
        // Apart, so that it is seen to whoever waits for it; in the span of whoever asked.
        tokio::spawn(watched.in_current_span()).await.unwrap_or(Err(STOPPED))
    }

    /// Ends connections of this program, of whichever of its processes, that have waited for the rest of a COPY for longer than
    /// any call may take: whoever was to send it is gone or stands still, and holds what it has locked. PostgreSQL applies
    /// none of the limits that a session has while it waits for that. How many it has ended.
    pub async fn end_lost_copies(&self) -> Result<usize, Error> {
        let longest = self.call_timeout.as_secs_f64();
        self.run(move |connection| {
            Ok(prepared(END_LOST_COPIES).bind::<Double, _>(longest).execute(connection)?)
        })
        .await
    }

    /// Runs something on a connection of its own without any time limit, for work on the schema
    /// and on the catalogue, which may have to look through whole tables.
    pub(crate) async fn run_apart<T, F>(&self, work: F) -> Result<T, Error>
    where
        F: FnOnce(&mut PgConnection) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        let conninfo = self.conninfo.clone();
        blocking(move || work(&mut PgConnection::establish(conninfo.expose_secret())?)).await
    }
}

async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    F: FnOnce() -> Result<T, Error> + Send + 'static,
    T: Send + 'static,
{
    let span = Span::current();
    #[expect(clippy::disallowed_methods, reason = "the one place where queries leave the async world")]
    let task = tokio::task::spawn_blocking(move || span.in_scope(work));
    match task.await {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(Error::Panicked),
        Err(_) => Err(STOPPED),
    }
}

/// The connection string with limits on what the network may do: without them a cut line holds a thread for minutes.
/// What the operator wrote in the string wins. <https://www.postgresql.org/docs/15/libpq-connect.html>
fn bounded(config: &Config) -> SecretString {
    let idle = config.database_idle_timeout;
    let defaults = [
        ("connect_timeout", config.database_connect_timeout.max(2).to_string()),
        ("keepalives_idle", (idle / 2).max(1).to_string()),
        ("keepalives_interval", (idle / 6).max(1).to_string()),
        ("keepalives_count", "3".to_owned()),
        ("tcp_user_timeout", (u64::from(idle) * 1000).to_string()),
        ("fallback_application_name", application_name()),
    ];
    let conninfo = config.database_url.expose_secret().to_owned();
    defaults
        .iter()
        .fold(conninfo, |conninfo, (key, value)| conninfo::with_default(&conninfo, key, value))
        .into()
}

/// The name of this program, as `pg_stat_activity` shows it.
fn application_name() -> String {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(|path| path.file_stem()).and_then(|name| name.to_str());
    let plain =
        |name: &&str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    name.filter(plain).unwrap_or("intake").to_owned()
}

/// Where diesel hides the SQLSTATE, errors are told apart by their English texts, so those are asked for. Only a role that
/// was granted it may (`GRANT SET ON PARAMETER lc_messages`); on a server that speaks English it need not.
const ENGLISH: &str =
    "SELECT set_config('lc_messages', 'C', false) WHERE has_parameter_privilege('lc_messages', 'SET')";

/// What every pooled connection is told once: its limits, and how to plan. Prepared statements keep their plans for long; one
/// that was planned while a table was small must not go through it whole when it has grown. Whatever has no index to go by
/// still does.
#[derive(Debug)]
struct Session {
    statement: String,
}

impl Session {
    fn of(config: &Config) -> Self {
        let (statement, lock, idle) =
            (config.database_statement_timeout, config.database_lock_timeout, config.database_idle_timeout);
        let statement = format!(
            "SELECT set_config('statement_timeout', '{statement}s', false), \
                    set_config('lock_timeout', '{lock}s', false), \
                    set_config('idle_in_transaction_session_timeout', '{idle}s', false), \
                    set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)"
        );
        Self { statement }
    }
}

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for Session {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        let _best_effort = connection.batch_execute(ENGLISH);
        connection.batch_execute(&self.statement).map_err(diesel::r2d2::Error::QueryError)
    }
}

#[cfg(test)]
mod tests;
