//! Bodies that are not held whole: NDJSON and CSV, in several parts, whole or cut.

mod again;
mod cancelled;
mod cut;
mod dry_run;
mod forms;
mod killed;
mod large;
mod parts;
mod undelivered;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use intake_tests::{Answer, DEMO_TOKEN, World, until};
use serde_json::Value;

const IMPORT: &str = "/api/v1.1/profiles/import_batch";
const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

/// A world whose gateway makes parts of three records.
fn in_small_parts() -> World {
    World::builder().gateway_arguments(&["--stream-part-records", "3"]).start()
}

/// Posts a stream for database 1 as account "demo", with further parameters (`&name=value`).
fn post(world: &World, parameters: &str, content_type: &str, body: &[u8]) -> Answer {
    post_packed(world, parameters, content_type, "identity", body)
}

fn post_packed(world: &World, parameters: &str, content_type: &str, encoding: &str, body: &[u8]) -> Answer {
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers =
        [("content-type", content_type), ("content-encoding", encoding), ("authorization", token.as_str())];
    world.post(&format!("{IMPORT}?db_id=1{parameters}"), &headers, body)
}

/// The one job that the ledger has once it has ended, whoever was told of it.
fn the_job(world: &World) -> Value {
    let id = until("a job is known", || {
        world.database.texts("SELECT id FROM jobs WHERE finished_at IS NOT NULL").pop()
    });
    world.status(&id)
}

/// Until parts of this many records are kept.
fn parts_are_kept(world: &World, records: i64) {
    until("the parts are kept", || {
        let kept = world.database.scalar("SELECT coalesce(sum(records), 0) FROM job_parts");
        (kept == records).then_some(())
    });
}

fn nothing_is_left(world: &World) {
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
    nothing_waits(world);
}

fn nothing_waits(world: &World) {
    until("no part is left", || {
        (world.database.scalar("SELECT count(*) FROM job_parts") == 0 && world.queued().work() == 0)
            .then_some(())
    });
}

/// A stream that is sent by hand.
struct Upload(TcpStream);

impl Upload {
    fn begin(world: &World, headers: &str) -> Self {
        Self::begin_at(world.address(), headers)
    }

    /// At another gateway than the world's own.
    fn begin_at(gateway: SocketAddr, headers: &str) -> Self {
        let mut connection = TcpStream::connect(gateway).unwrap();
        let head = format!(
            "POST {IMPORT}?db_id=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NDJSON}\r\n\
             Authorization: Bearer {DEMO_TOKEN}\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
        );
        connection.write_all(head.as_bytes()).unwrap();
        Self(connection)
    }

    fn send(&mut self, bytes: &[u8]) {
        let size = format!("{:x}\r\n", bytes.len());
        self.0.write_all(&[size.as_bytes(), bytes, b"\r\n"].concat()).unwrap();
    }

    /// Sends the end of the body, and reads the answer.
    fn end(mut self) -> (u16, Value) {
        self.0.write_all(b"0\r\n\r\n").unwrap();
        self.answer()
    }

    /// What is answered to what was sent so far.
    fn answer(mut self) -> (u16, Value) {
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&answer);
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                return (head.split(' ').nth(1).unwrap().parse().unwrap(), body);
            }
            let read = self.0.read(&mut piece).unwrap();
            assert!(read > 0, "no answer: {text}");
            answer.extend_from_slice(&piece[..read]);
        }
    }

    /// Checks that the connection ended without a word.
    fn was_never_answered(mut self) {
        let mut answer = Vec::new();
        let _cut = self.0.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }

    fn break_off(self) {
        self.0.shutdown(Shutdown::Both).unwrap();
    }
}

/// Lines with one new profile each.
fn lines(numbers: std::ops::Range<u32>) -> String {
    let lines: Vec<String> =
        numbers.map(|number| format!("{{\"email\":\"{number}@example.com\"}}\n")).collect();
    lines.concat()
}
