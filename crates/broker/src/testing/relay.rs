//! A TCP relay that can be cut, stalled, slowed down and broken in all other ways: stands between a process and any server.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use super::alarm::{self, Frames};

/// Room for what is read at once.
const CHUNK: usize = 16 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Stalled,
    /// What the server says is held up, what it is told is not.
    Held,
    /// Each piece that is passed on waits so long first.
    Slow(Duration),
    /// What is said on a connection is lost, and so is all that is said on it later.
    Lost,
    Cut,
    /// The broker reads no more from a connection once something is published on it.
    Alarm,
}

impl Mode {
    /// Whether what comes from one end is passed on to the other, on a connection that is blocked in an alarm or is not.
    fn lets_through(self, from: End, is_blocked: bool) -> bool {
        match self {
            Self::Open | Self::Slow(_) => true,
            Self::Held => from == End::Client,
            Self::Alarm => from == End::Server || !is_blocked,
            Self::Stalled | Self::Lost | Self::Cut => false,
        }
    }
}

/// Who says something on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Client,
    Server,
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

    /// Passes on what is said in pieces of up to 16 KiB, each of which takes so long, one after the other.
    pub fn slow_down(&self, piece: Duration) {
        self.mode.send_replace(Mode::Slow(piece));
    }

    /// Half-open: the connections on which something is said from now on stay open and carry nothing any more, not even
    /// that the other end has closed them, as if the machine there had lost its power. New ones are taken and wait.
    pub fn lose(&self) {
        self.mode.send_replace(Mode::Lost);
    }

    /// Does what RabbitMQ does when it is short of memory or disk: a connection on which something is published is told so
    /// and read from no more; all others go on, <https://www.rabbitmq.com/docs/alarms>. In a real alarm all connections of
    /// the node would be meant, those of other tests too.
    pub fn alarm(&self) {
        self.mode.send_replace(Mode::Alarm);
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
        open(&mut mode.subscribe(), End::Client, false).await?;
        let server = TcpStream::connect(target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
        let (is_lost, is_blocked) = (watch::Sender::new(false), watch::Sender::new(false));
        let pump = |from, trap| Pump { from, mode: &mode, is_lost: &is_lost, is_blocked: &is_blocked, trap };
        tokio::try_join!(
            pump(End::Client, Some(&trap)).run(client_in, server_out),
            pump(End::Server, None).run(server_in, client_out)
        )
    };
    tokio::select! {
        _ended = forward => {}
        _ended = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

/// One direction of a connection.
struct Pump<'a> {
    from: End,
    mode: &'a watch::Sender<Mode>,
    /// Whether something that was said on the connection is lost: the rest would make no sense.
    is_lost: &'a watch::Sender<bool>,
    /// Whether something was published on the connection in an alarm that goes on.
    is_blocked: &'a watch::Sender<bool>,
    trap: Option<&'a Trap>,
}

impl Pump<'_> {
    /// Gives back the end that it passed on to where that must not be closed as long as the other direction is open.
    async fn run(
        self,
        mut from: tcp::OwnedReadHalf,
        mut to: tcp::OwnedWriteHalf,
    ) -> io::Result<Option<tcp::OwnedWriteHalf>> {
        let (mut chunk, mut seen, mut watching) = (vec![0; CHUNK], Vec::new(), self.mode.subscribe());
        let (mut frames, mut blocked) = (Frames::default(), self.is_blocked.subscribe());
        loop {
            let read = tokio::select! {
                read = from.read(&mut chunk) => read?,
                Ok(()) = blocked.changed(), if self.from == End::Server && frames.is_between() => {
                    let notice = alarm::notice(*blocked.borrow_and_update());
                    to.write_all(notice).await?;
                    continue;
                }
            };
            frames.pass(chunk.get(..read).unwrap_or_default());
            let has_published = frames.has_published() && self.from == End::Client;
            if has_published && *self.mode.borrow() == Mode::Alarm {
                self.is_blocked.send_replace(true);
            }
            match self.trap.and_then(|trap| snap(trap, &mut seen, chunk.get(..read).unwrap_or_default())) {
                Some(Snap::Hold) => drop(self.mode.send_replace(Mode::Held)),
                Some(Snap::Lose) => break,
                None => {}
            }
            if *self.mode.borrow() == Mode::Lost {
                self.is_lost.send_replace(true);
            }
            let (mut is_lost, is_blocked) = (self.is_lost.subscribe(), *blocked.borrow());
            let is_lost = tokio::select! {
                biased;
                lost = is_lost.wait_for(|lost| *lost) => lost.is_ok(),
                opened = open(&mut watching, self.from, is_blocked) => opened.map(|()| false)?,
            };
            if is_lost {
                while matches!(from.read(&mut chunk).await, Ok(1..)) {}
                return Ok(Some(to));
            }
            if self.from == End::Client {
                self.is_blocked.send_if_modified(std::mem::take);
            }
            let mode = *self.mode.borrow();
            if let Mode::Slow(piece) = mode {
                sleep(piece).await;
            }
            if read == 0 {
                to.shutdown().await?;
                return Ok(None);
            }
            to.write_all(chunk.get(..read).unwrap_or_default()).await?;
        }
        while from.read(&mut chunk).await? > 0 {}
        to.shutdown().await?;
        Ok(None)
    }
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

/// Waits for a mode that lets through what comes from this end.
async fn open(mode: &mut watch::Receiver<Mode>, from: End, is_blocked: bool) -> io::Result<()> {
    match mode.wait_for(|mode| mode.lets_through(from, is_blocked)).await {
        Ok(_open) => Ok(()),
        Err(_dropped) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}
