//! Results of a large job: flat memory, whoever reads them and however slowly, and nothing that looks whole and is not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use intake_tests::{DEMO_TOKEN, GatewayProcess, World};
use serde_json::json;

const RECORDS: u32 = 200_000;

/// The path of the results of a job of many records, one in ten of which failed. Only the ledger knows of it.
fn large_job(world: &World) -> String {
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}]})).job_id();
    world.completed(&job);
    let chunks = RECORDS / 1000;
    world.database.execute("DELETE FROM job_chunks");
    world.database.execute(&format!(
        "UPDATE jobs SET total = {RECORDS}, tally = ARRAY[{chunks} * 900, 0, 0, 0, {chunks} * 100, 0]"
    ));
    world.database.execute(&format!(
        "INSERT INTO job_chunks (db_id, job_id, first_index, records, created, updated, unchanged, skipped, failed, \
         warnings, actions, profile_ids, details) \
         SELECT j.db_id, j.id, n * 1000, 1000, 900, 0, 0, 0, 100, 0, \
             (SELECT array_agg(CASE WHEN r % 10 = 0 THEN 5 ELSE 1 END ORDER BY r) FROM generate_series(0, 999) r), \
             (SELECT array_agg(CASE WHEN r % 10 <> 0 THEN gen_random_uuid() END) FROM generate_series(0, 999) r), \
             (SELECT jsonb_agg(jsonb_build_object('index', n * 1000 + r * 10, 'failure', jsonb_build_object( \
                 'code', 'invalid_email', 'field', 'email', 'text', 'no address: ' || md5(r::text))) ORDER BY r) \
              FROM generate_series(0, 99) r) \
         FROM jobs j, generate_series(0, {chunks} - 1) n"
    ));
    world.database.execute(&format!(
        "INSERT INTO job_failures (db_id, job_id, first_index, indices, records) \
         SELECT j.db_id, j.id, n * 1000, \
             (SELECT array_agg(n * 1000 + r * 10 ORDER BY r) FROM generate_series(0, 99) r), \
             (SELECT array_agg('{{\"email\": \"' || repeat(md5(r::text), 10) || '\"}}' ORDER BY r) \
              FROM generate_series(0, 99) r) \
         FROM jobs j, generate_series(0, {chunks} - 1) n"
    ));
    format!("/api/v1.1/jobs/{job}/results")
}

fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {DEMO_TOKEN}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection
}

/// Reads to the end: how many bytes there were, the last of them, and how often a text was among them.
fn drain(mut connection: TcpStream, text: &str) -> (usize, String, usize) {
    let (mut bytes, mut last, mut count) = (0, String::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match connection.read(&mut buffer) {
            Ok(read) if read > 0 => {
                bytes += read;
                last = last.split_off(last.len().saturating_sub(text.len() - 1))
                    + &String::from_utf8_lossy(&buffer[..read]);
                count += last.matches(text).count();
            }
            _ => return (bytes, last.split_off(last.len().saturating_sub(40)), count),
        }
    }
}

#[test]
fn a_large_job_is_read_in_flat_memory() {
    let world = World::start();
    let path = large_job(&world);
    let gateway = GatewayProcess::start(&world, &["--database-pool", "2"]);
    drain(ask(gateway.address, &format!("{path}?limit=1")), "x");
    let before = gateway.peak_memory();
    // Many who ask for all of it and read nothing; they hold no connection to the database.
    let idle: Vec<TcpStream> = (0..20).map(|_| ask(gateway.address, &path)).collect();
    for (query, text, entries) in [
        ("", "\"index\":", RECORDS),
        ("?format=xml", "<index>", RECORDS),
        ("?format=ndjson", "{\"index\":", RECORDS),
        ("?format=csv", ",created,", RECORDS / 10 * 9),
        ("?format=ndjson&only=failed&payload=true", "{\"_error\":", RECORDS / 10),
    ] {
        let (bytes, last, count) = drain(ask(gateway.address, &format!("{path}{query}")), text);
        assert!(last.ends_with("0\r\n\r\n"), "{query}: {bytes} bytes, then {last}");
        assert_eq!(count, usize::try_from(entries).unwrap(), "{query}");
    }
    let grown = gateway.peak_memory() - before;
    assert!(grown <= 60, "grew by {grown} MiB, from {before}");
    drop(idle);
}

#[test]
fn what_breaks_off_does_not_look_whole() {
    let world = World::start();
    let path = large_job(&world);
    for query in ["", "?format=xml", "?format=ndjson", "?format=csv"] {
        let mut connection = ask(world.address(), &format!("{path}{query}"));
        let mut head = [0; 100];
        connection.read_exact(&mut head).unwrap();
        assert!(head.starts_with(b"HTTP/1.1 200 OK"));
        // The rest is far more than fits between here and there, so it is not made yet.
        world.database.execute("UPDATE jobs SET expires_at = now() - interval '1 second'");
        let (bytes, last, _) = drain(connection, "x");
        assert!(bytes > 0 && !last.ends_with("0\r\n\r\n"), "{query}: {bytes} bytes, then {last}");
        world.database.execute("UPDATE jobs SET expires_at = now() + interval '1 day'");
    }
}
