//! A server that callbacks are sent to: it answers as it is told, and remembers what it got.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::until;

/// Listens on a port of its own until the test ends.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Answers to come, the first for the next request; none: 204.
    answers: VecDeque<String>,
    got: Vec<Got>,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Got {
    /// `POST /path HTTP/1.1`.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Got {
    /// A header that must be there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no header {name}: {self:?}"), |(_, value)| value.as_str())
    }
}

impl Receiver {
    /// Starts it; `answers` are whole heads of answers, such as `HTTP/1.1 500 Oh`, and then 204 for ever.
    pub fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answers = answers.iter().map(ToString::to_string).collect();
        let shared = Arc::new(Mutex::new(Shared { answers, got: Vec::new() }));
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // One that hangs up early is no request.
                let _ = stream.and_then(|stream| serve(stream, &theirs));
            }
        });
        Self { address, shared }
    }

    /// What came so far, in order.
    pub fn got(&self) -> Vec<Got> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).got.clone()
    }

    /// Waits until this many requests have come.
    pub fn wait_for(&self, count: usize) -> Vec<Got> {
        until(&format!("{count} callbacks come"), || Some(self.got()).filter(|got| got.len() >= count))
    }
}

fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut got = Got { line: line(&mut reader)?, headers: Vec::new(), body: Vec::new() };
    loop {
        let header = line(&mut reader)?;
        let Some((name, value)) = header.split_once(':') else { break };
        got.headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = got.header("content-length").parse().expect("a length");
    got.body.resize(length, 0);
    reader.read_exact(&mut got.body)?;
    let answer = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.got.push(got);
        shared.answers.pop_front()
    };
    let head = answer.as_deref().unwrap_or("HTTP/1.1 204 No Content");
    write!(stream, "{head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn line(reader: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
