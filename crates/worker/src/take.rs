//! The loop that takes deliveries: as many jobs side by side as configured.

use std::sync::Arc;

use intake_broker::Consumer;
use tokio::task::{JoinError, JoinSet};

use crate::job::Job;
use crate::verdict;

/// Runs until the consumer ends, then until the jobs in hand have.
pub(crate) async fn run(mut consumer: Consumer, job: Job) {
    let (most, job) = (usize::from(job.work.jobs), Arc::new(job));
    let mut jobs = JoinSet::new();
    while let Some(delivery) = consumer.next().await {
        let job = Arc::clone(&job);
        jobs.spawn(async move {
            let ended = job.run(&delivery).await;
            verdict::settle(delivery, ended).await;
        });
        while jobs.len() >= most {
            report_panic(jobs.join_next().await);
        }
    }
    while let Some(ended) = jobs.join_next().await {
        report_panic(Some(ended));
    }
    consumer.closed().await;
}

/// A job that panics leaves its delivery unanswered: the broker delivers it again, and counts.
fn report_panic(ended: Option<Result<(), JoinError>>) {
    if let Some(Err(error)) = ended {
        tracing::error!(%error, "a job ended in a panic");
    }
}
