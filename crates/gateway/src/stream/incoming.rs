//! A body on its way from the server's thread, where it arrives, to the thread that splits it: chunk by chunk, unpacked
//! there, and never ahead of it.

use std::io::{self, Read};
use std::time::Duration;

use actix_web::web::{Bytes, Payload};
use futures_util::StreamExt as _;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Capacity;
use crate::error::ApiError;
use crate::extract::{Encoding, WINDOW_LOG_MAX};

/// A chunk of a body; `None` is its end; an error: there will be none.
pub(super) type Chunk = Result<Option<Bytes>, ApiError>;

/// Sends a body on, as it arrives.
pub(super) struct Pump<'a> {
    pub(super) chunks: Sender<Chunk>,
    pub(super) capacity: &'a Capacity,
    pub(super) shutdown: &'a CancellationToken,
}

impl Pump<'_> {
    /// Until the body has ended, in whatever way, or nobody takes it any more.
    pub(super) async fn run(self, mut payload: Payload) {
        let deadline = Instant::now() + self.capacity.whole;
        let stopping = stopping(self.shutdown, self.capacity.grace);
        tokio::pin!(stopping);
        loop {
            let late = deadline.min(Instant::now() + self.capacity.idle);
            let chunk = tokio::select! {
                next = timeout_at(late, payload.next()) => match next {
                    Ok(None) => Ok(None),
                    Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
                    Ok(Some(Err(_broken))) => Err(ApiError::BodyCut),
                    Err(_late) => Err(ApiError::BodyLate),
                },
                () = &mut stopping => Err(ApiError::Stopping),
                // The thread is done with it, and has said why.
                () = self.chunks.closed() => return,
            };
            let is_last = !matches!(chunk, Ok(Some(_)));
            if self.chunks.send(chunk).await.is_err() || is_last {
                return;
            }
        }
    }
}

/// Done when a service that is to stop has no more time for streams.
async fn stopping(shutdown: &CancellationToken, grace: Duration) {
    shutdown.cancelled().await;
    sleep(grace).await;
}

/// What arrives, as it was sent.
struct Chunks {
    waiting: Receiver<Chunk>,
    chunk: Bytes,
    /// How the body ended.
    end: Option<Result<(), ApiError>>,
}

impl Chunks {
    fn next(&mut self) -> io::Result<()> {
        while self.chunk.is_empty() && self.end.is_none() {
            match self.waiting.blocking_recv() {
                Some(Ok(Some(chunk))) => self.chunk = chunk,
                Some(Ok(None)) => self.end = Some(Ok(())),
                Some(Err(error)) => self.end = Some(Err(error)),
                // The handler is gone, and so is the client.
                None => self.end = Some(Err(ApiError::BodyCut)),
            }
        }
        // Unpacking must not take it for a good end.
        if matches!(self.end, Some(Err(_))) { Err(io::Error::other("the body broke off")) } else { Ok(()) }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next()?;
        let size = buffer.len().min(self.chunk.len());
        let read = self.chunk.split_to(size);
        buffer.iter_mut().zip(read).for_each(|(to, from)| *to = from);
        Ok(size)
    }
}

/// A body, unpacked as it is read.
pub(super) struct Incoming {
    body: Body,
    encoding: Encoding,
}

enum Body {
    Plain(Chunks),
    Gzip(Box<flate2::read::MultiGzDecoder<Chunks>>),
    Zstd(zstd::Decoder<'static, io::BufReader<Chunks>>),
}

impl Incoming {
    pub(super) fn new(waiting: Receiver<Chunk>, encoding: Encoding) -> Result<Self, ApiError> {
        let undecodable = |source| ApiError::Undecodable { encoding: encoding.name(), source };
        let chunks = Chunks { waiting, chunk: Bytes::new(), end: None };
        let body = match encoding {
            Encoding::Identity => Body::Plain(chunks),
            Encoding::Gzip => Body::Gzip(Box::new(flate2::read::MultiGzDecoder::new(chunks))),
            Encoding::Zstd => {
                let mut decoder = zstd::Decoder::new(chunks).map_err(undecodable)?;
                decoder.window_log_max(WINDOW_LOG_MAX).map_err(undecodable)?;
                Body::Zstd(decoder)
            }
        };
        Ok(Self { body, encoding })
    }

    /// Reads on, waiting for what arrives; nothing is the good end of the body.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ApiError> {
        loop {
            let read = match &mut self.body {
                Body::Plain(body) => body.read(buffer),
                Body::Gzip(body) => body.read(buffer),
                Body::Zstd(body) => body.read(buffer),
            };
            match read {
                Ok(0) => return self.end().map(|()| 0),
                Ok(size) => return Ok(size),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    self.broken()?;
                    return Err(ApiError::Undecodable { encoding: self.encoding.name(), source });
                }
            }
        }
    }

    fn chunks(&mut self) -> &mut Chunks {
        match &mut self.body {
            Body::Plain(body) => body,
            Body::Gzip(body) => body.get_mut(),
            Body::Zstd(body) => body.get_mut().get_mut(),
        }
    }

    /// Whether there is nothing after what was unpacked.
    fn end(&mut self) -> Result<(), ApiError> {
        let is_whole = self.chunks().next().is_ok() && self.chunks().chunk.is_empty();
        self.broken()?;
        if is_whole { Ok(()) } else { Err(ApiError::Internal("a body was not read to its end")) }
    }

    /// The body itself broke off; that is why it could not be unpacked.
    fn broken(&mut self) -> Result<(), ApiError> {
        match self.chunks().end.take() {
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }
}
