//! What every request needs: made once, shared by all threads.

use std::sync::Arc;

use intake_broker::{Publisher, State};
use intake_store::Store;
use intake_types::JobKey;
use intake_types::catalog::Catalog;
use intake_types::wire::Limits;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, usize_of};
use crate::error::ApiError;
use crate::extract::Bounds;
use crate::idempotency::RequestKeys;
use crate::memory::Memory;
use crate::snapshot::Snapshot;
use crate::stream;
use crate::wait::Waiters;

/// What every request needs.
pub(crate) struct App {
    pub(crate) bounds: Bounds,
    pub(crate) limits: Limits,
    pub(crate) streams: stream::Capacity,
    pub(crate) default_wait: u8,
    pub(crate) job_key: JobKey,
    pub(crate) snapshot: Snapshot,
    pub(crate) publisher: Publisher,
    pub(crate) store: Store,
    pub(crate) waiters: Waiters,
    /// Which requests were sent before.
    pub(crate) keys: RequestKeys,
    /// Cancelled when the service is to stop: waits end, and it is no longer ready.
    pub(crate) shutdown: CancellationToken,
}

impl App {
    /// Must be called on the runtime that publishes.
    pub(crate) fn new(
        config: &Config,
        job_key: JobKey,
        store: Store,
        publisher: Publisher,
        waiters: Waiters,
        shutdown: CancellationToken,
    ) -> Self {
        let bounds = Bounds {
            bytes: usize_of(config.max_body_bytes),
            time: config.body_timeout,
            memory: Memory::new(config.memory(), config.largest()),
        };
        Self {
            bounds,
            limits: config.limits(),
            streams: stream::Capacity::new(config),
            default_wait: config.default_wait,
            job_key,
            snapshot: Snapshot::new(),
            publisher,
            store,
            waiters,
            keys: RequestKeys::new(config.same_body_window),
            shutdown,
        }
    }

    /// The catalogue, once there is one.
    pub(crate) fn catalog(&self) -> Result<Arc<Catalog>, ApiError> {
        self.snapshot.get().ok_or(ApiError::NotReady)
    }

    /// Why no requests should be sent here; nothing: they may.
    pub(crate) fn unready(&self) -> Vec<String> {
        let broker = match self.publisher.state() {
            State::Ready => None,
            State::Connecting => Some("broker: not connected".to_owned()),
            State::Blocked => Some("broker: it takes no messages, short of memory or disk".to_owned()),
        };
        let catalog = self.snapshot.missing().map(|reason| format!("catalogue: {reason}"));
        let draining = self.shutdown.is_cancelled().then(|| "shutting down".to_owned());
        [catalog, broker, draining].into_iter().flatten().collect()
    }
}
