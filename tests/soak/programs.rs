//! The programs under test: two gateways and two workers, each behind relays of its own to broker and database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use intake_broker::testing::{Relay, config, unique_prefix};
use intake_store::testing::TestDatabase;
use intake_tests::{Process, until};
use rustix::process::Signal;
use secrecy::ExposeSecret as _;
use tokio::runtime::Runtime;

const CATALOG: &str = include_str!("catalog.yaml");

/// How long a program may take to end after a SIGTERM: what Kubernetes gives it in `deploy/kubernetes`.
const GRACE: Duration = Duration::from_mins(1);

/// All that runs, but for the servers.
pub(crate) struct Programs {
    pub(crate) gateways: Vec<Program>,
    pub(crate) workers: Vec<Program>,
    /// The database, not through a relay.
    pub(crate) database: TestDatabase,
    /// The broker, not through a relay.
    pub(crate) queues: intake_broker::Config,
    pub(crate) runtime: Runtime,
}

/// One program, and the network between it and the servers.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) broker: Relay,
    pub(crate) database: Relay,
    address: SocketAddr,
    arguments: Vec<String>,
    log: PathBuf,
    process: Mutex<Process>,
}

impl Programs {
    pub(crate) fn start(logs: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (database, queues) = (TestDatabase::create(), config(&unique_prefix()));
        let declaration = serde_saphyr::from_str(CATALOG).expect("it is a declaration");
        runtime.block_on(database.store().declare(declaration, false)).expect("the catalogue applies");
        let start = |program: &str, number: usize, arguments: &[&str]| {
            let relay = |url: &str, port| runtime.block_on(Relay::before(url, port)).expect("a relay");
            let broker = relay(queues.amqp_url.expose_secret(), 5672);
            let database = relay(database.url().expose_secret(), 5432);
            let connections = [
                ("--database-url", database.url()),
                ("--amqp-url", broker.url()),
                ("--queue-prefix", &queues.queue_prefix),
            ];
            let connections = connections.into_iter().flat_map(|(name, value)| [name, value]);
            let arguments: Vec<_> = connections.chain(arguments.iter().copied()).map(str::to_owned).collect();
            let name = format!("{program} {number}");
            let log = logs.join(format!("{program}-{number}.log"));
            let process = Process::start(program, None, &arguments, Some(&log));
            let address = process.address;
            Program { name, broker, database, address, arguments, log, process: Mutex::new(process) }
        };
        let gateway = ["--job-key", "a key for the soak only", "--stream-part-records", "1000"];
        let gateways: Vec<_> = (1..=2).map(|number| start("intake-gateway", number, &gateway)).collect();
        let workers: Vec<_> = (1..=2).map(|number| start("intake-worker", number, &[])).collect();
        for program in gateways.iter().chain(&workers) {
            until("all are ready", || program.process().is_ready().then_some(()));
        }
        Self { gateways, workers, database, queues, runtime }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Program> {
        self.gateways.iter().chain(&self.workers)
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.gateways.iter().map(|gateway| gateway.address).collect()
    }

    /// Lets all connections through, and everybody run: also who ended by himself, which is complained of.
    pub(crate) fn mend(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for program in self.all() {
            program.broker.restore();
            program.database.restore();
            program.signal(Signal::CONT);
            let ended = program.process().has_ended();
            if ended {
                complaints.push(format!("{} has ended by itself", program.name));
                program.start_again();
            }
        }
        complaints
    }
}

impl Program {
    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends it a signal, unless it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        let mut process = self.process();
        if !process.has_ended() {
            process.signal(signal);
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) {
        self.process().kill();
    }

    /// SIGTERM, and waits for the end, which must come in time.
    pub(crate) fn stop(&self) -> Result<(), String> {
        let mut process = self.process();
        if process.has_ended() {
            return Ok(());
        }
        process.signal(Signal::CONT);
        process.signal(Signal::TERM);
        let told = Instant::now();
        while !process.has_ended() {
            if told.elapsed() > GRACE {
                process.kill();
                return Err(format!("{} did not end within {GRACE:?} of its SIGTERM", self.name));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(crate) fn start_again(&self) {
        let program = self.name.split(' ').next().unwrap_or_default();
        *self.process() = Process::start(program, Some(self.address), &self.arguments, Some(&self.log));
    }

    /// What it logged of panics.
    pub(crate) fn panics(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = log.lines().filter(|line| line.contains("panicked at"));
        lines.map(|line| format!("{}: {line}", self.name)).collect()
    }

    pub(crate) fn peak_memory(&self) -> u64 {
        self.process().peak_memory()
    }
}
