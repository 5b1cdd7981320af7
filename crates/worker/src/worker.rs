//! One worker process: built from its configuration, run until told to stop.

use std::sync::Arc;

use intake_broker::{Consumer, Prefetch, Publisher, State};
use intake_store::Store;
use intake_telemetry::{Listener, Readiness};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::announce::Announcer;
use crate::at_work::AtWork;
use crate::callbacks::Calling;
use crate::geo::{Geo, Watch};
use crate::job::Job;
use crate::pause::Pause;
use crate::relay::{Relaying, Wake};
use crate::undelivered::Undertaker;
use crate::upkeep::Keeper;
use crate::{Calls, Config, Events, Upkeep, Work, take, together};

/// Messages of each lane of small jobs that are in hand at a time: as many as can be applied together wait while as many are
/// being applied in two slots, which is what a lane has of three.
const SMALL_PREFETCH: u16 = 3 * together::MOST;

/// A worker that has not started yet. Neither broker nor database need to be up.
pub struct Worker {
    work: Work,
    events: Events,
    calls: Calls,
    upkeep: Upkeep,
    broker: intake_broker::Config,
    store: Store,
    geo: Geo,
    watch: Option<Watch>,
    listener: std::net::TcpListener,
}

impl Worker {
    /// Puts a worker together, and reads its geo database; `listener` is where health and metrics are answered.
    pub fn build(config: &Config, listener: std::net::TcpListener) -> Self {
        let store = Store::open(&config.store);
        let (work, events, geo) = (config.work.clone(), config.events.clone(), Geo::default());
        let watch = work.geo_database.clone().map(|path| Watch::start(path, geo.clone()));
        let (calls, upkeep) = (config.calls.clone(), config.upkeep.clone());
        Self { work, events, calls, upkeep, broker: config.broker.clone(), store, geo, watch, listener }
    }

    /// Takes and applies jobs until `shutdown`, then finishes the chunks in hand and gives back the rest.
    pub async fn run_until(self, shutdown: CancellationToken) {
        let prefetch = prefetch(&self.work);
        let consumer = Consumer::start(&self.broker, "intake-worker", prefetch, shutdown.clone());
        let pause = Pause::new(consumer.gate(), self.store.clone(), shutdown.clone());
        match Listener::new(self.listener, readiness(consumer.watch(), pause.clone())) {
            Ok(listener) => drop(tokio::spawn(listener.run_until(shutdown.clone()))),
            Err(error) => tracing::error!(%error, "health and metrics are not served"),
        }
        if let Some(watch) = self.watch {
            tokio::spawn(watch.run_until(shutdown.clone()));
        }
        tracing::info!(
            worker.jobs = self.work.jobs,
            worker.small_jobs = self.work.small_jobs,
            worker.chunk_records = self.work.chunk_records,
            "worker started"
        );
        // One below the broker's own limit, after which the message would be taken from this queue without a word.
        let last_delivery =
            u64::try_from(self.broker.queue_delivery_limit.saturating_sub(1)).unwrap_or_default();
        let (store, work, geo, events) = (self.store, self.work, self.geo, Wake::default());
        // One message of events is in flight at a time, and notices are small.
        let config = intake_broker::Config { publish_channels: 1, ..self.broker.clone() };
        let publisher = Publisher::start(&config, "intake-worker events", shutdown.clone());
        let (told, stop) = (events.clone(), shutdown.clone());
        let relaying =
            Relaying::start(&self.broker, publisher.clone(), store.clone(), &self.events, told, stop);
        let callbacks = Wake::default();
        let calling = Calling::start(store.clone(), self.calls, callbacks.clone(), shutdown.clone());
        let announcer = Announcer::new(publisher, events, callbacks);
        let burying = Undertaker::start(&self.broker, store.clone(), announcer.clone(), shutdown.clone());
        let keeper = Keeper {
            store: store.clone(),
            settings: self.upkeep,
            broker: consumer.watch(),
            pause: pause.clone(),
            announcer: announcer.clone(),
            shutdown: shutdown.clone(),
        };
        let keeping = keeper.start();
        let payload_max = usize::try_from(self.broker.payload_max_bytes).unwrap_or(usize::MAX);
        let at_work = AtWork::default();
        let job = Job { store, work, geo, last_delivery, payload_max, pause, at_work, announcer, shutdown };
        take::run(consumer, prefetch, job).await;
        relaying.stopped().await;
        calling.stopped().await;
        for task in [burying, keeping] {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the worker ended in a panic");
            }
        }
        tracing::info!("worker stopped");
    }
}

/// So much that each class can be busy with one lane alone. What is fetched and waits is kept from other workers, so of bulk,
/// which waits for long, it is no more than that.
fn prefetch(work: &Work) -> Prefetch {
    Prefetch { small: SMALL_PREFETCH, bulk: work.jobs }
}

/// Why the worker is not ready, if it is not.
fn readiness(broker: watch::Receiver<State>, database: Pause) -> Readiness {
    Arc::new(move || {
        let broker =
            (*broker.borrow() == State::Connecting).then(|| "the broker is not connected".to_owned());
        let database = database.is_on().then(|| "the database is away".to_owned());
        broker.into_iter().chain(database).collect()
    })
}

/// A token that is cancelled by SIGTERM or SIGINT.
pub fn stop_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let told = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told.cancel();
    });
    Ok(token)
}
