//! The catalogue read whole, as of one moment.

use diesel::prelude::*;
use intake_types::TokenHash;
use intake_types::catalog::{Account, Catalog, Database, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::schema::{accounts, databases, resources, tokens};
use crate::{Error, Store};

impl Store {
    /// The catalogue as of now, with the tokens that are not revoked.
    pub async fn catalog(&self) -> Result<Catalog, Error> {
        self.run(|connection| connection.build_transaction().read_only().repeatable_read().run(load)).await
    }
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
