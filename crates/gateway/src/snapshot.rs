//! The catalogue as last read: whose token it is and what there is, without asking the database per request.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use intake_store::Store;
use intake_types::catalog::Catalog;
use tokio::time::{Instant, sleep};

/// First pause after a failed reading while there is no catalogue at all; doubled up to the usual interval.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Holds the catalogue. Once there is one it stays, however long the database is away.
#[derive(Debug)]
pub(crate) struct Snapshot {
    catalog: ArcSwapOption<Catalog>,
    /// Why there is none.
    reason: ArcSwap<String>,
}

impl Snapshot {
    pub(crate) fn new() -> Self {
        Self { catalog: ArcSwapOption::empty(), reason: ArcSwap::from_pointee("not read yet".to_owned()) }
    }

    /// The catalogue; `None` until it has been read once.
    pub(crate) fn get(&self) -> Option<Arc<Catalog>> {
        self.catalog.load_full()
    }

    /// Why there is no catalogue.
    pub(crate) fn missing(&self) -> Option<String> {
        self.catalog.load().is_none().then(|| self.reason.load().as_ref().clone())
    }

    /// Reads the catalogue again and again, for ever.
    pub(crate) async fn keep_fresh(&self, store: &Store, interval: Duration) {
        let (mut read_at, mut away) = (None, false);
        let mut pause = FIRST_PAUSE.min(interval);
        loop {
            match store.catalog().await {
                Ok(catalog) => {
                    if std::mem::take(&mut away) {
                        let age = read_at.map(|at: Instant| at.elapsed().as_secs());
                        tracing::info!(catalog.age_seconds = age, "the catalogue can be read");
                    }
                    (read_at, pause) = (Some(Instant::now()), interval);
                    self.put(catalog);
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        let known = self.missing().is_none();
                        tracing::warn!(%error, catalog.known = known, "the catalogue cannot be read");
                    }
                    self.reason.store(Arc::new(error.to_string()));
                    pause = if self.missing().is_some() { (pause * 2).min(interval) } else { interval };
                }
            }
            sleep(pause).await;
        }
    }

    /// Takes a catalogue, unless it is the one at hand.
    pub(crate) fn put(&self, catalog: Arc<Catalog>) {
        let known = self.catalog.load();
        if known.as_deref() == Some(&catalog) {
            return;
        }
        tracing::info!(
            catalog.databases = catalog.databases.len(),
            catalog.accounts = catalog.accounts.len(),
            catalog.tokens = catalog.tokens.len(),
            "the catalogue changed"
        );
        self.catalog.store(Some(catalog));
    }
}
