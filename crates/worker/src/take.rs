//! The loop that takes deliveries: as many jobs side by side as configured, and the pieces of streams beside them.

use std::sync::Arc;

use intake_broker::{Consumer, Delivery};
use tokio::task::{JoinError, JoinSet};

use crate::job::{Ended, Job};
use crate::suspects::Suspects;
use crate::task::is_piece;
use crate::verdict;

/// Runs until the consumer ends, then until the jobs in hand have.
pub(crate) async fn run(mut consumer: Consumer, job: Job) {
    let (most, job) = (usize::from(job.work.jobs), Arc::new(job));
    let (mut jobs, mut pieces) = (JoinSet::new(), JoinSet::new());
    // Of those that may kill this process one at a time, beside the others.
    let (mut suspects, mut suspect) = (Suspects::new(job.last_delivery), JoinSet::new());
    // A job that waits for its turn; as long as there is one, nothing more is taken.
    let mut waiting = None;
    loop {
        if jobs.len() < most
            && suspect.is_empty()
            && let Some(delivery) = suspects.take()
        {
            tracing::warn!(
                message.id = delivery.message_id,
                delivery.count = delivery.delivery_count,
                "came back often: taken apart"
            );
            suspect.spawn(work(Arc::clone(&job), delivery));
        }
        if jobs.len() + suspect.len() < most
            && let Some(delivery) = waiting.take()
        {
            jobs.spawn(work(Arc::clone(&job), delivery));
        }
        tokio::select! {
            delivery = consumer.next(), if waiting.is_none() => match delivery {
                // At once, however long the jobs in hand may take: a sealed stream may be waiting for this piece elsewhere.
                Some(delivery) if is_piece(&delivery) => {
                    pieces.spawn(work(Arc::clone(&job), delivery));
                }
                Some(delivery) if suspects.is_one(&delivery) => suspects.add(delivery),
                Some(delivery) => waiting = Some(delivery),
                None => break,
            },
            () = suspects.due(), if suspect.is_empty() && jobs.len() < most => {}
            Some(ended) = suspect.join_next() => report_panic(ended),
            Some(ended) = jobs.join_next() => report_panic(ended),
            Some(ended) = pieces.join_next() => report_panic(ended),
        }
    }
    for delivery in suspects.into_waiting() {
        verdict::settle(delivery, Ended::GivenBack).await;
    }
    for mut tasks in [jobs, suspect, pieces] {
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
