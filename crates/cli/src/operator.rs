//! The operators' way to the database: one connection, as long as one command.

use intake_store::{Config, Store};

use crate::error::Error;

/// Does something with the store, and waits for it.
pub(crate) fn with_store<T>(
    config: &Config,
    work: impl AsyncFnOnce(Store) -> Result<T, intake_store::Error>,
) -> Result<T, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let store = Store::open(config);
    Ok(runtime.block_on(async {
        match work(store.clone()).await {
            Err(error) => Err(explained(&store, error).await),
            done => done,
        }
    })?)
}

/// What is missing from the schema is better told as what to do about it.
pub(crate) async fn explained(store: &Store, error: intake_store::Error) -> intake_store::Error {
    if !matches!(error, intake_store::Error::Schema(_)) {
        return error;
    }
    match store.pending().await {
        Ok(pending) if !pending.is_empty() => intake_store::Error::Unmigrated(pending),
        _ => error,
    }
}
