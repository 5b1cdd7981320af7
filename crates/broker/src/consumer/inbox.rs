//! Deliveries that nobody has begun to work on, those of each queue apart. Not more than the prefetch count of each, as the
//! broker sends no more before some are settled; and what was taken and is put back.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{Delivery, topology::Queue};

#[derive(Debug)]
pub(super) struct Inbox {
    inner: Mutex<Inner>,
    added: Notify,
    taken: Notify,
}

#[derive(Debug)]
struct Inner {
    /// The one that was served longest ago is the first.
    shelves: VecDeque<Shelf>,
    closed: bool,
}

/// What came from one queue, the oldest first.
#[derive(Debug)]
struct Shelf {
    queue: Queue,
    deliveries: VecDeque<Delivery>,
}

impl Inbox {
    pub(super) fn new(queues: impl Iterator<Item = Queue>) -> Self {
        let shelves = queues.map(|queue| Shelf { queue, deliveries: VecDeque::new() }).collect();
        let inner = Mutex::new(Inner { shelves, closed: false });
        Self { inner, added: Notify::new(), taken: Notify::new() }
    }

    pub(super) fn push(&self, queue: Queue, delivery: Delivery) {
        if let Some(shelf) = self.lock().shelves.iter_mut().find(|shelf| shelf.queue == queue) {
            shelf.deliveries.push_back(delivery);
        }
        self.added.notify_one();
    }

    /// Adds one that was taken from here: it comes before those that came later.
    pub(super) fn put_back(&self, queue: Queue, delivery: Delivery) {
        if let Some(shelf) = self.lock().shelves.iter_mut().find(|shelf| shelf.queue == queue) {
            shelf.deliveries.push_front(delivery);
        }
        self.added.notify_one();
    }

    /// The oldest delivery that is wanted of the first queue in turn that has one; those of a lost connection are dropped,
    /// for they will come again.
    pub(super) fn pop(&self, wanted: &impl Fn(&Delivery) -> bool) -> Option<Delivery> {
        let mut inner = self.lock();
        for shelf in &mut inner.shelves {
            shelf.deliveries.retain(Delivery::is_current);
        }
        let delivery = inner.take(wanted)?;
        self.taken.notify_one();
        Some(delivery)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// No more will come. What is there can still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.added.notify_one();
    }

    /// Done when something may have been added, or the inbox closed.
    pub(super) async fn changed(&self) {
        self.added.notified().await;
    }

    /// Done when something may have been taken.
    pub(super) async fn taken(&self) {
        self.taken.notified().await;
    }

    /// Whether nothing of this queue is left that could still be settled.
    pub(super) fn is_empty(&self, queue: Queue) -> bool {
        let inner = self.lock();
        let mut left = inner.shelves.iter().filter(|shelf| shelf.queue == queue);
        left.all(|shelf| !shelf.deliveries.iter().any(Delivery::is_current))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whoever is served goes to the end of the row: so it comes after all others, whatever is wanted of them.
    fn take(&mut self, wanted: &impl Fn(&Delivery) -> bool) -> Option<Delivery> {
        let mut shelves = self.shelves.iter().enumerate();
        let (turn, place) = shelves.find_map(|(turn, shelf)| Some((turn, shelf.find(wanted)?)))?;
        let mut served = self.shelves.remove(turn)?;
        let delivery = served.deliveries.remove(place);
        self.shelves.push_back(served);
        delivery
    }
}

impl Shelf {
    fn find(&self, wanted: &impl Fn(&Delivery) -> bool) -> Option<usize> {
        self.deliveries.iter().position(wanted)
    }
}
