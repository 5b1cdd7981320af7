//! One job from delivery to its end: decoded, registered, applied chunk by chunk from where the last commit ended.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use intake_broker::Delivery;
use intake_store::{Applied, Ending, Error, Import, Store};
use intake_telemetry::Metric;
use intake_types::catalog::Catalog;
use intake_types::plan::Overlay;
use intake_types::{Action, Header, Outcome, Stamp};
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};

use crate::Work;
use crate::announce::Announcer;
use crate::at_work::{AtWork, Turn};
use crate::attempt::Attempt;
use crate::geo::Geo;
use crate::pause::Pause;
use crate::ranges::Ranges;

use crate::task::{Task, is_piece, job_of};

/// Pause before a stuck job goes back, so that it does not run through its deliveries in a moment.
const STUCK_PAUSE: Duration = Duration::from_secs(5);

/// Records of a cancelled job that are skipped in one transaction.
const SKIPPED_AT_ONCE: u32 = 10_000;

/// How the work on a delivery ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Nothing is left to do: the job has ended, or is another one; or a part of a stream is kept, or of no use any more.
    Done,
    /// Not done, through no fault of the message: the database is away, or this process stops.
    GivenBack,
    /// Not done, for a reason that may be the message's: another delivery may do better, a few times.
    Stuck,
    /// Not done, and taken from its lane already, most likely through no fault of the message.
    Spared,
    /// No delivery can do better: no worker can read the message, or too many have tried.
    Buried(String),
}

impl Ended {
    /// What becomes of the message of a job that has ended: what was not applied of one that was given up is in it.
    pub(crate) fn by(ending: Ending, reason: impl Into<String>) -> Self {
        if ending.is_given_up() { Self::Buried(reason.into()) } else { Self::Done }
    }
}

/// Why work on a job ends early.
pub(crate) enum Halt {
    GivenBack,
    Store(intake_store::Error),
}

/// A job once it is registered.
pub(crate) enum Begun {
    /// From here on its records have no outcome.
    Work { next_index: u32, catalog: Arc<Catalog>, stamp: Stamp },
    /// There is nothing left to do.
    Ended(Ended),
}

/// All that work on one delivery needs.
pub(crate) struct Job {
    pub(crate) store: Store,
    pub(crate) work: Work,
    pub(crate) geo: Geo,
    /// How often a message has come back before the delivery that is its last.
    pub(crate) last_delivery: u64,
    /// Most bytes that a part of a stream may unpack to.
    pub(crate) payload_max: usize,
    pub(crate) pause: Pause,
    pub(crate) at_work: AtWork,
    /// Told of what is committed.
    pub(crate) announcer: Announcer,
    pub(crate) shutdown: CancellationToken,
}

impl Job {
    pub(crate) async fn run(&self, delivery: &Delivery) -> Ended {
        let mut attempt = Attempt::new(self, delivery);
        // It may have waited: nothing of what is left to another delivery is begun.
        if attempt.go_on().is_err() {
            return Ended::GivenBack;
        }
        let task = match block_in_place(|| Task::of(delivery)) {
            Ok(task) => task,
            // While an installation is rolled out a newer worker may take it next time.
            Err(error) if error.is_newer() && delivery.delivery_count < self.last_delivery => {
                return self.leave(delivery, &error).await;
            }
            Err(error) => {
                tracing::error!(message.id = delivery.message_id, %error, "a message cannot be read: buried");
                return self.unreadable(attempt, error.to_string()).await;
            }
        };
        let Header { job_id, db_id, .. } = task.header();
        let span = info_span!("job", job.id = %job_id, db.id = %db_id);
        async {
            match task {
                Task::Import(mut import) => {
                    let header = import.header.clone();
                    (import.atlas, import.overlay) = (self.geo.atlas(), self.overlay());
                    self.work_on(&header, delivery, self.apply(import, &mut attempt)).await
                }
                Task::Seal(header) => {
                    self.work_on(&header, delivery, self.apply_stream(&header, &mut attempt)).await
                }
                Task::Part(part) => self.keep(part, attempt).await,
                Task::Cut(cut) => self.cut(cut, attempt).await,
                Task::Repeated(repeated) => self.drop_repeated(repeated, attempt).await,
            }
        }
        .instrument(span)
        .await
    }

    /// Ends the job of a message that no worker can read, if it is known which that is. That of a piece of a stream ends by
    /// the seal, or for want of one.
    async fn unreadable(&self, mut attempt: Attempt<'_>, reason: String) -> Ended {
        let header = job_of(attempt.delivery).filter(|_| !is_piece(attempt.delivery));
        if let Some(header) = header {
            let text = "the job could not be read; it is kept, ask the operator";
            match attempt.persist(|| self.store.fail(&header, 500, text.to_owned())).await {
                Ok(ending) => {
                    self.announcer.ended(&header, ending);
                    return Ended::by(ending, reason);
                }
                Err(Halt::GivenBack) => return Ended::GivenBack,
                Err(Halt::Store(error)) => tracing::error!(%error, "its job cannot be ended"),
            }
        }
        Ended::Buried(reason)
    }

    /// For what a dry run foretells. Another delivery begins anew.
    pub(crate) fn overlay(&self) -> Arc<Mutex<Overlay>> {
        let most_bytes = usize::try_from(self.work.dry_run_bytes).unwrap_or(usize::MAX);
        Arc::new(Mutex::new(Overlay::new(most_bytes)))
    }

    async fn work_on(
        &self,
        header: &Header,
        delivery: &Delivery,
        work: impl Future<Output = Result<Ended, Halt>>,
    ) -> Ended {
        let started = Instant::now();
        match work.await {
            Ok(ended) => {
                let duration_ms = started.elapsed().as_millis();
                tracing::info!(job.records = header.total, duration_ms, ?ended, "job ended");
                ended
            }
            Err(Halt::GivenBack) => Ended::GivenBack,
            Err(Halt::Store(error)) => self.stuck(header, delivery, &error).await,
        }
    }

    /// Another delivery may do better; the last one ends the job, so that whoever polls it learns what became of it.
    async fn stuck(&self, header: &Header, delivery: &Delivery, error: &intake_store::Error) -> Ended {
        if !delivery.is_current() {
            return Ended::GivenBack;
        }
        if delivery.delivery_count >= self.last_delivery {
            let text =
                "the job could not be applied; what was not applied is kept, ask the operator".to_owned();
            match self.store.fail(header, 500, text).await {
                Ok(ending) => {
                    self.announcer.ended(header, ending);
                    if ending.is_given_up() {
                        tracing::error!(%error, "a job failed: its message is buried");
                    }
                    return Ended::by(ending, error.to_string());
                }
                Err(error) => tracing::error!(%error, "a job that is given up cannot be ended"),
            }
        }
        self.leave(delivery, error).await
    }

    /// Leaves a delivery for another one, which may do better.
    pub(crate) async fn leave(&self, delivery: &Delivery, error: &impl std::fmt::Display) -> Ended {
        tracing::error!(
            %error,
            message.id = delivery.message_id,
            delivery.count = delivery.delivery_count,
            "stuck: left for another delivery"
        );
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(STUCK_PAUSE) => {}
        }
        Ended::Stuck
    }

    async fn apply(&self, mut import: Import, attempt: &mut Attempt<'_>) -> Result<Ended, Halt> {
        match self.begin(&import.header, attempt).await? {
            Begun::Work { next_index, catalog, stamp } => {
                import.header.order = Some(stamp);
                let (import, turn) = (Arc::new(import), self.at_work.begin());
                match self.apply_records(&import, &catalog, next_index, &turn, attempt).await? {
                    (_, Some(ending)) => Ok(self.over(&import.header, ending)),
                    (next_index, None) => {
                        let text = format!("a job is open after its last record, at {next_index}");
                        Err(Halt::Store(Error::Unexpected(text)))
                    }
                }
            }
            Begun::Ended(ended) => Ok(ended),
        }
    }

    /// What becomes of a message once its job has ended, by this delivery or by anybody else.
    pub(crate) fn over(&self, header: &Header, ending: Ending) -> Ended {
        self.announcer.ended(header, ending);
        Ended::by(ending, "its job was given up while a worker was at it")
    }

    /// Registers a job, and finds what is left to do of it.
    pub(crate) async fn begin(&self, header: &Header, attempt: &mut Attempt<'_>) -> Result<Begun, Halt> {
        let registered = attempt.persist(|| self.store.register(header)).await?;
        if let Some(other) = registered.same_as {
            tracing::info!(job.same_as = %other, "the request was sent before: nothing of it is applied again");
            return Ok(Begun::Ended(Ended::Done));
        }
        if registered.error == Some(500) {
            // Given up before; what was not applied of it is in this message.
            return Ok(Begun::Ended(Ended::Buried("its job was given up before".to_owned())));
        }
        if registered.state.is_terminal() {
            if registered.refused {
                self.announcer.job_ended(header.job_id, registered.state, header.callback_url.is_some());
            }
            return Ok(Begun::Ended(Ended::Done));
        }
        // As of now for each job: the gateway may have checked it against a catalogue of a second ago.
        let catalog = attempt.persist(|| self.store.catalog()).await?;
        if !catalog.databases.contains_key(&header.db_id) {
            let text = "the database was removed before the job could be applied";
            let ending = attempt.persist(|| self.store.fail(header, 403, text.to_owned())).await?;
            return Ok(Begun::Ended(self.over(header, ending)));
        }
        Ok(Begun::Work { next_index: registered.next_index, catalog, stamp: registered.stamp })
    }

    /// Applies the records at hand from `next_index` on; gives the first of the job that has no outcome, and how the job
    /// has ended if it has. Where no other import is being applied the records of each chunk are read while the one before is
    /// applied; not of a message that came back, whose records may be what stops a process.
    pub(crate) async fn apply_records(
        &self,
        import: &Arc<Import>,
        catalog: &Arc<Catalog>,
        next_index: u32,
        turn: &Turn<'_>,
        attempt: &mut Attempt<'_>,
    ) -> Result<(u32, Option<Ending>), Halt> {
        let mut reached = (next_index, None);
        let mut ranges = Ranges::new(next_index, import.end(), self.work.chunk_records);
        let bytes = |index| import.text(index).len();
        while let Some(range) = ranges.next(bytes) {
            attempt.go_on()?;
            let reads_ahead = turn.is_alone() && attempt.delivery.delivery_count == 0;
            let next = if reads_ahead { ranges.after(&range, bytes) } else { None };
            let applied = match self.chunk(import, catalog, range.clone(), next, attempt).await {
                Ok(applied) => applied,
                Err(Halt::Store(error)) if range.len() > 1 && error.is_data() => {
                    ranges.split(range);
                    continue;
                }
                // What a database that answers keeps refusing may be too much at a time.
                Err(Halt::Store(error)) if range.len() > 1 && error.is_transient() => {
                    if attempt.is_patience_spent() {
                        ranges.isolate(range);
                    } else {
                        ranges.split(range);
                    }
                    continue;
                }
                Err(Halt::Store(error)) if error.is_data() => {
                    tracing::error!(record.index = range.start, %error, "a record cannot be applied");
                    self.give_up(import, range.start, attempt).await?
                }
                Err(halt) => return Err(halt),
            };
            attempt.progressed();
            reached = (applied.next_index, applied.ended);
            if applied.ended.is_some() {
                break;
            }
            if applied.cancelled {
                return self.skip_rest(import, applied.next_index, attempt).await;
            }
            ranges.resume_at(applied.next_index);
        }
        Ok(reached)
    }

    /// Applies one chunk, or finds that somebody has; and has another one read meanwhile.
    async fn chunk(
        &self,
        import: &Arc<Import>,
        catalog: &Arc<Catalog>,
        range: Range<u32>,
        next: Option<Range<u32>>,
        attempt: &mut Attempt<'_>,
    ) -> Result<Applied, Halt> {
        let started = Instant::now();
        let apply = || self.store.apply(Arc::clone(import), Arc::clone(catalog), range.clone(), next.clone());
        let applied = if range.len() > 1 {
            attempt.persist_for_half(apply).await?
        } else {
            attempt.persist(apply).await?
        };
        Metric::WorkerChunkSeconds.observe(started.elapsed().as_secs_f64(), &[]);
        self.count(import, &applied);
        Ok(applied)
    }

    /// Counts and tells what a chunk has changed.
    pub(crate) fn count(&self, import: &Import, applied: &Applied) {
        self.announcer.progress();
        for (action, count) in [
            (Action::Created, applied.tally.created),
            (Action::Updated, applied.tally.updated),
            (Action::Unchanged, applied.tally.unchanged),
            (Action::Failed, applied.tally.failed),
        ] {
            let action = action.word(import.header.validate_only);
            Metric::WorkerRecords.add(u64::from(count), &[("action", action.to_owned())]);
        }
    }

    /// Skips the records at hand that have no outcome yet, of a job that is to be stopped; with the last of the job it ends.
    async fn skip_rest(
        &self,
        import: &Arc<Import>,
        mut next: u32,
        attempt: &mut Attempt<'_>,
    ) -> Result<(u32, Option<Ending>), Halt> {
        tracing::info!(record.index = next, "the job was cancelled: the rest of it is skipped");
        while next < import.end() {
            attempt.go_on()?;
            let range = next..next.saturating_add(SKIPPED_AT_ONCE).min(import.end());
            let skipped = attempt.persist(|| self.store.skip(Arc::clone(import), range.clone())).await?;
            attempt.progressed();
            let count = u64::from(skipped.tally.skipped);
            Metric::WorkerRecords.add(count, &[("action", "skipped".to_owned())]);
            next = skipped.next_index;
            if skipped.ended.is_some() {
                return Ok((next, skipped.ended));
            }
        }
        Ok((next, None))
    }

    /// Gives a record that cannot be applied its outcome, so that the others go on.
    async fn give_up(
        &self,
        import: &Arc<Import>,
        index: u32,
        attempt: &mut Attempt<'_>,
    ) -> Result<Applied, Halt> {
        let outcome = Outcome::not_processed(index, import.text(index));
        let give_up = || self.store.record(Arc::clone(import), vec![outcome.clone()]);
        let recorded = attempt.persist(give_up).await?;
        self.announcer.progress();
        Ok(recorded)
    }
}
