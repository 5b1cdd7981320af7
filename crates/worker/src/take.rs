//! The loop that takes deliveries: as many jobs of each class side by side as configured, so that a small one never waits for
//! bulk, and the pieces of streams beside them. Small ones that wait beside each other are taken together.

use std::sync::Arc;

use intake_broker::{Class, Consumer, Delivery, Prefetch};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::job::{Ended, Job};
use crate::slots::{Kind, Slots};
use crate::suspects::Suspects;
use crate::{together, verdict};

/// Runs until the consumer ends, then until the jobs in hand have.
pub(crate) async fn run(mut consumer: Consumer, prefetch: Prefetch, job: Job) {
    let mut suspects = Suspects::new(job.last_delivery, prefetch);
    let (gate, mut hands) = (consumer.gate(), Hands::new(job));
    loop {
        let (now, is_paused) = (Instant::now(), gate.is_paused());
        if !is_paused && let Some(delivery) = suspects.take(now, |kind| hands.slots.is_any_taken(kind)) {
            tracing::warn!(
                message.id = delivery.message_id,
                delivery.count = delivery.delivery_count,
                "came back often: taken apart"
            );
            hands.take(Kind::Suspect(delivery.lane.class()), delivery);
        }
        let slots = &hands.slots;
        let wanted = |delivery: &Delivery| {
            if suspects.is_one(delivery) {
                suspects.is_room_for(delivery.lane)
            } else {
                slots.is_free(Kind::of(delivery), delivery.lane)
            }
        };
        let due = suspects.due().filter(|due| *due > now);
        tokio::select! {
            delivery = consumer.next_where(wanted) => match delivery {
                Some(delivery) if suspects.is_one(&delivery) => suspects.add(delivery),
                Some(delivery) => hands.take_with_others(delivery, &mut consumer),
                None => break,
            },
            () = sleep_until(due.unwrap_or(now)), if due.is_some() => {}
            () = gate.opened(), if is_paused => {}
            Some(ended) = hands.tasks.join_next_with_id() => hands.slots.free(ended),
            Some(delivery) = hands.left.recv() => {
                if gate.is_paused() {
                    verdict::settle(delivery, Ended::GivenBack).await;
                } else {
                    consumer.put_back(delivery);
                }
            }
        }
    }
    for delivery in suspects.into_waiting().into_iter().chain(consumer.left()) {
        verdict::settle(delivery, Ended::GivenBack).await;
    }
    hands.empty().await;
    consumer.closed().await;
}

/// What is in hand.
struct Hands {
    job: Arc<Job>,
    slots: Slots,
    tasks: JoinSet<()>,
    /// Deliveries that a task has taken and not begun.
    left: UnboundedReceiver<Delivery>,
    leave: UnboundedSender<Delivery>,
}

impl Hands {
    fn new(job: Job) -> Self {
        let (slots, (leave, left)) = (Slots::new(&job.work), unbounded_channel());
        Self { job: Arc::new(job), slots, tasks: JoinSet::new(), left, leave }
    }

    fn take(&mut self, kind: Kind, delivery: Delivery) {
        let (lane, job) = (delivery.lane, Arc::clone(&self.job));
        let task = self.tasks.spawn(async move { job.work(delivery).await });
        self.slots.take(kind, lane, task.id());
    }

    /// Takes a delivery, and with it small ones of its lane that wait.
    fn take_with_others(&mut self, delivery: Delivery, consumer: &mut Consumer) {
        let (kind, lane, job) = (Kind::of(&delivery), delivery.lane, Arc::clone(&self.job));
        let may_join = |other: &Delivery| other.lane == lane && together::may_be(other);
        // Where one more delivery is the last, none is to come back for another's sake.
        if kind != Kind::Job(Class::Small) || !may_join(&delivery) || job.last_delivery == 0 {
            return self.take(kind, delivery);
        }
        let others = consumer.waiting_where(usize::from(together::MOST) - 1, may_join);
        if others.is_empty() {
            return self.take(kind, delivery);
        }
        let leave = self.leave.clone();
        let task = self.tasks.spawn(async move { job.work_together(delivery, others, &leave).await });
        self.slots.take(kind, lane, task.id());
    }

    /// Waits for the tasks, and gives back what they leave.
    async fn empty(mut self) {
        drop(self.leave);
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.slots.free(ended);
        }
        while let Some(delivery) = self.left.recv().await {
            verdict::settle(delivery, Ended::GivenBack).await;
        }
    }
}
