//! The pool against a server that is away, slow, or cuts the line.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use tracing::{Instrument as _, Metadata, Span};

use crate::testing::TestDatabase;
use crate::{Config, Error, Retention, Store};

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

fn show(connection: &mut PgConnection, name: &str) -> Result<String, Error> {
    let row: Setting =
        sql_query(format!("SELECT current_setting('{name}') AS value")).get_result(connection)?;
    Ok(row.value)
}

fn sleep(connection: &mut PgConnection, seconds: f32) -> Result<(), Error> {
    sql_query(format!("SELECT pg_sleep({seconds})")).execute(connection)?;
    Ok(())
}

#[tokio::test]
async fn an_absent_server_is_transient_and_told_in_time() {
    let config = Config {
        database_url: "postgres://user:hidden@127.0.0.1:1/none".into(),
        database_pool: 2,
        database_connect_timeout: 1,
        database_statement_timeout: 1,
        database_lock_timeout: 1,
        database_call_timeout: 1,
        database_idle_timeout: 1,
        retention: Retention::default(),
    };
    let start = Instant::now();
    let error = Store::open(&config).ping().await.unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains("127.0.0.1") && !error.to_string().contains("hidden"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_connection_is_told_its_limits() {
    let database = TestDatabase::create();
    let mut config = database.config();
    config.database_statement_timeout = 7;
    let store = Store::open(&config);
    assert_eq!(store.run(|connection| show(connection, "statement_timeout")).await.unwrap(), "7s");
    assert_eq!(store.run(|connection| show(connection, "lock_timeout")).await.unwrap(), "10s");
    let name = store.run(|connection| show(connection, "application_name")).await.unwrap();
    assert!(name.starts_with("intake_store"), "{name}");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_transient() {
    let database = TestDatabase::create();
    let mut config = database.config();
    config.database_statement_timeout = 1;
    let error = Store::open(&config).run(|connection| sleep(connection, 5.0)).await.unwrap_err();
    assert_eq!(error, Error::Interrupted("statement time limit (57014)"));
}

#[tokio::test]
async fn a_connection_that_was_cut_is_replaced() {
    let database = TestDatabase::create();
    let mut config = database.config();
    config.database_pool = 1;
    let store = Store::open(&config);
    store.ping().await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let running = tokio::spawn({
        let store = store.clone();
        async move { store.run(|connection| sleep(connection, 5.0)).await }
    });
    while database.scalar("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'") == 0 {
        tokio::task::yield_now().await;
    }
    database.execute(cut);
    let error = running.await.unwrap().unwrap_err();
    assert!(error.is_transient(), "{error}");
    store.ping().await.unwrap();
    database.execute(cut);
    store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_queries_than_connections_wait_for_their_turn() {
    let database = TestDatabase::create();
    let mut config = database.config();
    config.database_pool = 2;
    let store = Store::open(&config);
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.run(|connection| sleep(connection, 0.05)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let backends = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(database.scalar(backends) <= 2);
}

#[tokio::test]
async fn a_panic_is_told_and_takes_nothing_along() {
    let database = TestDatabase::create();
    let mut config = database.config();
    config.database_pool = 1;
    let store = Store::open(&config);
    let panics = store.run(|connection| -> Result<(), Error> {
        connection
            .transaction(|_connection| -> Result<(), Error> { panic!("in the middle of a transaction") })
    });
    assert_eq!(panics.await.unwrap_err(), Error::Panicked);
    store.ping().await.unwrap();
    assert_eq!(store.run(|connection| show(connection, "lock_timeout")).await.unwrap(), "10s");
}

#[test]
fn a_connection_string_gets_limits_that_it_does_not_name() {
    let config = Config {
        database_url: "postgres://user@host/name?tcp_user_timeout=5".into(),
        database_pool: 1,
        database_connect_timeout: 4,
        database_statement_timeout: 1,
        database_lock_timeout: 1,
        database_call_timeout: 60,
        database_idle_timeout: 30,
        retention: Retention::default(),
    };
    let bounded = super::bounded(&config);
    let (_, parameters) = secrecy::ExposeSecret::expose_secret(&bounded).split_once('?').unwrap();
    let mut names: Vec<&str> = parameters.split('&').filter(|pair| !pair.starts_with("fallback")).collect();
    names.sort_unstable();
    let wanted = [
        "connect_timeout=4",
        "keepalives_count=3",
        "keepalives_idle=15",
        "keepalives_interval=5",
        "tcp_user_timeout=5",
    ];
    assert_eq!(names, wanted);
}

#[tokio::test]
async fn a_query_runs_in_the_span_of_whoever_asked() {
    // Of the whole process, as it is on the thread of the query that somebody has to listen.
    let _by_another_test = tracing::subscriber::set_global_default(tracing_subscriber::registry());
    let database = TestDatabase::create();
    let store = database.store();
    let asked = store.run(|_connection| Ok(Span::current().metadata().map(Metadata::name)));
    let name = asked.instrument(tracing::info_span!("asked")).await.unwrap();
    assert_eq!(name, Some("asked"));
}
