//! Where addresses are: the geo database of `--geo-database`, held in memory and kept as new as its file.
//!
//! Jobs take the [`Database`] at hand and ask it while drafts are made; the [`Watch`] swaps it behind their backs.

mod database;
mod watch;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use intake_types::Atlas;

pub(crate) use watch::Watch;

use database::Database;

/// The geo database at hand; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Geo(Arc<ArcSwapOption<Database>>);

impl Geo {
    /// The database of now, which stays as it is for whoever took it; `None`: there is none.
    pub(crate) fn atlas(&self) -> Option<Arc<dyn Atlas>> {
        Some(self.0.load_full()?)
    }

    /// Takes a database in place of the one at hand.
    fn put(&self, database: Database) {
        self.0.store(Some(Arc::new(database)));
    }

    fn is_empty(&self) -> bool {
        self.0.load().is_none()
    }
}
