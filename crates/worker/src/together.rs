//! Small jobs that wait beside each other, applied in one transaction: most of what one takes alone is ways to the database
//! and the wait for its disk.
//!
//! Only those that come for the first time, of which nobody knows: so what is known of a job that came back, and what is
//! counted of it, is told by [`Job::run`] alone. Wherever anything is in the way the jobs are left to that, too.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use intake_broker::Delivery;
use intake_store::{Applied, Error, Import};
use intake_telemetry::Metric;
use intake_types::{Header, JobId, Message};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::block_in_place;
use tracing::{Instrument as _, info_span};

use crate::job::{Ended, Job};
use crate::task::{Task, is_piece};
use crate::verdict;

/// Messages that are taken together at most.
pub(crate) const MOST: u16 = 32;

/// Whether a message may be worked on beside others.
pub(crate) fn may_be(delivery: &Delivery) -> bool {
    delivery.delivery_count == 0 && delivery.spared == 0 && !delivery.is_apart && !is_piece(delivery)
}

/// A job, and the message that it came in.
type Whole = (Delivery, Arc<Import>);

impl Job {
    /// Works on a message by itself, and answers the broker.
    pub(crate) async fn work(&self, delivery: Delivery) {
        let ended = self.run(&delivery).await;
        verdict::settle(delivery, ended).await;
    }

    /// Works on a message and others of its lane; those that are not for this are left.
    pub(crate) async fn work_together(
        &self,
        first: Delivery,
        others: Vec<Delivery>,
        leave: &UnboundedSender<Delivery>,
    ) {
        let all = std::iter::once(first).chain(others).collect();
        let (mut group, left) = block_in_place(|| self.gather(all));
        // The last one first: each is put before those that wait.
        for delivery in left.into_iter().rev() {
            put_back(delivery, leave);
        }
        if group.len() <= 1 {
            if let Some((delivery, _)) = group.pop() {
                self.work(delivery).await;
            }
            return;
        }
        let span = info_span!("jobs", jobs = group.len());
        let alone = self.apply_all(group).instrument(span).await;
        for mut delivery in alone.into_iter().rev() {
            delivery.is_apart = true;
            put_back(delivery, leave);
        }
    }

    /// Those that are like the first of them, as many as are a chunk, in the order of acceptance; and the others.
    fn gather(&self, deliveries: Vec<Delivery>) -> (Vec<Whole>, Vec<Delivery>) {
        let (mut group, mut left) = (Group::default(), Vec::new());
        let mut deliveries = deliveries.into_iter();
        for mut delivery in deliveries.by_ref() {
            let mut import = match Task::of(&delivery) {
                Ok(Task::Import(import)) if is_plain(&import) => import,
                _ => {
                    delivery.is_apart = true;
                    left.push(delivery);
                    continue;
                }
            };
            if !group.is_like(&import) {
                left.push(delivery);
            } else if group.has_room_for(&import, self.work.chunk_records) {
                import.atlas = self.geo.atlas();
                group.push(delivery, Arc::new(import));
            } else {
                left.push(delivery);
                break;
            }
        }
        left.extend(deliveries);
        group.jobs.sort_by_key(|(_, import)| import.header.stamp());
        (group.jobs, left)
    }

    /// Works on jobs that are alike, and answers the broker; gives those that are to be worked on by themselves.
    async fn apply_all(&self, group: Vec<Whole>) -> Vec<Delivery> {
        let (mut alone, mut ended, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for ((delivery, import), applied) in self.apply_new(group).await {
            let Some(applied) = applied else {
                alone.push(delivery);
                continue;
            };
            self.count(&import, &applied);
            let Header { job_id, db_id, total, callback_url, .. } = &import.header;
            tracing::info!(job.id = %job_id, db.id = %db_id, job.records = total, "job ended");
            ended.extend(applied.ended.map(|ending| (*job_id, ending.state, callback_url.is_some())));
            done.push(delivery);
        }
        self.announcer.jobs_ended(ended);
        for delivery in done {
            verdict::settle(delivery, Ended::Done).await;
        }
        alone
    }

    /// Registers and applies those that nobody knows of; what came of each.
    async fn apply_new(&self, group: Vec<Whole>) -> Vec<(Whole, Option<Applied>)> {
        let started = Instant::now();
        let imports: Vec<Arc<Import>> = group.iter().map(|(_, import)| Arc::clone(import)).collect();
        let applied =
            if self.shutdown.is_cancelled() { Ok(Vec::new()) } else { self.store_all(imports).await };
        match &applied {
            Ok(_) => Metric::WorkerChunkSeconds.observe(started.elapsed().as_secs_f64(), &[]),
            Err(error) => {
                Metric::WorkerChunkFailures.add(1, &[("reason", "together".to_owned())]);
                tracing::debug!(%error, "jobs are applied one by one");
            }
        }
        let applied = applied.unwrap_or_default().into_iter().chain(std::iter::repeat(None));
        group.into_iter().zip(applied).collect()
    }

    async fn store_all(&self, imports: Vec<Arc<Import>>) -> Result<Vec<Option<Applied>>, Error> {
        let headers = imports.iter().map(|import| import.header.clone()).collect();
        let _turn = self.at_work.begin();
        let (new, catalog) = self.store.register_new(headers).await?;
        let is_new: Vec<bool> = imports.iter().map(|import| new.contains(&import.header.job_id)).collect();
        let ours = imports.into_iter().zip(&is_new).filter(|(_, is_new)| **is_new).map(|(import, _)| import);
        let mut applied = self.store.apply_together(ours.collect(), catalog).await?.into_iter().peekable();
        Ok(is_new.into_iter().map(|is_new| applied.next_if(|_| is_new).flatten()).collect())
    }
}

/// Where the loop is gone the delivery is dropped, and so goes back to its queue.
fn put_back(delivery: Delivery, leave: &UnboundedSender<Delivery>) {
    let _stopped = leave.send(delivery);
}

/// Jobs that are alike, together no more than a chunk, and no more text than one of them may have.
#[derive(Default)]
struct Group {
    jobs: Vec<Whole>,
    known: HashSet<JobId>,
    records: u32,
    bytes: usize,
}

impl Group {
    /// A message that was published twice is not like itself.
    fn is_like(&self, import: &Import) -> bool {
        !self.known.contains(&import.header.job_id)
            && self.jobs.first().is_none_or(|(_, first)| first.is_like(import))
    }

    fn has_room_for(&self, import: &Import, most_records: u32) -> bool {
        self.jobs.is_empty()
            || self.records.saturating_add(import.header.total) <= most_records
                && self.bytes.saturating_add(bytes(import)) <= Message::SMALL_BYTES
    }

    fn push(&mut self, delivery: Delivery, import: Arc<Import>) {
        self.records = self.records.saturating_add(import.header.total);
        self.bytes = self.bytes.saturating_add(bytes(&import));
        self.known.insert(import.header.job_id);
        self.jobs.push((delivery, import));
    }
}

fn bytes(import: &Import) -> usize {
    import.records.iter().map(|record| record.get().len()).sum()
}

/// Whether all that is known of a job is in its message, and it only has to be applied.
fn is_plain(import: &Import) -> bool {
    let header = &import.header;
    header.request_key.is_none() && !header.validate_only && !header.streamed && import.end() == header.total
}
