//! The book that the clients keep: what they sent, what was acknowledged, which jobs that made and what their end was.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::request::{Request, Wish};

/// Shared by all who send and follow.
#[derive(Debug)]
pub(crate) struct Book(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    entries: BTreeMap<u32, Entry>,
    /// Acknowledged jobs: of requests and of retries.
    jobs: BTreeMap<String, Followed>,
    /// Jobs of which records failed, and which nobody has had retried yet.
    flawed: Vec<String>,
    /// Acknowledged jobs that have not ended.
    open: usize,
    /// What must never be, whatever breaks.
    complaints: Vec<String>,
    /// Since when no job has ended although one is open.
    still_since: Instant,
    longest_stall: Duration,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) request: Request,
    /// When it was first sent: it counts as accepted no earlier.
    pub(crate) sent: Instant,
    /// When its first 202 was there.
    pub(crate) acknowledged: Option<Instant>,
    /// The jobs that its 202s named: one, if it was not sent while nobody could tell.
    pub(crate) named: Vec<String>,
}

/// One acknowledged job.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// The request that it is of.
    pub(crate) number: u32,
    pub(crate) account: usize,
    /// The job whose failed records it has.
    pub(crate) retry_of: Option<String>,
    /// When it was seen to have ended, and how.
    pub(crate) ended: Option<(Instant, Ended)>,
}

/// How a job ended, as its status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The job that it is: another than was named where the request had one already.
    pub(crate) job: String,
    pub(crate) state: String,
    pub(crate) text: String,
    pub(crate) error: u64,
    pub(crate) failed: u64,
}

/// What the book says in the end.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) entries: BTreeMap<u32, Entry>,
    pub(crate) jobs: BTreeMap<String, Followed>,
    pub(crate) complaints: Vec<String>,
    /// The longest time in which no job ended although one was open.
    pub(crate) longest_stall: Duration,
}

impl Ended {
    /// Reads a status; nothing of a job that has not ended.
    pub(crate) fn read(status: &Value) -> Option<Self> {
        status["finished_at"].as_str()?;
        Some(Self {
            job: status["job_id"].as_str()?.to_owned(),
            state: status["status"].as_str()?.to_owned(),
            text: status["error_text"].as_str().unwrap_or_default().to_owned(),
            error: status["error"].as_u64()?,
            failed: status["failed"].as_u64()?,
        })
    }

    /// Whether its operator has what was not applied of it.
    pub(crate) fn is_given_up(&self) -> bool {
        self.error == 500
    }
}

impl Book {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Pages {
            entries: BTreeMap::new(),
            jobs: BTreeMap::new(),
            flawed: Vec::new(),
            open: 0,
            complaints: Vec::new(),
            still_since: Instant::now(),
            longest_stall: Duration::ZERO,
        }))
    }

    pub(crate) fn sent(&self, request: &Request) {
        let entry =
            Entry { request: request.clone(), sent: Instant::now(), acknowledged: None, named: Vec::new() };
        self.pages().entries.insert(request.number, entry);
    }

    /// A request was answered with a job: it is followed, the first time.
    pub(crate) fn acknowledged(&self, number: u32, job: String) {
        let mut pages = self.pages();
        let Some(entry) = pages.entries.get_mut(&number) else { return };
        entry.named.push(job.clone());
        if entry.acknowledged.is_none() {
            entry.acknowledged = Some(Instant::now());
            let account = entry.request.account;
            pages.follow(job, Followed { number, account, retry_of: None, ended: None });
        }
    }

    /// The failed records of a job were made one of their own.
    pub(crate) fn retried(&self, old: &str, new: String) {
        let mut pages = self.pages();
        let Some(Followed { number, account, .. }) = pages.jobs.get(old) else { return };
        let retry =
            Followed { number: *number, account: *account, retry_of: Some(old.to_owned()), ended: None };
        pages.follow(new, retry);
    }

    pub(crate) fn ended(&self, job: &str, ended: Ended) {
        let mut pages = self.pages();
        let entry = pages.jobs.get(job).and_then(|followed| pages.entries.get(&followed.number));
        // Of a dry run nothing is kept.
        if ended.failed > 0 && ended.error == 0 && entry.is_some_and(|entry| entry.request.wish != Wish::Ask)
        {
            pages.flawed.push(job.to_owned());
        }
        if let Some(followed) = pages.jobs.get_mut(job) {
            followed.ended = Some((Instant::now(), ended));
            pages.open -= 1;
        }
        pages.measure_stall();
        pages.still_since = Instant::now();
    }

    /// A job of which records failed, and whose it is; each once.
    pub(crate) fn take_flawed(&self) -> Option<(String, usize)> {
        let mut pages = self.pages();
        let job = pages.flawed.pop()?;
        let account = pages.jobs.get(&job)?.account;
        Some((job, account))
    }

    pub(crate) fn complain(&self, complaint: String) {
        self.pages().complaints.push(complaint);
    }

    pub(crate) fn open(&self) -> usize {
        self.pages().open
    }

    /// The open jobs and their accounts.
    pub(crate) fn open_jobs(&self) -> Vec<(String, usize)> {
        let pages = self.pages();
        let open = pages.jobs.iter().filter(|(_, followed)| followed.ended.is_none());
        open.map(|(job, followed)| (job.clone(), followed.account)).collect()
    }

    pub(crate) fn close(self) -> Closed {
        let mut pages = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if pages.open > 0 {
            pages.measure_stall();
        }
        let Pages { entries, jobs, complaints, longest_stall, .. } = pages;
        Closed { entries, jobs, complaints, longest_stall }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn follow(&mut self, job: String, followed: Followed) {
        if self.open == 0 {
            self.still_since = Instant::now();
        }
        // A retry that is asked for again is the same job.
        if let Slot::Vacant(free) = self.jobs.entry(job) {
            free.insert(followed);
            self.open += 1;
        }
    }

    fn measure_stall(&mut self) {
        self.longest_stall = self.longest_stall.max(self.still_since.elapsed());
    }
}
