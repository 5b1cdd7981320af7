//! A TCP relay that can be cut and stalled: stands between a process and any server.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
};
use tokio_util::task::AbortOnDropHandle;

/// Room for what is read at once.
const CHUNK: usize = 16 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Stalled,
    /// What the server says is held up, what it is told is not.
    Held,
    Cut,
}

/// What is waited for in what the server is told, and what is done before it is passed on.
type Trap = Arc<Mutex<Option<(Vec<u8>, Snap)>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Snap {
    /// As [`Mode::Held`], for all connections.
    Hold,
    /// Nothing that comes from there on is passed on, on this connection, which stays open.
    Lose,
}

/// Forwards connections to a server, until told otherwise. Ends when dropped, with all connections.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    trap: Trap,
    url: String,
    _accepting: AbortOnDropHandle<()>,
}

impl Relay {
    /// Listens on a free port of this machine and forwards to `target`, a `host:port`.
    pub async fn start(target: &str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, trap) = (watch::Sender::new(Mode::Open), Trap::default());
        let accepting = accept(listener, target.to_owned(), mode.clone(), Arc::clone(&trap));
        let accepting = AbortOnDropHandle::new(tokio::spawn(accepting));
        Ok(Self { address, mode, trap, url: address.to_string(), _accepting: accepting })
    }

    /// Stands before the server of a URL such as `amqp://user:password@host:port/name`; [`Relay::url`]
    /// is then the same URL with the relay in the server's place.
    pub async fn before(url: &str, default_port: u16) -> io::Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or(io::ErrorKind::InvalidInput)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, server) = authority
            .rsplit_once('@')
            .map_or((String::new(), authority), |(user, server)| (format!("{user}@"), server));
        let has_port = server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let target = if has_port { server.to_owned() } else { format!("{server}:{default_port}") };
        let mut relay = Self::start(&target).await?;
        relay.url = format!("{scheme}://{user}{}{path}", relay.address);
        Ok(relay)
    }

    /// Where the relay listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL through the relay, or its `host:port` if it was made without a URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Closes all connections, and every new one at once.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Keeps connections open, and takes new ones, but lets nothing through in either direction.
    pub fn stall(&self) {
        self.mode.send_replace(Mode::Stalled);
    }

    /// Holds up what the server says; what it is told goes through.
    pub fn hold_answers(&self) {
        self.mode.send_replace(Mode::Held);
    }

    /// As [`Relay::hold_answers`], from the moment on that the server is about to be told something with these bytes.
    pub fn hold_answers_from(&self, bytes: &[u8]) {
        self.set(bytes, Snap::Hold);
    }

    /// Keeps from the server what the first connection says that is about to tell it something with these bytes, from
    /// there on.
    pub fn lose_from(&self, bytes: &[u8]) {
        self.set(bytes, Snap::Lose);
    }

    fn set(&self, bytes: &[u8], snap: Snap) {
        *self.trap.lock().unwrap_or_else(PoisonError::into_inner) = Some((bytes.to_vec(), snap));
    }

    /// Whether what was waited for has come.
    pub fn has_snapped(&self) -> bool {
        self.trap.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Lets everything through again, also what a stall held up.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Open);
    }
}

async fn accept(listener: TcpListener, target: String, mode: watch::Sender<Mode>, trap: Trap) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                connections.spawn(connection(client, target.clone(), mode.clone(), Arc::clone(&trap)));
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// Forwards one connection until an end closes it or the relay is cut.
async fn connection(client: TcpStream, target: String, mode: watch::Sender<Mode>, trap: Trap) {
    let mut cut = mode.subscribe();
    let forward = async {
        open(&mut mode.subscribe(), &[Mode::Open, Mode::Held]).await?;
        let server = TcpStream::connect(target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
        tokio::try_join!(
            pump(client_in, server_out, &mode, &[Mode::Open, Mode::Held], Some(&trap)),
            pump(server_in, client_out, &mode, &[Mode::Open], None)
        )
    };
    tokio::select! {
        _ended = forward => {}
        _ended = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pump(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mode: &watch::Sender<Mode>,
    through: &[Mode],
    trap: Option<&Trap>,
) -> io::Result<()> {
    let (mut chunk, mut seen, mut watching) = (vec![0; CHUNK], Vec::new(), mode.subscribe());
    loop {
        let read = from.read(&mut chunk).await?;
        match trap.and_then(|trap| snap(trap, &mut seen, chunk.get(..read).unwrap_or_default())) {
            Some(Snap::Hold) => drop(mode.send_replace(Mode::Held)),
            Some(Snap::Lose) => break,
            None => {}
        }
        open(&mut watching, through).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(chunk.get(..read).unwrap_or_default()).await?;
    }
    while from.read(&mut chunk).await? > 0 {}
    to.shutdown().await
}

/// What is done now, if what is waited for is in what was read. `seen` is the end of what was read before.
fn snap(trap: &Trap, seen: &mut Vec<u8>, read: &[u8]) -> Option<Snap> {
    let mut trap = trap.lock().unwrap_or_else(PoisonError::into_inner);
    let (bytes, _) = trap.as_ref()?;
    seen.extend_from_slice(read);
    let is_there = seen.windows(bytes.len().max(1)).any(|window| window == bytes.as_slice());
    seen.drain(..seen.len().saturating_sub(bytes.len()));
    if is_there { trap.take().map(|(_, snap)| snap) } else { None }
}

/// Waits for one of the modes that let something through.
async fn open(mode: &mut watch::Receiver<Mode>, through: &[Mode]) -> io::Result<()> {
    match mode.wait_for(|mode| through.contains(mode)).await {
        Ok(_open) => Ok(()),
        Err(_dropped) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}
