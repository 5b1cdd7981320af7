//! Deliveries that nobody has begun to work on. Not more than the prefetch count, as the broker sends
//! no more before some are settled.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::Delivery;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    inner: Mutex<Inner>,
    added: Notify,
    taken: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    deliveries: VecDeque<Delivery>,
    closed: bool,
}

impl Inbox {
    pub(super) fn push(&self, delivery: Delivery) {
        self.lock().deliveries.push_back(delivery);
        self.added.notify_one();
    }

    /// The oldest delivery; those of a lost connection are skipped, for they will come again.
    pub(super) fn pop(&self) -> Option<Delivery> {
        let mut inner = self.lock();
        let delivery = std::iter::from_fn(|| inner.deliveries.pop_front()).find(Delivery::is_current);
        if inner.deliveries.is_empty() {
            self.taken.notify_one();
        }
        delivery
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

    pub(super) async fn emptied(&self) {
        while !self.lock().deliveries.is_empty() {
            self.taken.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
