//! `intake-worker`: takes accepted imports off the queue and applies them to the database.

use std::net::TcpListener;

use anyhow::Context as _;
use clap::Parser as _;
use intake_worker::{Config, Worker, stop_signal};
use tokio::runtime::Runtime;

/// A record is hundreds of small values: glibc's allocator takes half of a worker's time for them. See .cargo/config.toml.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let worked = runtime.block_on(work());
    // What hangs with the database hangs for as long as the network lets it, and nobody waits for it any more.
    runtime.shutdown_background();
    worked
}

async fn work() -> anyhow::Result<()> {
    let config = Config::parse();
    intake_telemetry::init(&config.telemetry, &[intake_broker::LOG_DIRECTIVE])?;
    let listener =
        TcpListener::bind(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
    Worker::build(&config, listener).run_until(stop_signal()?).await;
    Ok(())
}
