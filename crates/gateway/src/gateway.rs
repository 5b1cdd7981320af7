//! One gateway process: built from its configuration, run until told to stop.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpServer, web};
use intake_broker::{Notices, Publisher};
use intake_store::Store;
use intake_types::JobKey;
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::wait::Waiters;
use crate::{Config, observe, routes};

/// Longer than load balancers keep idle connections, so that it is they who close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For closing the connection to the broker: no request is under way by then, so there is nothing to confirm.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The secret for job ids is too short.
    #[error("the job key needs at least {} bytes", JobKey::MIN_BYTES)]
    JobKey,
    /// The socket cannot be used.
    #[error("the server cannot listen")]
    Listen(#[from] std::io::Error),
}

/// A gateway that has not started yet. Neither broker nor database need to be up.
#[derive(Debug)]
pub struct Gateway {
    config: Config,
    job_key: JobKey,
    store: Store,
    listener: TcpListener,
    address: SocketAddr,
}

impl Gateway {
    /// Puts a gateway together; `listener` is where it will serve (`config.listen` is not looked at).
    pub fn build(config: Config, listener: TcpListener) -> Result<Self, Error> {
        let job_key = JobKey::new(config.job_key.expose_secret().as_bytes()).ok_or(Error::JobKey)?;
        let store = Store::open(&config.store);
        let address = listener.local_addr()?;
        Ok(Self { config, job_key, store, listener, address })
    }

    /// Where it will serve.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`; then finishes the requests under way, within the time that is configured.
    ///
    /// Must be called on a multi-threaded runtime, which serves the connection to the broker.
    pub async fn run_until(self, shutdown: CancellationToken) -> Result<(), Error> {
        let Self { config, job_key, store, listener, address } = self;
        // Outlives the server: what was taken must still be published.
        let process = CancellationToken::new();
        let _also_when_dropped = process.clone().drop_guard();
        let publisher = Publisher::start(&config.broker, "intake-gateway", process.clone());
        let notices = Notices::start(&config.broker, "intake-gateway notices", process.clone());
        let waiters = Waiters::new(notices.watch());
        tokio::spawn(waiters.clone().listen(notices));
        let app = Arc::new(App::new(&config, job_key, store, publisher.clone(), waiters, shutdown.clone()));
        tokio::spawn(keep_fresh(Arc::clone(&app), config.catalog_refresh, process.clone()));
        let server = serve(&config, listener, Arc::clone(&app))?;
        let handle = server.handle();
        tokio::pin!(server);
        tracing::info!(http.address = %address, "gateway started");
        let ended = tokio::select! {
            ended = &mut server => ended,
            () = shutdown.cancelled() => {
                // Stops accepting and waits for the requests under way; long waits end by themselves.
                let (ended, ()) = tokio::join!(server, handle.stop(true));
                ended
            }
        };
        process.cancel();
        if timeout(CLOSE_TIMEOUT, publisher.closed()).await.is_err() {
            tracing::warn!("the connection to the message broker did not close in time");
        }
        tracing::info!("gateway stopped");
        Ok(ended?)
    }
}

async fn keep_fresh(app: Arc<App>, interval: Duration, process: CancellationToken) {
    let _stopped = process.run_until_cancelled(app.snapshot.keep_fresh(&app.store, interval)).await;
}

/// The server, which runs on threads of its own once it is polled.
fn serve(config: &Config, listener: TcpListener, app: Arc<App>) -> std::io::Result<Server> {
    let app = web::Data::from(app);
    let server = HttpServer::new(move || {
        ActixApp::new().app_data(app.clone()).wrap(from_fn(observe::request)).configure(routes::configure)
    });
    let server = match config.http_workers {
        Some(workers) => server.workers(workers.into()),
        None => server,
    };
    // Signals are the business of whoever runs the process.
    let server = server
        .disable_signals()
        .shutdown_timeout(config.shutdown_timeout.into())
        .keep_alive(KEEP_ALIVE)
        // Else the last piece of an answer may wait until the client has acknowledged the one before: some 40 ms.
        .tcp_nodelay(true)
        .client_request_timeout(HEAD_TIMEOUT);
    Ok(server.listen(listener)?.run())
}
