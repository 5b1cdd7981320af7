//! An installation to be measured: one gateway and some workers as processes, on a database and queues of their own.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use intake_broker::testing::{config, delete_queues, unique_prefix};
use intake_store::testing::TestDatabase;
use intake_tests::{Process, until};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::runtime::Runtime;
use ureq::Agent;
use ureq::http::Request;

const CATALOG: &str = include_str!("catalog.yaml");
/// Of the account that imports, and of the one beside it.
const TOKENS: [&str; 2] = ["token-of-the-bench-000000001", "token-of-the-bench-000000002"];
const IMPORT: &str = "/api/v1.1/profiles/import_batch";
/// Between two looks at the jobs.
const TICK: Duration = Duration::from_millis(10);
/// How many have ended. Of the database, for to ask after each of a thousand small ones by itself would take as long as they do.
const ENDED: &str = "SELECT count(*) FROM jobs WHERE account = 'shop' AND finished_at IS NOT NULL";

/// Ticks of the clock that `/proc` counts in, in a second: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
const TICKS: f64 = 100.0;

/// All that runs for it; ends when dropped.
pub(crate) struct Installation {
    pub(crate) database: TestDatabase,
    pub(crate) gateway: Process,
    pub(crate) workers: Vec<Process>,
    queues: intake_broker::Config,
    pub(crate) runtime: Runtime,
    agent: Agent,
}

/// What it took to apply batches.
pub(crate) struct Timed {
    /// From the first request to the end of the last job.
    pub(crate) seconds: f64,
    /// Of processor, by the gateway, until the last batch was accepted.
    pub(crate) cpu_seconds: f64,
}

impl Installation {
    pub(crate) fn start(workers: u16) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (database, queues) = (TestDatabase::create(), config(&unique_prefix()));
        let declaration = serde_saphyr::from_str(CATALOG).expect("it is a declaration");
        runtime.block_on(database.store().declare(declaration, false)).expect("the catalogue applies");
        let url = database.url();
        let connections = [
            ("--database-url", url.expose_secret()),
            ("--amqp-url", queues.amqp_url.expose_secret()),
            ("--queue-prefix", &queues.queue_prefix),
            ("--log", "warn"),
        ];
        let connections: Vec<_> =
            connections.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]).collect();
        let start = |program: &str, arguments: &[&str]| {
            let more = arguments.iter().map(ToString::to_string);
            let arguments: Vec<_> = connections.iter().cloned().chain(more).collect();
            Process::start(program, None, &arguments, None)
        };
        let gateway = start("intake-gateway", &["--job-key", "a key for the bench only"]);
        let workers: Vec<_> = (0..workers).map(|_| start("intake-worker", &[])).collect();
        for process in workers.iter().chain([&gateway]) {
            until("all are ready", || process.is_ready().then_some(()));
        }
        let agent = Agent::config_builder().timeout_global(Some(Duration::from_mins(5))).build().into();
        Self { database, gateway, workers, queues, runtime, agent }
    }

    /// Posts bodies, one after the other, and waits until all of them are applied, which is to become of each record.
    pub(crate) fn apply(&self, bodies: &[Vec<u8>], action: &str) -> Timed {
        let (timed, jobs) = self.apply_by(|| bodies.iter().map(|body| self.post(body)).collect());
        for job in &jobs {
            let status = self.status(job);
            assert_eq!(status[action], status["total"], "{status}");
        }
        timed
    }

    /// The same by so many clients at once, where each record may be created, updated or superseded. Seconds.
    pub(crate) fn apply_at_once(&self, bodies: &[Vec<u8>], clients: usize) -> f64 {
        let next = AtomicUsize::new(0);
        let client = || {
            let bodies = std::iter::from_fn(|| bodies.get(next.fetch_add(1, Ordering::Relaxed)));
            bodies.map(|body| self.post(body)).collect::<Vec<_>>()
        };
        let (timed, jobs) = self.apply_by(|| {
            thread::scope(|scope| {
                let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
                clients.into_iter().flat_map(|client| client.join().expect("a client ends well")).collect()
            })
        });
        for job in &jobs {
            let status = self.status(job);
            assert_eq!((&status["status"], &status["failed"]), (&"completed".into(), &0.into()), "{status}");
        }
        timed.seconds
    }

    fn apply_by(&self, post: impl FnOnce() -> Vec<String>) -> (Timed, Vec<String>) {
        let ended = self.database.scalar(ENDED);
        let (start, cpu) = (Instant::now(), cpu_seconds(self.gateway.id()));
        let jobs = post();
        let cpu_seconds = cpu_seconds(self.gateway.id()) - cpu;
        let posted = i64::try_from(jobs.len()).expect("a number of jobs");
        self.database.wait_for(ENDED, ended + posted, TICK);
        let seconds = start.elapsed().as_secs_f64();
        // What is left to be told is not to be in the way of what is measured next.
        self.database.wait_for("SELECT -count(*) FROM outbox", 0, TICK);
        (Timed { seconds, cpu_seconds }, jobs)
    }

    /// Posts a body and waits for its results in the answer. Seconds.
    pub(crate) fn exchange(&self, body: &[u8]) -> f64 {
        self.exchange_as(TOKENS[0], body)
    }

    /// The same as the account beside the one that imports.
    pub(crate) fn exchange_beside(&self, body: &[u8]) -> f64 {
        self.exchange_as(TOKENS[1], body)
    }

    fn exchange_as(&self, token: &str, body: &[u8]) -> f64 {
        let start = Instant::now();
        let request = Request::post(self.url(IMPORT)).header("prefer", "wait=60");
        let answer = self.send(token, request, body);
        let seconds = start.elapsed().as_secs_f64();
        // Without them the wait was over before the job was.
        assert!(answer["result"].is_array(), "{answer}");
        seconds
    }

    fn post(&self, body: &[u8]) -> String {
        let answer = self.send(TOKENS[0], Request::post(self.url(IMPORT)), body);
        answer["job_id"].as_str().expect("a 202 names its job").to_owned()
    }

    fn send(&self, token: &str, request: ureq::http::request::Builder, body: &[u8]) -> Value {
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json").body(body).expect("a request");
        read(self.agent.run(request).expect("the gateway takes it"))
    }

    fn status(&self, job: &str) -> Value {
        let request = Request::get(self.url(&format!("/api/v1.1/jobs/{job}")));
        let request = request.header("authorization", format!("Bearer {}", TOKENS[0])).body(());
        read(self.agent.run(request.expect("a request")).expect("the gateway answers"))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address)
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Value {
    let body = response.body_mut().with_config().limit(64 << 20).read_to_string();
    serde_json::from_str(&body.expect("an answer is whole")).expect("an answer is JSON")
}

/// Seconds of processor that a process has had.
pub(crate) fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    // `pid (name) state ...`, where the name may contain anything; fields 14 and 15 of all.
    let (_, rest) = stat.rsplit_once(") ").expect("it has a name");
    let ticks = rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap_or_default());
    ticks.sum::<f64>() / TICKS
}

impl Drop for Installation {
    fn drop(&mut self) {
        for process in self.workers.iter_mut().chain([&mut self.gateway]) {
            process.kill();
        }
        let _left_behind = self.runtime.block_on(delete_queues(&self.queues));
    }
}
