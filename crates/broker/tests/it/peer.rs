//! A broker that does what the test says, in the order the test says: enough of AMQP 0-9-1 for a
//! publisher, written out by hand (<https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>).

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex, mpsc},
};

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const FRAME_END: u8 = 0xCE;

/// A message that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published {
    /// Counts the connections of the client, from 1.
    pub(crate) connection: u32,
    /// The number of the channel, which may be used again after it was closed.
    pub(crate) channel: u16,
    /// The number of the message on its channel.
    pub(crate) tag: u64,
}

pub(crate) struct Peer {
    pub(crate) url: String,
    published: mpsc::UnboundedReceiver<Published>,
    /// Of the newest connection.
    writer: Arc<Mutex<Option<OwnedWriteHalf>>>,
}

impl Peer {
    /// Listens. What is left unconfirmed on a channel is confirmed when the client closes it: too late.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("amqp://{}", listener.local_addr().unwrap());
        let (events, published) = mpsc::unbounded_channel();
        let writer = Arc::new(Mutex::new(None));
        tokio::spawn(accept(listener, events, writer.clone()));
        Self { url, published, writer }
    }

    pub(crate) async fn published(&mut self) -> Published {
        crate::world::soon(self.published.recv()).await.unwrap()
    }

    pub(crate) async fn ack(&self, message: Published, multiple: bool) {
        self.say(message.channel, 60, 80, &[&message.tag.to_be_bytes(), &[u8::from(multiple)]]).await;
    }

    pub(crate) async fn nack(&self, message: Published) {
        self.say(message.channel, 60, 120, &[&message.tag.to_be_bytes(), &[0]]).await;
    }

    /// Returns a message: code 312, without properties and body.
    pub(crate) async fn give_back(&self, message: Published) {
        let route = [short("NO_ROUTE"), short(""), short("queue")].concat();
        let header = [&60_u16.to_be_bytes()[..], &[0; 2], &[0; 8], &[0; 2]].concat();
        let frames = [
            method(message.channel, 60, 50, &[&312_u16.to_be_bytes(), &route]),
            frame(HEADER, message.channel, &header),
        ];
        self.write(&frames.concat()).await;
    }

    pub(crate) async fn block(&self) {
        self.say(0, 10, 60, &[&short("low on memory")]).await;
    }

    pub(crate) async fn unblock(&self) {
        self.say(0, 10, 61, &[]).await;
    }

    async fn say(&self, channel: u16, class: u16, id: u16, arguments: &[&[u8]]) {
        self.write(&method(channel, class, id, arguments)).await;
    }

    async fn write(&self, bytes: &[u8]) {
        self.writer.lock().await.as_mut().unwrap().write_all(bytes).await.unwrap();
    }
}

async fn accept(
    listener: TcpListener,
    events: mpsc::UnboundedSender<Published>,
    writer: Arc<Mutex<Option<OwnedWriteHalf>>>,
) {
    for connection in 1.. {
        let (stream, _) = listener.accept().await.unwrap();
        let reader = greet(stream, &writer).await;
        tokio::spawn(serve(reader, connection, events.clone(), writer.clone()));
    }
}

async fn greet(stream: TcpStream, writer: &Mutex<Option<OwnedWriteHalf>>) -> OwnedReadHalf {
    let (mut reader, mut new) = stream.into_split();
    reader.read_exact(&mut [0; 8]).await.unwrap();
    // connection.start: version, no properties, mechanisms, locales
    let start = [&[0, 9][..], &[0; 4], &long("PLAIN"), &long("en_US")].concat();
    new.write_all(&method(0, 10, 10, &[&start])).await.unwrap();
    *writer.lock().await = Some(new);
    reader
}

/// Answers everything but publishes.
async fn serve(
    mut reader: OwnedReadHalf,
    connection: u32,
    events: mpsc::UnboundedSender<Published>,
    writer: Arc<Mutex<Option<OwnedWriteHalf>>>,
) {
    let mut tags = std::collections::HashMap::<u16, u64>::new();
    while let Some((kind, channel, payload)) = read(&mut reader).await {
        let &[class_high, class_low, method_high, method_low, ..] = payload.as_slice() else { continue };
        if kind != METHOD {
            continue;
        }
        let tag = tags.entry(channel).or_default();
        let class = u16::from_be_bytes([class_high, class_low]);
        let answer = match (class, u16::from_be_bytes([method_high, method_low])) {
            // start-ok: tune, with frames of 128 KiB and no heartbeat
            (10, 11) => method(0, 10, 30, &[&[8, 0], &131_072_u32.to_be_bytes(), &[0; 2]]),
            (10, 40) => method(0, 10, 41, &[&[0]]),
            (10, 50) => method(0, 10, 51, &[]),
            (20, 10) => method(channel, 20, 11, &[&long("")]),
            (20, 40) => {
                let late =
                    if *tag > 0 { method(channel, 60, 80, &[&tag.to_be_bytes(), &[1]]) } else { Vec::new() };
                *tag = 0;
                [late, method(channel, 20, 41, &[])].concat()
            }
            (40, 10) => method(channel, 40, 11, &[]),
            (50, 10) => method(channel, 50, 11, &[&short("queue"), &[0; 8]]),
            (85, 10) => method(channel, 85, 11, &[]),
            (60, 40) => {
                *tag += 1;
                let _test_is_over = events.send(Published { connection, channel, tag: *tag });
                continue;
            }
            _ => continue,
        };
        if let Some(writer) = writer.lock().await.as_mut() {
            let _client_is_gone = writer.write_all(&answer).await;
        }
    }
}

async fn read(reader: &mut OwnedReadHalf) -> Option<(u8, u16, Vec<u8>)> {
    let kind = reader.read_u8().await.ok()?;
    let channel = reader.read_u16().await.ok()?;
    let size = reader.read_u32().await.ok()?;
    let mut payload = vec![0; usize::try_from(size).unwrap()];
    reader.read_exact(&mut payload).await.ok()?;
    assert_eq!(reader.read_u8().await.ok()?, FRAME_END);
    Some((kind, channel, payload))
}

fn method(channel: u16, class: u16, id: u16, arguments: &[&[u8]]) -> Vec<u8> {
    frame(METHOD, channel, &[&class.to_be_bytes()[..], &id.to_be_bytes(), &arguments.concat()].concat())
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap();
    [&[kind][..], &channel.to_be_bytes(), &size.to_be_bytes(), payload, &[FRAME_END]].concat()
}

fn short(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

fn long(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}
