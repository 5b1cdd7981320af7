//! A database of its own for each test, on a real server.
//!
//! `TEST_DATABASE_URL` names a database on a server where databases may be created, such as `postgres`. The schema is
//! made once per set of migrations, in a template that every test's database is a copy of.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use secrecy::SecretString;

use crate::{Config, Retention, Store, conninfo, migrate};

/// The advisory lock under which the template is made.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// A database that exists as long as this value does.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl TestDatabase {
    /// Makes a database with the schema and nothing in it.
    ///
    /// # Panics
    /// Panics when `TEST_DATABASE_URL` is not set or its server does not do as told.
    pub fn create() -> Self {
        let server = server();
        let template = template(&server);
        Self::made(server, &format!("TEMPLATE {template}"))
    }

    /// Makes a database without the schema.
    ///
    /// # Panics
    /// As [`Self::create`].
    pub fn empty() -> Self {
        Self::made(server(), "TEMPLATE template0")
    }

    fn made(server: String, how: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("intake_test_{}_{number}_{}", process::id(), time.as_micros());
        let database = Self { server, name };
        run(&mut connect(&database.server), &format!("CREATE DATABASE {} {how}", database.name));
        database
    }

    /// Its connection string.
    pub fn url(&self) -> SecretString {
        conninfo::with(&self.server, "dbname", &self.name).into()
    }

    /// A configuration for it, with time limits that suit a test.
    pub fn config(&self) -> Config {
        Config {
            database_url: self.url(),
            database_pool: 8,
            database_connect_timeout: 10,
            database_statement_timeout: 30,
            database_lock_timeout: 10,
            database_call_timeout: 60,
            database_idle_timeout: 30,
            retention: Retention::default(),
        }
    }

    /// A store of its own for it.
    pub fn store(&self) -> Store {
        Store::open(&self.config())
    }

    /// The one number that a query gives.
    ///
    /// # Panics
    /// Panics when it gives something else.
    pub fn scalar(&self, query: &str) -> i64 {
        scalar(&mut self.connect(), query)
    }

    /// Waits until a query gives this number or a greater one; asks on one connection, with such pauses.
    ///
    /// # Panics
    /// Panics when it gives something else, or has not after an hour.
    pub fn wait_for(&self, query: &str, number: i64, pause: Duration) {
        let (mut connection, start) = (self.connect(), Instant::now());
        while scalar(&mut connection, query) < number {
            assert!(start.elapsed() < Duration::from_hours(1), "{query}: not {number}");
            thread::sleep(pause);
        }
    }

    /// The texts that a query of one column gives, such as `EXPLAIN`.
    ///
    /// # Panics
    /// Panics when it gives something else.
    pub fn texts(&self, query: &str) -> Vec<String> {
        let rows: Vec<Line> = sql_query(format!("SELECT line::text AS line FROM ({query}) AS q (line)"))
            .load(&mut self.connect())
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.into_iter().map(|row| row.line).collect()
    }

    /// As [`Self::texts`], of a query that may be interrupted; `None` when it failed.
    pub fn try_texts(&self, query: &str) -> Option<Vec<String>> {
        let mut connection =
            PgConnection::establish(&conninfo::with(&self.server, "dbname", &self.name)).ok()?;
        let query = sql_query(format!("SELECT line::text AS line FROM ({query}) AS q (line)"));
        let rows: Vec<Line> = query.load(&mut connection).ok()?;
        Some(rows.into_iter().map(|row| row.line).collect())
    }

    /// As [`Self::execute`], of a statement that may be interrupted; `None` when it failed.
    pub fn try_execute(&self, statement: &str) -> Option<usize> {
        let mut connection =
            PgConnection::establish(&conninfo::with(&self.server, "dbname", &self.name)).ok()?;
        sql_query(statement).execute(&mut connection).ok()
    }

    /// Runs a statement and tells how many rows it touched.
    ///
    /// # Panics
    /// Panics when it fails.
    pub fn execute(&self, statement: &str) -> usize {
        run(&mut self.connect(), statement)
    }

    pub(crate) fn connect(&self) -> PgConnection {
        connect(&conninfo::with(&self.server, "dbname", &self.name))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // While a test fails a second panic would hide the first, so this may fail in silence.
        if let Ok(mut connection) = PgConnection::establish(&self.server) {
            let _ = sql_query(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
                .execute(&mut connection);
        }
    }
}

fn server() -> String {
    #[expect(clippy::disallowed_methods, reason = "tests have no main that could read it")]
    std::env::var("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL must name a PostgreSQL server where databases may be created, \
         for example postgres://postgres@127.0.0.1:5432/postgres",
    )
}

fn connect(conninfo: &str) -> PgConnection {
    PgConnection::establish(conninfo).expect("the server that TEST_DATABASE_URL names must answer")
}

fn scalar(connection: &mut PgConnection, query: &str) -> i64 {
    let row: Number = sql_query(format!("SELECT ({query})::bigint AS number"))
        .get_result(connection)
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    row.number
}

fn run(connection: &mut PgConnection, statement: &str) -> usize {
    sql_query(statement).execute(connection).unwrap_or_else(|error| panic!("{statement}: {error}"))
}

/// The template for the migrations of now; made by whoever comes first.
fn template(server: &str) -> String {
    let name = format!("intake_template_{:016x}", fingerprint());
    let mut connection = connect(server);
    run(&mut connection, &format!("SELECT pg_advisory_lock({LOCK})"));
    let known: Number =
        sql_query(format!("SELECT count(*) AS number FROM pg_database WHERE datname = '{name}'"))
            .get_result(&mut connection)
            .expect("pg_database is readable");
    if known.number == 0 {
        // Under another name until it is complete, so that a killed test leaves no half template.
        let draft = format!("{name}_draft");
        run(&mut connection, &format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)"));
        run(&mut connection, &format!("CREATE DATABASE {draft} TEMPLATE template0 ENCODING 'UTF8'"));
        migrate::migrate(&mut connect(&conninfo::with(server, "dbname", &draft)))
            .expect("the migrations run");
        rename(&mut connection, &draft, &name);
    }
    name
}

/// The session that migrated may need a moment to end.
fn rename(connection: &mut PgConnection, from: &str, to: &str) {
    let statement = format!("ALTER DATABASE {from} RENAME TO {to}");
    for _ in 0..50 {
        if sql_query(&statement).execute(connection).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    run(connection, &statement);
}

/// Tells one set of migrations from another.
fn fingerprint() -> u64 {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files = Vec::new();
    for migration in directory.read_dir().expect("the migrations are in the source tree") {
        let file = migration.expect("a migration is readable").path().join("up.sql");
        files.push((file.clone(), std::fs::read(&file).expect("a migration is readable")));
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    hasher.finish()
}
