//! The pool that is in use. Another one takes its place when one of its connections carries nothing any more, as the others are
//! likely to be like it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::PgConnection;
use diesel::r2d2::{ConnectionManager, NopErrorHandler, Pool};
use secrecy::{ExposeSecret as _, SecretString};

use super::Session;
use crate::Config;

type Connections = Pool<ConnectionManager<PgConnection>>;

pub(super) struct Current {
    config: Config,
    conninfo: SecretString,
    pool: Mutex<(u64, Connections)>,
}

impl fmt::Debug for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = self.lock();
        formatter.debug_tuple("Current").field(&pool.0).field(&pool.1.state()).finish()
    }
}

impl Current {
    pub(super) fn new(config: &Config, conninfo: &SecretString) -> Self {
        let pool = Mutex::new((0, open(config, conninfo)));
        Self { config: config.clone(), conninfo: conninfo.clone(), pool }
    }

    /// The pool, and which one it is.
    pub(super) fn get(&self) -> (u64, Connections) {
        self.lock().clone()
    }

    /// Opens another one, unless that was done since this one was given out. Connections of the old one end when they come
    /// back to it.
    pub(super) fn replace(&self, generation: u64) {
        let mut pool = self.lock();
        if pool.0 == generation {
            tracing::warn!("the database does not answer in time: all connections to it are made anew");
            *pool = (generation + 1, open(&self.config, &self.conninfo));
        }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Connections)> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(config: &Config, conninfo: &SecretString) -> Connections {
    Pool::builder()
        .max_size(config.database_pool)
        .min_idle(Some(0))
        .test_on_check_out(true)
        .connection_timeout(config.connect_timeout())
        .connection_customizer(Box::new(Session::of(config)))
        // The error that a caller gets carries the reason; a log line per background attempt would only repeat it.
        .error_handler(Box::new(NopErrorHandler))
        .build_unchecked(ConnectionManager::new(conninfo.expose_secret()))
}
