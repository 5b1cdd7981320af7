//! What is sent to do harm, or by a client gone wrong: a clear answer each time, flat memory, nobody else harmed.

mod bodies;
mod large;
mod load;
mod memory;
mod records;
mod share;

use std::io::Write as _;

use intake_tests::{Answer, DEMO_TOKEN, World};

const IMPORT: &str = "/api/v1.1/profiles/import_batch";
const JSON: &str = "application/json";
const XML: &str = "application/xml";

/// Posts a body as it is, as account "demo"; the answer is in JSON.
fn post(world: &World, content_type: &str, encoding: &str, body: &[u8]) -> Answer {
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [
        ("content-type", content_type),
        ("content-encoding", encoding),
        ("authorization", &token),
        ("accept", JSON),
    ];
    world.post(IMPORT, &headers, body)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8], window_log: Option<u32>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    if let Some(window_log) = window_log {
        encoder.window_log(window_log).unwrap();
    }
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A body that unpacks to this many MiB of blanks.
fn zstd_bomb(megabytes: usize) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..megabytes {
        encoder.write_all(&blanks).unwrap();
    }
    encoder.finish().unwrap()
}
