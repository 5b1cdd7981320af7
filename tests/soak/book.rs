//! The book that the clients keep: what they sent, what was acknowledged, and what its end was.

use std::collections::BTreeMap;
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
    /// When its 202 was there, and the job that it named.
    pub(crate) acknowledged: Option<(Instant, String)>,
    pub(crate) ended: Option<Ended>,
}

/// How a job ended, as its status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The job that it is: another than was named where the request had one already.
    pub(crate) job: String,
    pub(crate) state: String,
    pub(crate) text: String,
    /// Records that were applied, or of a dry run would have been.
    pub(crate) applied: usize,
    /// Records that were skipped, since it was cancelled.
    pub(crate) skipped: usize,
}

impl Ended {
    /// Reads a status; nothing of a job that has not ended.
    pub(crate) fn read(status: &Value) -> Option<Self> {
        status["finished_at"].as_str()?;
        let count =
            |name: &str| status[name].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        Some(Self {
            job: status["job_id"].as_str()?.to_owned(),
            state: status["status"].as_str()?.to_owned(),
            text: status["error_text"].as_str().unwrap_or_default().to_owned(),
            applied: ["created", "updated", "unchanged"].map(count).iter().sum(),
            skipped: count("skipped"),
        })
    }
}

/// What is known of a request's records in the database.
pub(crate) enum Effect<'a> {
    /// These were applied, and no others.
    Sure(&'a [u16]),
    /// Each of these may have been.
    Maybe(&'a [u16]),
}

impl Entry {
    /// What its records did, as far as that was told.
    pub(crate) fn effect(&self) -> Effect<'_> {
        let people = self.request.people.as_slice();
        match &self.ended {
            _ if self.request.wish == Wish::Ask => Effect::Sure(&[]),
            // What was applied of a job that was cancelled is a prefix.
            Some(ended) => Effect::Sure(people.get(..ended.applied).unwrap_or(people)),
            None => Effect::Maybe(people),
        }
    }

    /// Who may have been written to.
    pub(crate) fn written(&self) -> &[u16] {
        match self.effect() {
            Effect::Sure(people) | Effect::Maybe(people) => people,
        }
    }
}

impl Book {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Pages {
            entries: BTreeMap::new(),
            open: 0,
            complaints: Vec::new(),
            still_since: Instant::now(),
            longest_stall: Duration::ZERO,
        }))
    }

    pub(crate) fn sent(&self, request: &Request) {
        let entry = Entry { request: request.clone(), sent: Instant::now(), acknowledged: None, ended: None };
        self.pages().entries.insert(request.number, entry);
    }

    pub(crate) fn acknowledged(&self, number: u32, job: String) {
        let mut pages = self.pages();
        if pages.open == 0 {
            pages.still_since = Instant::now();
        }
        if let Some(entry) = pages.entries.get_mut(&number) {
            entry.acknowledged = Some((Instant::now(), job));
            pages.open += 1;
        }
    }

    pub(crate) fn ended(&self, number: u32, ended: Ended) {
        let mut pages = self.pages();
        if let Some(entry) = pages.entries.get_mut(&number) {
            entry.ended = Some(ended);
            pages.open -= 1;
        }
        pages.measure_stall();
        pages.still_since = Instant::now();
    }

    pub(crate) fn complain(&self, complaint: String) {
        self.pages().complaints.push(complaint);
    }

    pub(crate) fn open(&self) -> usize {
        self.pages().open
    }

    /// The open jobs: the number of the request, its account, the job.
    pub(crate) fn open_jobs(&self) -> Vec<(u32, usize, String)> {
        let pages = self.pages();
        let open = pages.entries.values().filter(|entry| entry.ended.is_none());
        open.filter_map(|entry| {
            let (_, job) = entry.acknowledged.as_ref()?;
            Some((entry.request.number, entry.request.account, job.clone()))
        })
        .collect()
    }

    /// All that is in it: the entries, what was complained of, and the longest time in which no job ended although one was
    /// open.
    pub(crate) fn close(self) -> (Vec<Entry>, Vec<String>, Duration) {
        let mut pages = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if pages.open > 0 {
            pages.measure_stall();
        }
        (pages.entries.into_values().collect(), pages.complaints, pages.longest_stall)
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn measure_stall(&mut self) {
        self.longest_stall = self.longest_stall.max(self.still_since.elapsed());
    }
}
