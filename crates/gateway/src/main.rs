//! The gateway's process: reads its configuration and serves until it is told to stop.

use std::net::TcpListener;

use anyhow::Context;
use clap::Parser;
use intake_gateway::{Config, Gateway};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> anyhow::Result<()> {
    let runtime = Runtime::new()?;
    let served = runtime.block_on(serve());
    // What hangs with the database hangs for as long as the network lets it, and nobody waits for it any more.
    runtime.shutdown_background();
    served
}

async fn serve() -> anyhow::Result<()> {
    let config = Config::parse();
    intake_telemetry::init(&config.telemetry, &[intake_broker::LOG_DIRECTIVE])?;
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("told to stop");
        told.cancel();
    });
    let listener =
        TcpListener::bind(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
    Ok(Gateway::build(config, listener)?.run_until(shutdown).await?)
}
