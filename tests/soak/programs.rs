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

use crate::catalog;

/// How long a program may take to end after a SIGTERM: what a gateway has left of its time in `deploy/kubernetes`, which is the
/// shorter one.
const GRACE: Duration = Duration::from_secs(40);

/// Arguments that say where the servers are.
const CONNECTIONS: usize = 6;

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
    running: Mutex<Running>,
}

struct Running {
    process: Process,
    /// Whether it was ended on purpose and not started again yet.
    is_down: bool,
}

impl Programs {
    pub(crate) fn start(logs: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (database, queues) = (TestDatabase::create(), config(&unique_prefix()));
        runtime.block_on(database.store().declare(catalog::first(), false)).expect("the catalogue applies");
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
            let running = Mutex::new(Running { process, is_down: false });
            Program { name, broker, database, address, arguments, log, running }
        };
        let gateway = ["--job-key", "a key for the soak only", "--stream-part-records", "1000"];
        let gateways: Vec<_> = (1..=2).map(|number| start("intake-gateway", number, &gateway)).collect();
        let workers: Vec<_> = (1..=2).map(|number| start("intake-worker", number, &[])).collect();
        for program in gateways.iter().chain(&workers) {
            until("all are ready", || program.running().process.is_ready().then_some(()));
        }
        Self { gateways, workers, database, queues, runtime }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Program> {
        self.gateways.iter().chain(&self.workers)
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.gateways.iter().map(|gateway| gateway.address).collect()
    }

    /// How an operator reaches the servers: as the first worker does, through its relays.
    pub(crate) fn operators_arguments(&self) -> &[String] {
        self.workers.first().and_then(|worker| worker.arguments.get(..CONNECTIONS)).unwrap_or_default()
    }

    /// Lets all connections through, and everybody run; whoever has ended by himself is named.
    pub(crate) fn mend(&self) -> Vec<String> {
        for program in self.all() {
            program.broker.restore();
            program.database.restore();
            program.signal(Signal::CONT);
        }
        self.all().filter_map(|program| program.running().look(&program.name).err()).collect()
    }
}

impl Running {
    /// That it runs, unless it was ended on purpose.
    fn look(&mut self, name: &str) -> Result<bool, String> {
        match (self.process.has_ended(), self.is_down) {
            (false, _) => Ok(true),
            (true, true) => Ok(false),
            (true, false) => Err(format!("{name} has ended by itself")),
        }
    }
}

impl Program {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends it a signal, if it runs. Whether it does.
    pub(crate) fn signal(&self, signal: Signal) -> bool {
        let mut running = self.running();
        let runs = !running.process.has_ended();
        if runs {
            running.process.signal(signal);
        }
        runs
    }

    /// SIGKILL. Whether it ran.
    pub(crate) fn kill(&self) -> Result<bool, String> {
        let mut running = self.running();
        let runs = running.look(&self.name)?;
        running.process.kill();
        running.is_down = true;
        Ok(runs)
    }

    /// SIGTERM, and waits for the end, which must come in time. Whether it ran.
    pub(crate) fn stop(&self) -> Result<bool, String> {
        let mut running = self.running();
        if !running.look(&self.name)? {
            return Ok(false);
        }
        running.process.signal(Signal::CONT);
        running.process.signal(Signal::TERM);
        running.is_down = true;
        let told = Instant::now();
        while !running.process.has_ended() {
            if told.elapsed() > GRACE {
                running.process.kill();
                return Err(format!("{} did not end within {GRACE:?} of its SIGTERM", self.name));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(true)
    }

    /// Starts it where it listened before.
    pub(crate) fn start_again(&self) {
        let program = self.name.split(' ').next().unwrap_or_default();
        let mut running = self.running();
        running.process.kill();
        running.process = Process::start(program, Some(self.address), &self.arguments, Some(&self.log));
        running.is_down = false;
    }

    /// What it logged of panics.
    pub(crate) fn panics(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = log.lines().filter(|line| line.contains("panicked at"));
        lines.map(|line| format!("{}: {line}", self.name)).collect()
    }

    pub(crate) fn peak_memory(&self) -> u64 {
        self.running().process.peak_memory()
    }
}
