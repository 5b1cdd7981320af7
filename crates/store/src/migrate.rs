//! The schema's migrations: run by an operator's command, checked by the services.

use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{Error, Store};

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// The advisory lock that makes migrations wait for each other; the number says nothing, it only must stay the same.
const LOCK: i64 = 0x696e_7461_6b65;

impl Store {
    /// Brings the schema up to date and names the migrations that were run. Safe to call from several processes at once.
    ///
    /// Needs a session of its own on PostgreSQL itself, not on a pooler in transaction mode.
    pub async fn migrate(&self) -> Result<Vec<String>, Error> {
        self.run_apart(migrate).await
    }

    /// The migrations that have not been run; a service that finds any must not serve.
    pub async fn pending(&self) -> Result<Vec<String>, Error> {
        self.run(pending).await
    }
}

pub(crate) fn migrate(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    // diesel_migrations takes no lock itself, so this one must be held before it lists what is pending.
    diesel::select(sql::<Bool>("pg_advisory_lock(").bind::<BigInt, _>(LOCK).sql(") IS NOT NULL"))
        .execute(connection)?;
    let run = connection.run_pending_migrations(MIGRATIONS);
    let result = run.map(|versions| versions.iter().map(ToString::to_string).collect());
    let result = result.map_err(|error| Error::Schema(format!("a migration failed: {error}")));
    // Ending the session would release the lock too; this serves a caller that keeps the connection.
    diesel::select(sql::<Bool>("pg_advisory_unlock(").bind::<BigInt, _>(LOCK).sql(")"))
        .execute(connection)?;
    result
}

/// Asks without changing anything: diesel's own check creates its table, which services should not have the right to.
pub(crate) fn pending(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    let known: Vec<Box<dyn Migration<Pg>>> =
        MIGRATIONS.migrations().map_err(|error| Error::Schema(error.to_string()))?;
    let exists: bool = diesel::select(sql::<Bool>("to_regclass('__diesel_schema_migrations') IS NOT NULL"))
        .get_result(connection)?;
    let applied: Vec<String> = if exists {
        let versions = sql::<Array<Text>>("ARRAY(SELECT version::text FROM __diesel_schema_migrations)");
        diesel::select(versions).get_result(connection)?
    } else {
        Vec::new()
    };
    let names = known.iter().map(Migration::name);
    let pending = names.filter(|name| !applied.contains(&name.version().to_string()));
    Ok(pending.map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDatabase;

    #[test]
    fn migrations_go_up_down_and_up_again() {
        let database = TestDatabase::empty();
        let connection = &mut database.connect();
        let all = pending(connection).unwrap();
        assert!(!all.is_empty());
        assert_eq!(migrate(connection).unwrap().len(), all.len());
        assert!(pending(connection).unwrap().is_empty());
        connection.revert_all_migrations(MIGRATIONS).unwrap();
        assert_eq!(pending(connection).unwrap(), all);
        assert_eq!(database.scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), 1);
        assert_eq!(migrate(connection).unwrap().len(), all.len());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_many_that_migrate_at_once_one_does() {
        let database = TestDatabase::empty();
        let tasks: Vec<_> = (0..4)
            .map(|_| database.store())
            .map(|store| tokio::spawn(async move { store.migrate().await.unwrap().len() }))
            .collect();
        let mut run = 0;
        for task in tasks {
            run += task.await.unwrap();
        }
        let store = database.store();
        assert_eq!(run, MigrationSource::<Pg>::migrations(&MIGRATIONS).unwrap().len());
        assert!(store.pending().await.unwrap().is_empty());
        assert!(store.migrate().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_missing_schema_is_named() {
        let database = TestDatabase::empty();
        let error = database.store().catalog().await.unwrap_err();
        assert!(matches!(&error, Error::Schema(text) if text.contains("catalog_version")), "{error}");
    }
}
