//! A second handle on the socket of a connection, to shut it from outside: the client library waits
//! without limit for a broker that is silent or that has blocked it, on a thread per connection.

use std::{
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties,
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};
use tokio::{net::lookup_host, time::timeout};

#[derive(Debug, Clone, Default)]
pub(super) struct Socket(Arc<Mutex<Handle>>);

#[derive(Debug, Default)]
struct Handle {
    stream: Option<TcpStream>,
    shut: bool,
}

impl Socket {
    /// Ends both directions; whoever reads or writes sees the end at once.
    pub(super) fn shut_down(&self) {
        let mut handle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        handle.shut = true;
        if let Some(stream) = handle.stream.take() {
            let _already_closed = stream.shutdown(Shutdown::Both);
        }
    }

    fn hold(&self, stream: &impl AsFd) -> io::Result<()> {
        let stream = TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        let mut handle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if handle.shut {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        handle.stream = Some(stream);
        Ok(())
    }
}

/// Shuts the socket unless told to keep it.
#[derive(Debug)]
struct Guard(Option<Socket>);

impl Guard {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(socket) = self.0.take() {
            socket.shut_down();
        }
    }
}

/// Connects and logs in. Dropping the future ends the attempt, on the library's thread too.
pub(super) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
    limit: Duration,
) -> lapin::Result<(Connection, Socket)> {
    let socket = Socket::default();
    let guard = Guard(Some(socket.clone()));
    let held = socket.clone();
    let runtime = lapin::runtime::default_runtime()?;
    let connection = Connection::connector(
        uri,
        runtime,
        async move |uri, runtime| {
            let stream = async {
                let addresses = lookup_host((uri.authority.host.as_str(), uri.authority.port)).await?;
                let stream = AsyncTcpStream::connect(&runtime, addresses.collect::<Vec<_>>()).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    held.hold(plain.get_ref())?;
                }
                match uri.scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => {
                        stream.into_tls(&uri.authority.host, OwnedTLSConfig::default().as_ref()).await
                    }
                }
            };
            // The limit of the caller does not reach the thread that this runs on.
            let stream = timeout(limit, stream).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
            stream.map_err(lapin::Error::from)
        },
        properties,
    );
    let connection = connection.await?;
    guard.keep();
    Ok((connection, socket))
}
