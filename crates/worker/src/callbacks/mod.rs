//! Callbacks: clients are told that their jobs have ended, beside the jobs.
//!
//! Every worker sends those that are due, as the ledger has them; one that dies with a call in hand is missed by nobody,
//! for the ledger lends a callback for a while only. What fails is tried again later, by whichever worker comes first.

mod call;
mod resolve;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use intake_store::{Attempt, Callback, Store};
use intake_telemetry::Metric;
use intake_types::callback::CallbackState;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};

use self::call::Client;
use crate::Calls;
use crate::relay::Wake;

/// Time between two looks for what is due; what this worker's jobs bring is seen at once.
const POLL: Duration = Duration::from_secs(1);
/// What a call may take beyond its time limit before somebody else may make it: for the ledger.
const SLACK: Duration = Duration::from_secs(30);

/// The sender while it runs.
pub(crate) struct Calling {
    task: JoinHandle<()>,
    deadline: Duration,
}

impl Calling {
    /// Starts the sender; it runs until `shutdown`.
    pub(crate) fn start(store: Store, settings: Calls, wake: Wake, shutdown: CancellationToken) -> Self {
        let deadline = settings.callback_timeout + SLACK;
        let client = Arc::new(Client::new(settings.callback_timeout));
        let sender = Sender { store, settings: Arc::new(settings), client, wake, shutdown };
        Self { task: tokio::spawn(sender.run()), deadline }
    }

    /// Done when, after the shutdown, the calls in hand are over.
    pub(crate) async fn stopped(self) {
        match timeout(self.deadline, self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the sender of callbacks ended in a panic"),
            Err(_late) => tracing::warn!("stopped with callbacks in hand: they will be made again"),
        }
    }
}

struct Sender {
    store: Store,
    settings: Arc<Calls>,
    client: Arc<Client>,
    wake: Wake,
    shutdown: CancellationToken,
}

impl Sender {
    async fn run(self) {
        let mut calls = JoinSet::new();
        // The account of each call in hand.
        let mut accounts: HashMap<Id, String> = HashMap::new();
        while !self.shutdown.is_cancelled() {
            self.begin(&mut calls, &mut accounts).await;
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                Some(ended) = calls.join_next_with_id() => over(&ended, &mut accounts),
                () = self.wake.woken() => {}
                () = sleep(POLL.mul_f64(rand::random_range(0.5..1.0))) => {}
            }
        }
        while let Some(ended) = calls.join_next_with_id().await {
            over(&ended, &mut accounts);
        }
    }

    /// Begins as many calls as may run at once and are due.
    async fn begin(&self, calls: &mut JoinSet<()>, accounts: &mut HashMap<Id, String>) {
        let most = usize::from(self.settings.callbacks);
        while calls.len() < most && !self.shutdown.is_cancelled() {
            let busy = busy(accounts, most.div_ceil(2));
            let lease = self.settings.callback_timeout + SLACK;
            match self.store.take_callback(busy, lease).await {
                Ok(Some(callback)) => {
                    let (account, job_id) = (callback.account.clone(), callback.status.job_id);
                    let (store, client, settings) =
                        (self.store.clone(), Arc::clone(&self.client), Arc::clone(&self.settings));
                    let call = async move { make(&store, client, &settings, callback).await };
                    let call = calls.spawn(call.instrument(info_span!("callback", job.id = %job_id)));
                    accounts.insert(call.id(), account);
                }
                Ok(None) => break,
                Err(error) => {
                    // Where the database is away the jobs say so.
                    tracing::debug!(%error, "callbacks wait");
                    break;
                }
            }
        }
    }
}

/// Accounts that have enough calls in hand: a receiver that hangs must not hold up the callbacks of others.
fn busy(accounts: &HashMap<Id, String>, most: usize) -> Vec<String> {
    let mut names: Vec<&String> = accounts.values().collect();
    names.sort_unstable();
    let runs = names.chunk_by(|left, right| left == right);
    runs.filter(|run| run.len() >= most).filter_map(|run| run.first().map(|name| (*name).clone())).collect()
}

fn over(ended: &Result<(Id, ()), JoinError>, accounts: &mut HashMap<Id, String>) {
    let id = match ended {
        Ok((id, ())) => *id,
        Err(error) => {
            tracing::error!(%error, "a callback ended in a panic");
            error.id()
        }
    };
    accounts.remove(&id);
}

/// Makes one attempt, and enters what came of it.
async fn make(store: &Store, client: Arc<Client>, settings: &Calls, callback: Callback) {
    // As of now: a host that was taken off the list is not called any more.
    let catalog = match store.catalog().await {
        Ok(catalog) => catalog,
        Err(error) => return tracing::warn!(%error, "a callback waits"),
    };
    let callbacks = catalog.accounts.get(&callback.account).and_then(|account| account.callbacks.clone());
    let called = client.call(callback.clone(), callbacks).await;
    let wait = callback.attempt.checked_sub(1).and_then(|made| usize::try_from(made).ok());
    let wait = wait.and_then(|made| settings.callback_retries.get(made)).copied();
    let attempt = called.attempt(wait.map(|seconds| Duration::from_secs(seconds.into())));
    tell(&callback, &attempt);
    if let Err(error) = store.settle_callback(&callback, attempt).await {
        tracing::warn!(%error, "what came of a callback is not known to the ledger: it will be made again");
    }
}

fn tell(callback: &Callback, attempt: &Attempt) {
    let outcome = match attempt.state {
        CallbackState::Delivered => "delivered",
        CallbackState::Pending => "failed",
        CallbackState::Failed => "given_up",
    };
    Metric::WorkerCallbacks.add(1, &[("outcome", outcome.to_owned())]);
    let (count, status, error) = (callback.attempt, attempt.status, attempt.error.as_deref());
    match attempt.state {
        CallbackState::Delivered => tracing::info!(callback.attempt = count, "a callback was delivered"),
        CallbackState::Pending => {
            tracing::info!(
                callback.attempt = count,
                http.status = status,
                error,
                "a callback failed: tried again later"
            );
        }
        CallbackState::Failed => {
            tracing::warn!(callback.attempt = count, http.status = status, error, "a callback is given up");
        }
    }
}
