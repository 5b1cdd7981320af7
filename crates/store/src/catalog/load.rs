//! The catalogue read whole, as of one moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use intake_types::TokenHash;
use intake_types::catalog::{Account, Catalog, Database, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::schema::{accounts, catalog_version, databases, resources, tokens};
use crate::{Error, Store};

/// How long a catalogue is kept at most: a database that was put back to where it stood before counts the same versions again.
const KEPT: Duration = Duration::from_mins(1);

/// The catalogue as it was last read, for as long as it is the same.
#[derive(Debug, Default)]
pub(crate) struct LastCatalog(Mutex<Option<Known>>);

#[derive(Debug, Clone)]
struct Known {
    version: i64,
    catalog: Arc<Catalog>,
    read_at: Instant,
}

impl LastCatalog {
    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalogue as of now, read again only where it has changed. Not for use in a transaction.
    pub(crate) fn current(&self, connection: &mut PgConnection) -> Result<Arc<Catalog>, Error> {
        let known = self.lock().clone().filter(|known| known.read_at.elapsed() < KEPT);
        if let Some(known) = known
            && known.version == version(connection)?
        {
            return Ok(known.catalog);
        }
        let read_at = Instant::now();
        let (version, catalog) = connection
            .build_transaction()
            .read_only()
            .repeatable_read()
            .run(|connection| Ok::<_, Error>((version(connection)?, load(connection)?)))?;
        let catalog = Arc::new(catalog);
        *self.lock() = Some(Known { version, catalog: Arc::clone(&catalog), read_at });
        Ok(catalog)
    }
}

impl Store {
    /// The catalogue as of now, with the tokens that are not revoked.
    pub async fn catalog(&self) -> Result<Arc<Catalog>, Error> {
        let last = Arc::clone(&self.catalog);
        self.run(move |connection| last.current(connection)).await
    }
}

fn version(connection: &mut PgConnection) -> Result<i64, Error> {
    Ok(catalog_version::table.select(catalog_version::version).first(connection)?)
}

/// Reads the catalogue; the caller's transaction makes it one moment.
pub(super) fn load(connection: &mut PgConnection) -> Result<Catalog, Error> {
    let mut catalog = Catalog::default();
    for definition in databases::table.select(databases::definition).load::<Value>(connection)? {
        let database: Database = read(definition)?;
        catalog.databases.insert(database.id, database);
    }
    for definition in resources::table.select(resources::definition).load::<Value>(connection)? {
        let resource: Resource = read(definition)?;
        catalog.resources.insert(resource.id, resource);
    }
    for definition in accounts::table.select(accounts::definition).load::<Value>(connection)? {
        let account: Account = read(definition)?;
        catalog.accounts.insert(account.name.clone(), account);
    }
    let live = tokens::table.filter(tokens::revoked_at.is_null()).select((tokens::hash, tokens::account));
    for (hash, account) in live.load::<(Vec<u8>, String)>(connection)? {
        catalog.tokens.insert(token_hash(hash)?, account);
    }
    Ok(catalog)
}

fn read<T: DeserializeOwned>(definition: Value) -> Result<T, Error> {
    serde_json::from_value(definition).map_err(|_unfit| Error::Unreadable("a definition in the catalogue"))
}

fn token_hash(bytes: Vec<u8>) -> Result<TokenHash, Error> {
    bytes.try_into().map(TokenHash).map_err(|_bytes| Error::Unreadable("a token's hash"))
}
