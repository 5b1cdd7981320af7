//! The clients: they send, send again what was not acknowledged and has a key, follow what was, and have what failed retried.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::book::{Book, Ended};
use crate::gateways::{Answer, Gateways, PATIENCE};
use crate::request::{Request, TOKENS, Wish, draw};

/// Clients that send side by side, those of the accounts in turn.
pub(crate) const CLIENTS: u32 = 12;

/// Open jobs beyond which nothing more is sent: what waits at the end has to be waited for.
const MOST_OPEN: usize = 40;

/// How long what was begun is sent again after the end.
const LAST_TRIES: Duration = Duration::from_mins(2);

/// Between two tries, about, and between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// All clients, and what they share.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) book: Book,
    pub(crate) gateways: Gateways,
    pub(crate) seed: u64,
    /// No more is to be sent.
    pub(crate) over: AtomicBool,
    next: AtomicU32,
    /// How many may still have something acknowledged.
    busy: AtomicU32,
}

impl Clients {
    pub(crate) fn new(gateways: Gateways, seed: u64) -> Self {
        let (over, next, busy) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(CLIENTS + 1));
        Self { book: Book::new(), gateways, seed, over, next, busy }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// One client, until it is over.
    pub(crate) fn send_all(&self, client: u32) {
        let account = usize::try_from(client).unwrap_or_default() % TOKENS.len();
        let mut draw = draw(self.seed, client.into());
        while !self.is_over() {
            if self.book.open() >= MOST_OPEN {
                sleep(PAUSE);
                continue;
            }
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            self.send(&Request::draw(number, account, &mut draw), &mut draw);
        }
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }

    /// One request: again and again if it has a key, else once. What was acknowledged is sent again now and then.
    fn send(&self, request: &Request, draw: &mut StdRng) {
        let sent = request.sent(self.seed);
        self.book.sent(request);
        let mut over_since = None;
        let mut is_acknowledged = false;
        loop {
            let which = draw.random_range(0..usize::MAX);
            let patience = self.patience(request, draw);
            match self.gateways.post(which, &sent, patience) {
                Some(answer) if answer.status == 202 => match answer.job() {
                    Some(job) => {
                        if request.wish == Wish::Cancel {
                            let _too_late = self.gateways.cancel(which, request.account, &job);
                        }
                        self.book.acknowledged(request.number, job);
                        if is_acknowledged || !request.has_key || draw.random_range(0..8) > 0 {
                            return;
                        }
                        is_acknowledged = true;
                    }
                    None => self.book.complain(format!("a 202 without a job: {}", answer.text)),
                },
                // Nothing is wrong with the request, so all else must be about the moment.
                Some(Answer { status: 408 | 429 | 503, .. }) | None => {}
                Some(answer) => {
                    self.book.complain(format!("{} for a good request: {}", answer.status, answer.text));
                    return;
                }
            }
            if !request.has_key || self.is_too_late(&mut over_since) {
                return;
            }
            sleep(PAUSE.mul_f64(draw.random_range(0.5..4.0)));
        }
    }

    fn is_too_late(&self, over_since: &mut Option<Instant>) -> bool {
        self.is_over() && over_since.get_or_insert_with(Instant::now).elapsed() > LAST_TRIES
    }

    /// How long an answer is waited for: now and then not long enough, where the request can be sent again.
    fn patience(&self, request: &Request, draw: &mut StdRng) -> Duration {
        if request.has_key && !self.is_over() && draw.random_range(0..6) == 0 {
            Duration::from_millis(draw.random_range(5..200))
        } else {
            PATIENCE
        }
    }

    /// Has what failed retried, most of it, until it is over.
    pub(crate) fn retry_all(&self) {
        let mut draw = draw(self.seed, u64::MAX - 1);
        while !self.is_over() {
            match self.book.take_flawed() {
                Some((job, account)) if draw.random_range(0..4) > 0 => self.retry(&job, account, &mut draw),
                Some(_left) => {}
                None => sleep(PAUSE),
            }
        }
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }

    /// Asks until it is answered, and now and then once more.
    fn retry(&self, job: &str, account: usize, draw: &mut StdRng) {
        let (mut over_since, mut is_retried) = (None, false);
        while !self.is_too_late(&mut over_since) {
            match self.gateways.retry(draw.random_range(0..usize::MAX), account, job) {
                Some(answer) if answer.status == 202 => match answer.job() {
                    Some(new) => {
                        self.book.retried(job, new);
                        if is_retried || draw.random_range(0..3) > 0 {
                            return;
                        }
                        is_retried = true;
                    }
                    None => self.book.complain(format!("a 202 without a job: {}", answer.text)),
                },
                // It may be under way: then it is to be asked for again.
                Some(Answer { status: 408 | 429 | 503, .. }) | None => {}
                Some(answer) => {
                    let Answer { status, text, .. } = answer;
                    self.book.complain(format!("{status} for the retry of job {job}: {text}"));
                    return;
                }
            }
            sleep(PAUSE.mul_f64(draw.random_range(0.5..4.0)));
        }
    }

    /// Follows the acknowledged jobs, until it is over and all have ended, or none has for so long.
    pub(crate) fn follow(&self, patience: Duration) {
        let mut draw = draw(self.seed, u64::MAX);
        let mut last = Instant::now();
        let is_busy = || !self.is_over() || self.busy.load(Ordering::SeqCst) > 0;
        while is_busy() || (self.book.open() > 0 && last.elapsed() < patience) {
            for (job, account) in self.book.open_jobs() {
                let answer = self.gateways.job(draw.random_range(0..usize::MAX), account, &job);
                match answer {
                    Some(answer) if answer.status == 200 => {
                        if let Some(ended) = answer.json().as_ref().and_then(Ended::read) {
                            self.book.ended(&job, ended);
                            last = Instant::now();
                        }
                    }
                    Some(Answer { status: 429 | 503, .. }) | None => {}
                    Some(answer) => self.book.complain(format!(
                        "{} for the acknowledged job {job}: {}",
                        answer.status, answer.text
                    )),
                }
            }
            if is_busy() {
                last = Instant::now();
            }
            sleep(PAUSE);
        }
    }
}
