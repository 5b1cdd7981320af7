//! The loop that takes deliveries: as many jobs of each class side by side as configured, so that a small one never waits for
//! bulk, and the pieces of streams beside them.

use std::sync::Arc;

use intake_broker::{Consumer, Delivery, Prefetch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::job::{Ended, Job};
use crate::slots::{Kind, Slots};
use crate::suspects::Suspects;
use crate::task::is_piece;
use crate::verdict;

/// Runs until the consumer ends, then until the jobs in hand have.
pub(crate) async fn run(mut consumer: Consumer, prefetch: Prefetch, job: Job) {
    let (mut slots, mut suspects) = (Slots::new(&job.work), Suspects::new(job.last_delivery, prefetch));
    let (job, gate, mut tasks) = (Arc::new(job), consumer.gate(), JoinSet::new());
    loop {
        let (now, is_paused) = (Instant::now(), gate.is_paused());
        if !is_paused && let Some(delivery) = suspects.take(now, |kind| slots.is_any_taken(kind)) {
            tracing::warn!(
                message.id = delivery.message_id,
                delivery.count = delivery.delivery_count,
                "came back often: taken apart"
            );
            let (kind, lane) = (Kind::Suspect(delivery.lane.class()), delivery.lane);
            slots.take(kind, lane, tasks.spawn(work(Arc::clone(&job), delivery)).id());
        }
        // Pieces whatever jobs are in hand, and however long those may take: a sealed stream may be waiting for one elsewhere.
        let kind = |delivery: &Delivery| {
            if is_piece(delivery) { Kind::Piece } else { Kind::Job(delivery.lane.class()) }
        };
        let wanted = |delivery: &Delivery| {
            if suspects.is_one(delivery) {
                suspects.is_room_for(delivery.lane)
            } else {
                slots.is_free(kind(delivery), delivery.lane)
            }
        };
        let due = suspects.due().filter(|due| *due > now);
        tokio::select! {
            delivery = consumer.next_where(wanted) => match delivery {
                Some(delivery) if suspects.is_one(&delivery) => suspects.add(delivery),
                Some(delivery) => {
                    let (kind, lane) = (kind(&delivery), delivery.lane);
                    slots.take(kind, lane, tasks.spawn(work(Arc::clone(&job), delivery)).id());
                }
                None => break,
            },
            () = sleep_until(due.unwrap_or(now)), if due.is_some() => {}
            () = gate.opened(), if is_paused => {}
            Some(ended) = tasks.join_next_with_id() => slots.free(ended),
        }
    }
    for delivery in suspects.into_waiting() {
        verdict::settle(delivery, Ended::GivenBack).await;
    }
    while let Some(ended) = tasks.join_next_with_id().await {
        slots.free(ended);
    }
    consumer.closed().await;
}

async fn work(job: Arc<Job>, delivery: Delivery) {
    let ended = job.run(&delivery).await;
    verdict::settle(delivery, ended).await;
}
