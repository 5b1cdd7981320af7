//! Consuming: deliveries stay with the broker until they are settled, so what a dying process had in
//! hand comes again.
//!
//! The [`intake`] task owns connection and channel and fills the [`inbox`]; [`Consumer::next`] takes
//! from it. Dead letters go out on a connection of their own: a broker short of memory blocks the
//! connections that publish, and acknowledgements must get through just then.

mod dead;
mod delivery;
mod inbox;
mod intake;

use std::sync::Arc;

use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use crate::consumer::{dead::DeadQueue, delivery::Delivery};
use crate::{
    Config, Publisher, State,
    connection::supervisor::supervise,
    consumer::{inbox::Inbox, intake::Intake},
    lane::{Class, Lane},
    topology::Queue,
};

/// Takes messages from the lanes or from one of the other queues, on a connection that it keeps open.
#[derive(Debug)]
pub struct Consumer {
    inbox: Arc<Inbox>,
    gate: Gate,
    paused: watch::Receiver<bool>,
    state: watch::Receiver<State>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

/// How many messages the broker delivers of each lane ahead of those that are settled, by the class of the lane.
///
/// Each is kept from other processes meanwhile, and comes back counted when this one dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefetch {
    /// Of each lane of small jobs.
    pub small: u16,
    /// Of each lane of bulk.
    pub bulk: u16,
}

impl Prefetch {
    /// Of each lane of this class.
    pub fn of(self, class: Class) -> u16 {
        match class {
            Class::Small => self.small,
            Class::Bulk => self.bulk,
        }
    }
}

/// Pauses and resumes a [`Consumer`] from elsewhere. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// See [`Consumer::pause`].
    pub fn pause(&self) {
        self.0.send_replace(true);
    }

    /// See [`Consumer::resume`].
    pub fn resume(&self) {
        self.0.send_replace(false);
    }

    /// Whether the consumer is paused.
    pub fn is_paused(&self) -> bool {
        *self.0.borrow()
    }

    /// Done when it is not.
    pub async fn opened(&self) {
        let mut paused = self.0.subscribe();
        let _never_closed = paused.wait_for(|paused| !*paused).await;
    }
}

impl Consumer {
    /// Takes from all lanes, in turn. Starts to connect, in the background, on the current runtime, which must be a multi-threaded one.
    ///
    /// `name` is what the broker shows for the connection.
    pub fn start(config: &Config, name: &str, prefetch: Prefetch, shutdown: CancellationToken) -> Self {
        let lanes = Lane::all().map(|lane| (Queue::Lane(lane), prefetch.of(lane.class())));
        Self::of(lanes.collect(), config, name, shutdown)
    }

    /// Takes messages that came back more often than `queue_delivery_limit` allows, such as one that kills each of
    /// its workers. Nobody was told of them: whoever consumes them does that, then buries them, see [`Delivery::bury`].
    pub fn start_undelivered(
        config: &Config,
        name: &str,
        prefetch: u16,
        shutdown: CancellationToken,
    ) -> Self {
        Self::of(vec![(Queue::Undelivered, prefetch)], config, name, shutdown)
    }

    /// Takes messages from the dead queue as they come, for tests; operators have [`DeadQueue`].
    #[cfg(feature = "testing")]
    pub fn start_dead(config: &Config, name: &str, prefetch: u16, shutdown: CancellationToken) -> Self {
        Self::of(vec![(Queue::Dead, prefetch)], config, name, shutdown)
    }

    fn of(queues: Vec<(Queue, u16)>, config: &Config, name: &str, shutdown: CancellationToken) -> Self {
        let inbox = Arc::new(Inbox::new(queues.iter().map(|(queue, _)| *queue)));
        let (pause, paused) = watch::channel(false);
        let (state_sender, state) = watch::channel(State::Connecting);
        // Outlives the shutdown: the last deliveries may still have to be buried.
        let last_moved = CancellationToken::new();
        let other = Publisher::with_pipes(config, &format!("{name} dead letters"), 1, last_moved.clone());
        let intake = Intake {
            queues,
            inbox: inbox.clone(),
            paused: paused.clone(),
            other: other.clone(),
            pause_hold: config.consume_pause_hold,
            drain_timeout: config.broker_drain_timeout,
            payload_max: usize::try_from(config.payload_max_bytes).unwrap_or(usize::MAX),
            shutdown: shutdown.clone(),
        };
        let supervise = supervise(config.clone(), name.to_owned(), state_sender, shutdown.clone(), intake);
        let task = tokio::spawn(async move {
            supervise.await;
            last_moved.cancel();
            other.closed().await;
        });
        Self { inbox, gate: Gate(pause), paused, state, shutdown, task }
    }

    /// The next delivery; waits through lost connections and pauses. None after the shutdown: what had
    /// not been taken is then given back. May be dropped and called again without loss.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.next_where(|_any| true).await
    }

    /// The same, but what is not wanted now is left for a later call, and nothing waits behind it.
    ///
    /// Of several lanes that have something that is wanted, it is the turn of the one that was served longest ago.
    pub async fn next_where(&mut self, wanted: impl Fn(&Delivery) -> bool) -> Option<Delivery> {
        loop {
            if self.shutdown.is_cancelled() || self.inbox.is_closed() {
                return None;
            }
            let paused = *self.paused.borrow_and_update();
            if !paused && let Some(delivery) = self.inbox.pop(&wanted) {
                return Some(delivery);
            }
            tokio::select! {
                () = self.inbox.changed() => {}
                _never_closed = self.paused.changed() => {}
                () = self.shutdown.cancelled() => {}
            }
        }
    }

    /// Those of the deliveries that are here already and are wanted, at most so many. Never waits.
    pub fn waiting_where(&mut self, most: usize, wanted: impl Fn(&Delivery) -> bool) -> Vec<Delivery> {
        if self.shutdown.is_cancelled() || *self.paused.borrow() {
            return Vec::new();
        }
        std::iter::from_fn(|| self.inbox.pop(&wanted)).take(most).collect()
    }

    /// Puts a delivery of the lanes that was not begun back to where it was taken from: it is the next of its queue.
    pub fn put_back(&mut self, delivery: Delivery) {
        self.inbox.put_back(Queue::Lane(delivery.lane), delivery);
    }

    /// What was put back and not taken again, after the last delivery.
    pub fn left(&mut self) -> Vec<Delivery> {
        std::iter::from_fn(|| self.inbox.pop(&|_any| true)).collect()
    }

    /// Stops the flow of deliveries, for instance while the database is away. Those already handed out
    /// can still be settled; those not handed out wait here for a while (`consume_pause_hold`), then go
    /// back to the queue.
    pub fn pause(&self) {
        self.gate.pause();
    }

    /// Lets deliveries flow again.
    pub fn resume(&self) {
        self.gate.resume();
    }

    /// A handle to pause and resume from another task.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Whether there is a connection to take deliveries from.
    pub fn is_ready(&self) -> bool {
        self.state() != State::Connecting
    }

    /// Follows the state of the connection.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Done when, after the shutdown, all that was handed out is settled and the connections are closed;
    /// at the latest after `broker_drain_timeout`.
    pub async fn closed(self) {
        let _panicked = self.task.await;
    }
}
