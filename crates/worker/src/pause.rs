//! Whether the worker takes new work: it stops while the database is away, so that nothing spins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use intake_broker::Gate;
use intake_store::Store;
use tokio_util::sync::CancellationToken;

/// Pause between two looks at a database that is away.
const PROBE: Duration = Duration::from_secs(1);

/// Told by jobs that the database is away; lets work be taken again when it answers.
#[derive(Debug, Clone)]
pub(crate) struct Pause {
    gate: Gate,
    store: Store,
    shutdown: CancellationToken,
    on: Arc<AtomicBool>,
}

impl Pause {
    pub(crate) fn new(gate: Gate, store: Store, shutdown: CancellationToken) -> Self {
        Self { gate, store, shutdown, on: Arc::default() }
    }

    /// The database is away: nothing more is taken until it answers.
    pub(crate) fn begin(&self) {
        if self.on.swap(true, Ordering::SeqCst) {
            return;
        }
        self.gate.pause();
        tracing::warn!("the database is away: consuming is paused");
        let this = self.clone();
        tokio::spawn(async move { this.end_when_back().await });
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    async fn end_when_back(&self) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(PROBE) => {}
            }
            if self.store.ping().await.is_ok() {
                break;
            }
        }
        self.on.store(false, Ordering::SeqCst);
        self.gate.resume();
        tracing::info!("the database is back: consuming goes on");
    }
}
