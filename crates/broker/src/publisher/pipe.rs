//! One confirm channel and the task that owns it.
//!
//! A confirmation names a message only by its number on the channel. The client library hands the
//! numbers out before it queues the frames, so two tasks on one channel can get each other's
//! confirmation; here one task sends, one message after the other, and only the waiting is concurrent.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::{Channel, Confirmation, PublisherConfirm, options::BasicPublishOptions};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{Error, connection::Link, publisher::Job, topology::Route};

/// Messages sent and not yet confirmed on one channel. A quorum queue slows a channel down that has
/// more: <https://www.rabbitmq.com/docs/quorum-queues#configuration> (`quorum_commands_soft_limit`).
const PIPELINE: usize = 32;

#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) link: Arc<Link>,
    pub(super) jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    pub(super) confirm_timeout: Duration,
    pub(super) shutdown: CancellationToken,
}

/// Who waits for the confirmation of a message that was sent.
#[derive(Debug)]
struct Waiting {
    route: Route,
    reply: oneshot::Sender<Result<(), Error>>,
    _pages: OwnedSemaphorePermit,
}

/// What became of a message.
#[derive(Debug)]
enum Answer {
    Stored,
    Refused,
    /// Confirmed, together with a message that was returned: this one or another.
    Returned,
    /// The connection broke.
    Lost(Option<lapin::Error>),
    Late,
}

impl Pipe {
    /// Serves until the connection fails or the shutdown, on this channel first if there is one; all that was sent is answered
    /// by then.
    pub(super) async fn run(self, first: Option<Channel>) {
        if let Some(channel) = first {
            self.serve(channel).await;
        }
        while !self.shutdown.is_cancelled() && !self.link.is_failed() {
            match self.link.confirm_channel().await {
                Ok(channel) => self.serve(channel).await,
                // A blocked connection writes nothing, not even the wish for a channel.
                Err(_silent) if self.link.is_blocked() => self.link.unblocked().await,
                Err(error) => self.link.fail(&error),
            }
        }
    }

    /// Publishes on one channel for as long as every confirmation comes in time. After a late one the
    /// channel is left, so that the confirmation, should it still come, finds nobody.
    async fn serve(&self, channel: Channel) {
        let mut pending = FuturesUnordered::new();
        let (mut open, mut returned) = (true, false);
        loop {
            tokio::select! {
                Some(first) = pending.next() => {
                    let mut batch = vec![first];
                    while let Some(Some(next)) = pending.next().now_or_never() {
                        batch.push(next);
                    }
                    open &= self.answer(batch, &mut returned);
                }
                Some(job) = take(&self.jobs), if open && pending.len() < PIPELINE => {
                    if job.claim.take() {
                        match self.send(&channel, job).await {
                            Some((confirm, deadline, waiting)) => pending.push(async move {
                                (self.confirmation(confirm, deadline).await, waiting)
                            }),
                            None => open = false,
                        }
                    }
                }
                () = self.shutdown.cancelled(), if open => open = false,
                () = self.link.failed(), if open => open = false,
                else => break,
            }
        }
        self.link.unblocked().await;
        if !self.link.is_failed()
            && let Err(error) = self.link.ask("channel.close", channel.close(200, "done".into())).await
        {
            self.link.fail(&error);
        }
    }

    /// Writes one message to the connection. None if that failed: the channel is not used further.
    async fn send(&self, channel: &Channel, job: Job) -> Option<(PublisherConfirm, Instant, Waiting)> {
        let Job { route, message, reply, pages, claim: _ } = job;
        let deadline = Instant::now() + self.confirm_timeout;
        // Mandatory: without it the broker confirms a message that it found no queue for, and drops it:
        // https://www.rabbitmq.com/docs/confirms#when-publishes-are-confirmed
        // Events and notices may find no queue: then nobody has asked for them.
        let target = self.link.names().target(&route).clone();
        let (exchange, key, mandatory) = match &route {
            Route::Queue(_) => ("".into(), target, true),
            Route::Events(key) => (target, key.clone(), false),
            Route::Ended => (target, "".into(), false),
        };
        let waiting = Waiting { route, reply, _pages: pages };
        let options = BasicPublishOptions { mandatory, immediate: false };
        let publish = channel.basic_publish(exchange, key, options, &message.body, message.properties);
        let answer = tokio::select! {
            biased;
            published = publish => match published {
                Ok(confirm) => return Some((confirm, deadline, waiting)),
                Err(error) => Answer::Lost(Some(error)),
            },
            () = self.link.failed() => Answer::Lost(None),
            () = sleep_until(deadline) => {
                if !self.link.is_blocked() {
                    self.link.fail(&Error::Silent { what: "basic.publish", after: self.confirm_timeout });
                }
                Answer::Late
            }
        };
        let result = self.result(answer, &waiting.route, false);
        waiting.answer(result);
        None
    }

    async fn confirmation(&self, confirm: PublisherConfirm, deadline: Instant) -> Answer {
        tokio::select! {
            biased;
            confirmed = confirm => match confirmed {
                Ok(Confirmation::Ack(None)) => Answer::Stored,
                Ok(Confirmation::Nack(None)) => Answer::Refused,
                Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => Answer::Returned,
                // Only on a channel without confirmations, which a pipe does not have.
                Ok(Confirmation::NotRequested) => Answer::Lost(None),
                Err(error) => Answer::Lost(Some(error)),
            },
            () = self.link.failed() => Answer::Lost(None),
            () = sleep_until(deadline) => Answer::Late,
        }
    }

    /// Tells the publishers. False if the channel must not be used further.
    ///
    /// The client library gives a returned message to whichever confirmation it completes next, which
    /// need not be that of the same message; but it never completes that one first. So from the first
    /// returned message on, nothing on the channel counts as stored, in this batch or after it.
    fn answer(&self, batch: Vec<(Answer, Waiting)>, returned: &mut bool) -> bool {
        *returned |= batch.iter().any(|(answer, _)| matches!(answer, Answer::Returned));
        let mut in_order = !*returned;
        for (answer, waiting) in batch {
            in_order &= matches!(answer, Answer::Stored | Answer::Refused);
            let result = self.result(answer, &waiting.route, *returned);
            waiting.answer(result);
        }
        in_order
    }

    fn result(&self, answer: Answer, route: &Route, returned: bool) -> Result<(), Error> {
        match answer {
            Answer::Stored if !returned => Ok(()),
            Answer::Stored | Answer::Returned => {
                let unroutable = || Error::Unroutable { queue: self.link.names().target(route).to_string() };
                // The next connection declares the queues again.
                self.link.fail(&unroutable());
                Err(unroutable())
            }
            Answer::Refused => Err(Error::Refused),
            Answer::Lost(error) => {
                let interrupted = || Error::Interrupted(error.clone().map(Into::into));
                self.link.fail(&interrupted());
                Err(interrupted())
            }
            Answer::Late => Err(Error::Timeout(self.confirm_timeout)),
        }
    }
}

impl Waiting {
    fn answer(self, result: Result<(), Error>) {
        // A publisher that no longer listens gave up of its own accord.
        let _gone = self.reply.send(result);
    }
}

/// The next message; the pipes of a publisher take turns.
async fn take(jobs: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    jobs.lock().await.recv().await
}
