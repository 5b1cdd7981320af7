//! A whole installation: gateway and workers in this process, a database and queues of their own.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use clap::Parser as _;
use intake_broker::testing::{Relay, delete_queues, unique_prefix};
use intake_gateway::Gateway;
use intake_store::testing::TestDatabase;
use intake_worker::Worker;
use secrecy::ExposeSecret as _;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::{Answer, Format, until};

/// The token of account "demo" (databases 1 and 2) in the demo catalogue.
pub const DEMO_TOKEN: &str = "abcdefghijklmnqrstuvwxyz";
/// The token of account "other" (database 2 only).
pub const OTHER_TOKEN: &str = "other-demo-token-0123456789";

/// What a world is made of.
#[derive(Debug, Clone, Default)]
pub struct WorldBuilder {
    format: Format,
    workers: usize,
    worker_arguments: Vec<String>,
    gateway_arguments: Vec<String>,
    cut_database: bool,
    cut_broker: bool,
    delivery_limit: Option<i32>,
    queue_max_bytes: Option<i64>,
    buries: u32,
    catalog: Option<String>,
}

impl WorldBuilder {
    /// What its verbs speak; JSON unless told otherwise.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// The declaration (YAML) that it lives by, in the place of the demo catalogue. [`DEMO_TOKEN`] must be in it.
    #[must_use]
    pub fn catalog(mut self, declaration: &str) -> Self {
        self.catalog = Some(declaration.to_owned());
        self
    }

    /// How many workers run in this process; none: stories start their own.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Further arguments of each worker.
    #[must_use]
    pub fn worker_arguments(mut self, arguments: &[&str]) -> Self {
        self.worker_arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    /// Further arguments of the gateway.
    #[must_use]
    pub fn gateway_arguments(mut self, arguments: &[&str]) -> Self {
        self.gateway_arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    /// How often a message may come back before it is given up.
    #[must_use]
    pub fn delivery_limit(mut self, limit: i32) -> Self {
        self.delivery_limit = Some(limit);
        self
    }

    /// How many bytes a queue may hold.
    #[must_use]
    pub fn queue_max_bytes(mut self, bytes: i64) -> Self {
        self.queue_max_bytes = Some(bytes);
        self
    }

    /// How many messages the story is going to bury.
    #[must_use]
    pub fn buries(mut self, count: u32) -> Self {
        self.buries = count;
        self
    }

    /// Puts a relay before the database that the story can cut.
    #[must_use]
    pub fn with_database_relay(mut self) -> Self {
        self.cut_database = true;
        self
    }

    /// Puts a relay before the broker that the story can cut.
    #[must_use]
    pub fn with_broker_relay(mut self) -> Self {
        self.cut_broker = true;
        self
    }

    /// Starts everything and waits until the gateway is ready.
    pub fn start(self) -> World {
        World::build(self)
    }
}

/// A running installation, with the demo catalogue unless it was built with another.
pub struct World {
    builder: WorldBuilder,
    runtime: Option<Runtime>,
    shutdown: CancellationToken,
    /// The database, not through the relay.
    pub database: TestDatabase,
    pub(crate) relay: Option<Relay>,
    pub(crate) broker_relay: Option<Relay>,
    /// The broker, not through the relay.
    pub(crate) queues: intake_broker::Config,
    address: SocketAddr,
    agent: ureq::Agent,
}

impl World {
    /// One gateway, one worker.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// One gateway, one worker, and verbs in this format.
    pub fn speaking(format: Format) -> Self {
        Self::builder().format(format).start()
    }

    /// For worlds out of the ordinary; one worker unless told otherwise.
    pub fn builder() -> WorldBuilder {
        WorldBuilder { workers: 1, ..WorldBuilder::default() }
    }

    fn build(builder: WorldBuilder) -> Self {
        // Logs go with the test's own output, which is shown when it fails.
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_env_filter(format!("info,{}", intake_broker::LOG_DIRECTIVE))
            .try_init();
        let runtime = Runtime::new().expect("a runtime");
        let database = TestDatabase::create();
        apply_catalog(&runtime, &database, builder.catalog.as_deref());
        let before = |url: &str, port| runtime.block_on(Relay::before(url, port)).expect("a relay");
        let relay = builder.cut_database.then(|| before(database.url().expose_secret(), 5432));
        let queues = queues(&builder);
        let broker_relay = builder.cut_broker.then(|| before(queues.amqp_url.expose_secret(), 5672));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut world = Self {
            queues,
            address: listener.local_addr().expect("an address"),
            shutdown: CancellationToken::new(),
            agent: agent(),
            builder,
            runtime: Some(runtime),
            database,
            relay,
            broker_relay,
        };
        world.start_gateway(listener);
        for _ in 0..world.builder.workers {
            world.start_worker();
        }
        until("the gateway is ready", || (world.get("/health/ready", None).status == 200).then_some(()));
        world
    }

    /// What its verbs speak.
    pub fn format(&self) -> Format {
        self.builder.format
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("the world runs until it is dropped")
    }

    fn start_gateway(&mut self, listener: TcpListener) {
        let mut arguments = vec!["intake-gateway".to_owned()];
        arguments.extend(self.gateway_arguments());
        let config = intake_gateway::Config::try_parse_from(arguments).expect("gateway arguments");
        let shutdown = self.shutdown.clone();
        self.runtime().spawn(async move {
            let gateway = Gateway::build(config, listener).expect("a gateway");
            gateway.run_until(shutdown).await.expect("the gateway ends well");
        });
    }

    /// Starts one more worker in this process.
    pub fn start_worker(&self) {
        let mut arguments = vec!["intake-worker".to_owned()];
        arguments.extend(self.worker_arguments());
        let config = intake_worker::Config::try_parse_from(arguments).expect("worker arguments");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let shutdown = self.shutdown.clone();
        self.runtime().spawn(async move {
            Worker::build(&config, listener).run_until(shutdown).await;
        });
    }

    pub(crate) fn gateway_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--job-key".to_owned(), "a key for tests only".to_owned()];
        arguments.extend(self.connections());
        arguments.extend(self.builder.gateway_arguments.iter().cloned());
        arguments
    }

    pub(crate) fn worker_arguments(&self) -> Vec<String> {
        let mut arguments = self.connections();
        arguments.extend(self.builder.worker_arguments.iter().cloned());
        arguments
    }

    pub(crate) fn connections(&self) -> Vec<String> {
        let direct = self.database.url();
        let database_url = self.relay.as_ref().map_or(direct.expose_secret(), |relay| relay.url());
        let direct = self.queues.amqp_url.expose_secret();
        let amqp_url = self.broker_relay.as_ref().map_or(direct, |relay| relay.url());
        let pairs = [
            ("--database-url", database_url.to_owned()),
            ("--amqp-url", amqp_url.to_owned()),
            ("--queue-prefix", self.queues.queue_prefix.clone()),
            ("--queue-delivery-limit", self.queues.queue_delivery_limit.to_string()),
            ("--queue-max-bytes", self.queues.queue_max_bytes.to_string()),
        ];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// Makes the catalogue what another declaration (YAML) says.
    pub fn apply_catalog(&self, declaration: &str) {
        apply_catalog(self.runtime(), &self.database, Some(declaration));
    }

    /// What `intake migrate` does; the migrations that were run.
    pub fn migrate(&self) -> Vec<String> {
        self.runtime().block_on(self.database.store().migrate()).expect("the migrations run")
    }

    /// Where the gateway listens, for requests that no HTTP client would send.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request of any method, with these headers; an empty body is none.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send_to(self.address, method, path, headers, body)
    }

    /// As [`Self::post`], to another gateway than the world's own.
    pub fn post_to(&self, address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send_to(address, "POST", path, headers, body)
    }

    fn send_to(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = self.try_send_to(address, method, path, headers, body);
        answer.expect("the gateway answers")
    }

    /// As [`Self::post_to`]; `None` when there is no whole answer.
    pub fn try_post_to(
        &self,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        self.try_send_to(address, "POST", path, headers, body)
    }

    fn try_send_to(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let mut request = ureq::http::Request::builder();
        request = request.method(method).uri(format!("http://{address}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = if body.is_empty() && method != "POST" {
            self.agent.run(request.body(()).expect("a request"))
        } else {
            self.agent.run(request.body(body).expect("a request"))
        };
        Answer::try_read(answer.ok()?)
    }

    /// Posts a body with these headers.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send("POST", path, headers, body)
    }

    /// Gets a path, as the holder of a token or as nobody.
    pub fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let token = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = token.iter().map(|token| ("authorization", token.as_str())).collect();
        self.send("GET", path, &headers, b"")
    }

    /// Messages that wait, ready, in each of the queues.
    pub fn queued(&self) -> intake_broker::Depths {
        self.runtime().block_on(intake_broker::depths(&self.queues)).expect("the broker answers")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let given_up = |queued: intake_broker::Depths| queued.undelivered + queued.dead;
        let buried = if std::thread::panicking() { self.builder.buries } else { given_up(self.queued()) };
        self.shutdown.cancel();
        if let Some(runtime) = self.runtime.take() {
            let _ = runtime.block_on(delete_queues(&self.queues));
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        // No story buries a message unawares.
        assert_eq!(buried, self.builder.buries, "messages were buried");
    }
}

fn queues(builder: &WorldBuilder) -> intake_broker::Config {
    let config = intake_broker::testing::config(&unique_prefix());
    let queue_delivery_limit = builder.delivery_limit.unwrap_or(config.queue_delivery_limit);
    let queue_max_bytes = builder.queue_max_bytes.unwrap_or(config.queue_max_bytes);
    intake_broker::Config { queue_delivery_limit, queue_max_bytes, ..config }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(Duration::from_secs(90))).build().into()
}

fn apply_catalog(runtime: &Runtime, database: &TestDatabase, other: Option<&str>) {
    let demo = || {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/demo/catalog.yaml");
        std::fs::read_to_string(path).expect("the demo catalogue")
    };
    let text = other.map_or_else(demo, str::to_owned);
    let declaration: intake_types::catalog::Declaration =
        serde_saphyr::from_str(&text).expect("it is a declaration");
    runtime.block_on(database.store().declare(declaration, false)).expect("the catalogue applies");
}
