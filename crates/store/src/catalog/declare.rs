//! A declaration applied: compare, refuse what would orphan data, write. One transaction, one at a time.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use intake_types::catalog::{Catalog, Change, Declaration};
use serde::Serialize;
use serde_json::Value;

use super::{load, orphans};
use crate::schema::{accounts, databases, resources, tokens};
use crate::{Error, Store};

/// The advisory lock that makes declarations wait for each other; the number says nothing, it only must stay the same.
const LOCK: i64 = 0x0063_6174_616c_6f67;

/// What a token that came with a declaration is called.
const DECLARED: &str = "declared";

impl Store {
    /// Makes the catalogue what a declaration says, or with `dry_run` only tells what that would change.
    ///
    /// # Errors
    /// [`Error::Declaration`] with everything that is wrong: contradictions in the declaration, and changes that would
    /// leave stored data without a definition. An import that runs at the same time may still write such data.
    pub async fn declare(&self, declaration: Declaration, dry_run: bool) -> Result<Vec<Change>, Error> {
        self.run_apart(move |connection| {
            connection.transaction(|connection| declare(connection, &declaration, dry_run))
        })
        .await
    }
}

fn declare(
    connection: &mut PgConnection,
    declaration: &Declaration,
    dry_run: bool,
) -> Result<Vec<Change>, Error> {
    diesel::select(sql::<Bool>("pg_advisory_xact_lock(").bind::<BigInt, _>(LOCK).sql(") IS NOT NULL"))
        .execute(connection)?;
    let current = load::load(connection)?;
    let (target, changes) = current.declare(declaration).map_err(Error::Declaration)?;
    let refusals = orphans::refusals(connection, &changes)?;
    if !refusals.is_empty() {
        return Err(Error::Declaration(refusals));
    }
    if !dry_run && !changes.is_empty() {
        write(connection, &current, &target)?;
    }
    Ok(changes)
}

fn write(connection: &mut PgConnection, current: &Catalog, target: &Catalog) -> Result<(), Error> {
    for (id, database) in target.databases.iter().filter(|(id, new)| current.databases.get(id) != Some(new)) {
        let row = (databases::id.eq(id.0), databases::definition.eq(definition(database)?));
        let upsert = diesel::insert_into(databases::table).values(row.clone()).on_conflict(databases::id);
        upsert.do_update().set(row.1).execute(connection)?;
    }
    for (id, resource) in target.resources.iter().filter(|(id, new)| current.resources.get(id) != Some(new)) {
        let row = (resources::id.eq(id.0), resources::definition.eq(definition(resource)?));
        let upsert = diesel::insert_into(resources::table).values(row.clone()).on_conflict(resources::id);
        upsert.do_update().set(row.1).execute(connection)?;
    }
    for (name, account) in
        target.accounts.iter().filter(|(name, new)| current.accounts.get(*name) != Some(new))
    {
        let row = (accounts::name.eq(name), accounts::definition.eq(definition(account)?));
        let upsert = diesel::insert_into(accounts::table).values(row.clone()).on_conflict(accounts::name);
        upsert.do_update().set(row.1).execute(connection)?;
    }
    for (hash, account) in target.tokens.iter().filter(|(hash, _)| !current.tokens.contains_key(hash)) {
        let row = (tokens::hash.eq(hash.0.to_vec()), tokens::account.eq(account), tokens::label.eq(DECLARED));
        let upsert = diesel::insert_into(tokens::table).values(row).on_conflict(tokens::hash);
        // A revoked token that a declaration names again is live again.
        let again =
            (tokens::account.eq(account), tokens::revoked_at.eq(None::<chrono::DateTime<chrono::Utc>>));
        upsert.do_update().set(again).execute(connection)?;
    }
    remove(connection, current, target)
}

fn remove(connection: &mut PgConnection, current: &Catalog, target: &Catalog) -> Result<(), Error> {
    let gone: BTreeSet<i32> =
        current.databases.keys().filter(|id| !target.databases.contains_key(id)).map(|id| id.0).collect();
    diesel::delete(databases::table.filter(databases::id.eq_any(gone))).execute(connection)?;
    let gone: BTreeSet<i32> =
        current.resources.keys().filter(|id| !target.resources.contains_key(id)).map(|id| id.0).collect();
    diesel::delete(resources::table.filter(resources::id.eq_any(gone))).execute(connection)?;
    // The tokens of an account go with it.
    let gone: BTreeSet<&str> = current
        .accounts
        .keys()
        .filter(|name| !target.accounts.contains_key(*name))
        .map(String::as_str)
        .collect();
    diesel::delete(accounts::table.filter(accounts::name.eq_any(gone))).execute(connection)?;
    Ok(())
}

fn definition(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|_unserialisable| Error::Unreadable("a definition has no JSON form"))
}
