//! Streamed jobs: parts are kept as they come, in whatever order; the seal applies them one after the other, as any job is.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use intake_broker::Delivery;
use intake_store::{Error, Import, Part};
use intake_types::plan::Overlay;
use intake_types::{CutV1, Header, JobState, Message, RepeatedV1};
use tokio::task::block_in_place;

use crate::attempt::Attempt;
use crate::job::{Begun, Ended, Halt, Job};

/// How long a seal waits in place for parts that are in other hands still, and between two looks. After that it goes
/// back, which is counted.
const PARTS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_millis(100));

impl Job {
    /// Keeps a part of a stream until its seal has come. Nothing of it is applied.
    pub(crate) async fn keep(&self, part: Part, mut attempt: Attempt<'_>) -> Ended {
        let (first_index, part) = (part.first_index, Arc::new(part));
        match attempt.persist(|| self.store.keep_part(Arc::clone(&part))).await {
            Ok(true) => {
                tracing::debug!(part.first_index = first_index, "a part of a stream is kept");
                Ended::Done
            }
            Ok(false) => {
                tracing::info!(part.first_index = first_index, "a part of a job that has ended is dropped");
                Ended::Done
            }
            Err(halt) => self.halted(halt, attempt.delivery).await,
        }
    }

    /// Ends the job of a stream that was cut, unless its seal has come all the same.
    pub(crate) async fn cut(&self, cut: CutV1, mut attempt: Attempt<'_>) -> Ended {
        let CutV1 { header, error, text } = cut;
        match attempt.persist(|| self.store.cut(&header, error, text.clone())).await {
            Ok(ended) => {
                if ended {
                    tracing::info!("a stream was cut: nothing of it is applied");
                    self.announcer.job_ended(header.job_id, JobState::Failed, header.callback_url.is_some());
                }
                Ended::Done
            }
            Err(halt) => self.halted(halt, attempt.delivery).await,
        }
    }

    /// Drops what came of a stream that was sent before.
    pub(crate) async fn drop_repeated(&self, repeated: RepeatedV1, mut attempt: Attempt<'_>) -> Ended {
        let RepeatedV1 { header, same_as } = repeated;
        match attempt.persist(|| self.store.drop_repeated(&header, same_as)).await {
            Ok(()) => {
                tracing::info!(job.same_as = %same_as, "a stream was sent again: its parts are dropped");
                Ended::Done
            }
            Err(halt) => self.halted(halt, attempt.delivery).await,
        }
    }

    /// A piece of a stream that cannot be entered: the last delivery keeps it in the dead queue. Its job ends by the seal, or
    /// for want of one.
    async fn halted(&self, halt: Halt, delivery: &Delivery) -> Ended {
        match halt {
            Halt::GivenBack => Ended::GivenBack,
            Halt::Store(error) if delivery.delivery_count >= self.last_delivery => {
                tracing::error!(%error, "a piece of a stream is buried");
                Ended::Buried(error.to_string())
            }
            Halt::Store(error) => self.leave(delivery, &error).await,
        }
    }

    /// Applies a stream that has come to its end, from where the last commit ended, with the records of one part in memory
    /// at a time.
    pub(crate) async fn apply_stream(
        &self,
        header: &Header,
        attempt: &mut Attempt<'_>,
    ) -> Result<Ended, Halt> {
        let (mut next_index, catalog, stamp) = match self.begin(header, attempt).await? {
            Begun::Work { next_index, catalog, stamp } => (next_index, catalog, stamp),
            Begun::Ended(ended) => return Ok(ended),
        };
        let header = &Header { order: Some(stamp), ..header.clone() };
        self.all_parts(header, attempt).await?;
        let (overlay, turn) = (self.overlay(), self.at_work.begin());
        let ending = loop {
            let part = attempt.persist(|| self.store.part(header, next_index)).await?;
            let import =
                block_in_place(|| self.unpack(header, &part, Arc::clone(&overlay))).map_err(Halt::Store)?;
            drop(part);
            let ended;
            (next_index, ended) =
                self.apply_records(&Arc::new(import), &catalog, next_index, &turn, attempt).await?;
            if let Some(ending) = ended {
                break ending;
            }
        };
        Ok(self.over(header, ending))
    }

    /// Waits until every record of a sealed stream is here: a part may have been given back, and come after the seal.
    async fn all_parts(&self, header: &Header, attempt: &mut Attempt<'_>) -> Result<(), Halt> {
        let started = Instant::now();
        loop {
            attempt.go_on()?;
            let kept = attempt.persist(|| self.store.kept_records(header)).await?;
            if kept == header.total {
                return Ok(());
            }
            if started.elapsed() >= PARTS.0 {
                let text = format!("{kept} of the stream's {} records are here", header.total);
                return Err(Halt::Store(Error::Unknown(text)));
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(Halt::GivenBack),
                () = tokio::time::sleep(PARTS.1) => {}
            }
        }
    }

    fn unpack(&self, header: &Header, packed: &[u8], overlay: Arc<Mutex<Overlay>>) -> Result<Import, Error> {
        const UNREADABLE: Error = Error::Unreadable("a part of a stream");
        let payload = intake_broker::unpack(packed, self.payload_max).map_err(|_broken| UNREADABLE)?;
        let Ok(Message::PartV1(part)) = Message::from_bytes(&payload) else { return Err(UNREADABLE) };
        let mut import = Import::of_part(header.clone(), part, overlay);
        import.atlas = self.geo.atlas();
        Ok(import)
    }
}
