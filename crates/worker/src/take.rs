//! The loop that takes deliveries: as many jobs of each class side by side as configured, so that a small one never waits for
//! bulk, and the pieces of streams beside them.

use std::sync::Arc;

use intake_broker::{Class, Consumer, Delivery};
use tokio::task::{JoinError, JoinSet};

use crate::job::{Ended, Job};
use crate::suspects::Suspects;
use crate::task::is_piece;
use crate::verdict;

/// Runs until the consumer ends, then until the jobs in hand have.
pub(crate) async fn run(mut consumer: Consumer, job: Job) {
    let (most_small, most_bulk) = (usize::from(job.work.small_jobs), usize::from(job.work.jobs));
    let job = Arc::new(job);
    let (mut small, mut bulk, mut pieces) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    // Of those that may kill this process one at a time, beside the others.
    let (mut suspects, mut suspect) = (Suspects::new(job.last_delivery), JoinSet::new());
    loop {
        if suspect.is_empty()
            && let Some(delivery) = suspects.take()
        {
            tracing::warn!(
                message.id = delivery.message_id,
                delivery.count = delivery.delivery_count,
                "came back often: taken apart"
            );
            suspect.spawn(work(Arc::clone(&job), delivery));
        }
        let (is_room_for_small, is_room_for_bulk) = (small.len() < most_small, bulk.len() < most_bulk);
        // Pieces at once, however long the jobs in hand may take: a sealed stream may be waiting for one elsewhere.
        let wanted = |delivery: &Delivery| {
            is_piece(delivery)
                || suspects.is_one(delivery)
                || match delivery.lane.class() {
                    Class::Small => is_room_for_small,
                    Class::Bulk => is_room_for_bulk,
                }
        };
        tokio::select! {
            delivery = consumer.next_where(wanted) => match delivery {
                Some(delivery) if is_piece(&delivery) => {
                    pieces.spawn(work(Arc::clone(&job), delivery));
                }
                Some(delivery) if suspects.is_one(&delivery) => suspects.add(delivery),
                Some(delivery) => {
                    let jobs = match delivery.lane.class() {
                        Class::Small => &mut small,
                        Class::Bulk => &mut bulk,
                    };
                    jobs.spawn(work(Arc::clone(&job), delivery));
                }
                None => break,
            },
            () = suspects.due(), if suspect.is_empty() => {}
            Some(ended) = suspect.join_next() => report_panic(ended),
            Some(ended) = small.join_next() => report_panic(ended),
            Some(ended) = bulk.join_next() => report_panic(ended),
            Some(ended) = pieces.join_next() => report_panic(ended),
        }
    }
    for delivery in suspects.into_waiting() {
        verdict::settle(delivery, Ended::GivenBack).await;
    }
    for mut tasks in [small, bulk, suspect, pieces] {
        while let Some(ended) = tasks.join_next().await {
            report_panic(ended);
        }
    }
    consumer.closed().await;
}

async fn work(job: Arc<Job>, delivery: Delivery) {
    let ended = job.run(&delivery).await;
    verdict::settle(delivery, ended).await;
}

/// A job that panics drops its delivery, which so goes back as one that failed: the broker delivers it again, and counts.
fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a job ended in a panic");
    }
}
