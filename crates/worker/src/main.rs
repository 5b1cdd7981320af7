//! `intake-worker`: takes accepted imports off the queue and applies them to the database.

use std::net::TcpListener;

use anyhow::Context as _;
use clap::Parser as _;
use intake_worker::{Config, Worker, stop_signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    intake_telemetry::init(&config.telemetry, &[intake_broker::LOG_DIRECTIVE])?;
    let listener =
        TcpListener::bind(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
    Worker::build(&config, listener).run_until(stop_signal()?).await;
    Ok(())
}
