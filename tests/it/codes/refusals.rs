//! Requests that are refused as a whole.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use intake_tests::{Answer, DEMO_TOKEN, Format, OTHER_TOKEN, World, fits, table, until};
use serde_json::{Value, json};

use super::{API, cells};

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

/// What was answered: the HTTP status, `error`, `error_text`.
#[derive(Debug)]
struct Refused {
    status: u16,
    error: Value,
    text: String,
}

impl From<Answer> for Refused {
    fn from(answer: Answer) -> Self {
        let body = answer.value();
        let text = body["error_text"].as_str().unwrap_or_default().to_owned();
        Self { status: answer.status, error: body["error"].clone(), text }
    }
}

#[test]
fn every_refusal_is_produced_as_documented() {
    let rows: Vec<[String; 3]> = table(API, "Errors of a request").into_iter().map(cells).collect();
    let mut unused: Vec<&[String; 3]> = rows.iter().collect();
    let mut problems = Vec::new();
    for refused in all() {
        assert_eq!(refused.error, refused.status, "{refused:?}");
        let fits = |[status, _when, text]: &&[String; 3]| {
            refused.status.to_string() == *status && fits(text, &refused.text)
        };
        match rows.iter().filter(fits).count() {
            1 => unused.retain(|row| !fits(row)),
            count => problems.push(format!("{count} rows fit {refused:?}")),
        }
    }
    problems.extend(unused.iter().map(|row| format!("no request was answered so: {row:?}")));
    assert!(problems.is_empty(), "docs/api.md says otherwise:\n{}", problems.join("\n"));
}

fn all() -> Vec<Refused> {
    let world = World::builder()
        .with_database_relay()
        .with_broker_relay()
        .gateway_arguments(&[
            "--body-timeout=2",
            "--max-streams=3",
            "--max-stream-records=10",
            "--stream-part-records=1",
        ])
        .start();
    let mut refused = vec![over_its_share(&world), over_its_memory()];
    for format in [Format::Json, Format::Xml] {
        refused.extend(of_bodies(&world, format));
        refused.extend(of_parameters(&world, format));
    }
    refused.extend(of_headers(&world));
    refused.extend(of_streams(&world));
    refused.extend(of_paths(&world));
    refused.extend(of_jobs(&world));
    refused.push(of_a_used_key(&world));
    refused.extend(of_what_became(&world));
    refused.push(half_sent(&world, false));
    refused.push(half_sent(&world, true));
    refused.extend(of_outages(&world));
    refused
}

fn post(world: &World, format: Format, headers: &[(&str, &str)], body: &[u8]) -> Refused {
    let mut all = vec![("content-type", format.media_type())];
    all.extend(headers);
    world.post(IMPORT, &all, body).into()
}

/// Refused for what is in the body, in either format.
fn of_bodies(world: &World, format: Format) -> Vec<Refused> {
    let demo = ("authorization", bearer(DEMO_TOKEN));
    let demo = [(demo.0, demo.1.as_str())];
    let other = bearer(OTHER_TOKEN);
    let record = json!([{"email": "john@example.com"}]);
    let send =
        |headers: &[(&str, &str)], body: &Value| post(world, format, headers, format.write(body).as_bytes());
    let unreadable: &[u8] = match format {
        Format::Json => b"{\"db_id\": 1,\n \"data\": [}",
        Format::Xml => b"<xml><db_id>1</db_id>\n<data></xml>",
    };
    let many: Vec<Value> = vec![json!({}); 10_001];
    vec![
        post(world, format, &demo, unreadable),
        send(&demo, &json!({"db_id": 1, "matching": "name", "data": record})),
        send(&[], &json!({"db_id": 1, "data": record})),
        send(&[("authorization", "Bearer nonsense")], &json!({"db_id": 1, "data": record})),
        send(&[("authorization", &other)], &json!({"db_id": 1, "data": record})),
        fields_of_a_resource(world, format, &other),
        send(&demo, &json!({"db_id": 1, "data": many})),
        post(world, format, &demo, &vec![b' '; (10 << 20) + 1]),
    ]
}

/// Refused for one parameter, in either format.
fn of_parameters(world: &World, format: Format) -> Vec<Refused> {
    let record = json!([{"email": "john@example.com"}]);
    let two = json!([{"_fname": "John"}, {"_fname": "Jane"}]);
    let bodies = [
        json!({"data": record}),
        json!({"db_id": 1}),
        json!({"db_id": 1, "data": []}),
        json!({"db_id": 1, "resource_id": "news", "data": record}),
        json!({"db_id": 1, "resource_id": 77, "data": record}),
        json!({"db_id": 1, "skip_triggers": "perhaps", "data": record}),
        json!({"db_id": 1, "nulls": "keep", "data": record}),
        json!({"db_id": 1, "external_id": "x".repeat(201), "data": record}),
        json!({"db_id": 1, "matching": "custom", "data": record}),
        json!({"db_id": 1, "matching": "custom", "field_name": "city", "data": record}),
        json!({"db_id": 1, "matching": "custom_sub", "field_name": "login", "data": record}),
        json!({"db_id": 1, "email": "john@example.com", "data": two}),
        json!({"db_id": 1, "email": {"of": "John"}, "data": record}),
        json!({"db_id": 1, "callback_url": "https://example.com", "data": record}),
        (0..101).map(|number| (format!("p{number}"), json!(1))).collect(),
    ];
    let demo = bearer(DEMO_TOKEN);
    let headers = [("content-type", format.media_type()), ("authorization", demo.as_str())];
    let send = |path: &str, body: &Value| world.post(path, &headers, format.write(body).as_bytes()).into();
    let mut refused: Vec<Refused> = bodies.iter().map(|body| send(IMPORT, body)).collect();
    let by_id = json!({"db_id": 1, "matching": "profile_id", "data": record});
    refused.push(send("/api/v1.1/profiles/add_batch", &by_id));
    let dry = json!({"db_id": 1, "validate_only": false, "data": record});
    refused.push(send(&format!("{IMPORT}?validate_only=true"), &dry));
    refused
}

fn fields_of_a_resource(world: &World, format: Format, authorization: &str) -> Refused {
    let headers = [("content-type", format.media_type()), ("authorization", authorization)];
    let body = format.write(&json!({"resource_id": 28}));
    world.post("/api/v1.1/resources/fields_get", &headers, body.as_bytes()).into()
}

/// Refused for what a header says.
fn of_headers(world: &World) -> Vec<Refused> {
    let demo = bearer(DEMO_TOKEN);
    let body = br#"{"db_id": 1, "data": [{"email": "john@example.com"}]}"#;
    let with = |headers: &[(&str, &str)]| {
        let mut all = vec![("authorization", demo.as_str())];
        all.extend(headers);
        world.post(IMPORT, &all, body).into()
    };
    let json_type = ("content-type", "application/json");
    vec![
        with(&[json_type, ("idempotency-key", &"x".repeat(256))]),
        with(&[json_type, ("content-encoding", "gzip")]),
        with(&[("content-type", "text/plain")]),
        with(&[("content-type", "application/json; charset=windows-1251")]),
        with(&[json_type, ("content-encoding", "br")]),
    ]
}

/// Refused for what only a stream may not have.
fn of_streams(world: &World) -> Vec<Refused> {
    let demo = bearer(DEMO_TOKEN);
    let post = |parameters: &str, body: &str| {
        let headers = [("content-type", "text/csv"), ("authorization", demo.as_str())];
        world.post(&format!("{IMPORT}?db_id=1{parameters}"), &headers, body.as_bytes()).into()
    };
    vec![
        post("", "email,email\na@example.com,b@example.com\n"),
        post("", "email\n"),
        post("&email=a@example.com", "_fname\nJohn\n"),
        post("", &format!("email\n{}", "none\n".repeat(11))),
    ]
}

/// Refused because the account has half of the memory.
fn over_its_memory() -> Refused {
    let world = World::start();
    let _slow = world.hold_share(DEMO_TOKEN);
    let import = || world.import(&json!({"db_id": 1, "data": [{"email": "john@example.com"}]}));
    let refused = until("too much is in hand", || Some(import()).filter(|answer| answer.status != 202));
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    refused.into()
}

/// Refused because the account has two of the three streams.
fn over_its_share(world: &World) -> Refused {
    let send = |row: i64| {
        let mut connection = TcpStream::connect(world.address()).unwrap();
        let lines = "{}\n{}\n";
        let head = format!(
            "POST {IMPORT}?db_id=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
             Authorization: Bearer {DEMO_TOKEN}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
             {:x}\r\n{lines}\r\n",
            lines.len()
        );
        connection.write_all(head.as_bytes()).unwrap();
        until("it is taken", || {
            (world.database.scalar("SELECT count(*) FROM job_parts") == row).then_some(())
        });
        connection
    };
    let taken = [send(1), send(2)];
    let demo = bearer(DEMO_TOKEN);
    let headers = [("content-type", "application/x-ndjson"), ("authorization", demo.as_str())];
    let refused = world.post(&format!("{IMPORT}?db_id=1"), &headers, b"{}\n");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    for mut connection in taken {
        connection.write_all(b"0\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }
    refused.into()
}

/// Refused for what is asked for.
fn of_paths(world: &World) -> Vec<Refused> {
    let demo = Some(DEMO_TOKEN);
    vec![
        world.get("/api/v1.1/profiles", demo).into(),
        world.get("/api/v1.1/jobs/019d0000-0000-7000-8000-000000000000", demo).into(),
        world.get(IMPORT, demo).into(),
    ]
}

/// Refused for what a question about jobs says.
fn of_jobs(world: &World) -> Vec<Refused> {
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "john@example.com"}]})).job_id();
    world.completed(&job);
    let get = |question: &str| world.get(&format!("/api/v1.1/jobs{question}"), Some(DEMO_TOKEN)).into();
    let mut refused: Vec<Refused> = [
        "?only=failed",
        "/results?limit=0",
        "/results?only=best",
        "/results?payload=true",
        "/results?cursor=1",
        "/results?format=yaml",
    ]
    .iter()
    .map(|question| get(&format!("/{job}{question}")))
    .collect();
    refused.push(get("?status=queued"));
    world.database.execute("UPDATE jobs SET finished_at = finished_at - interval '2 days'");
    refused.push(get(&format!("/{job}/results?only=failed&payload=true")));
    world.database.execute("UPDATE jobs SET expires_at = now()");
    refused.push(get(&format!("/{job}/results")));
    refused
}

/// Refused for what has become of a job.
fn of_what_became(world: &World) -> Vec<Refused> {
    let demo = bearer(DEMO_TOKEN);
    let ask = |job: &str, what: &str| {
        world.post(&format!("/api/v1.1/jobs/{job}/{what}"), &[("authorization", &demo)], b"").into()
    };
    let import = |email: &str| world.import(&json!({"db_id": 1, "data": [{"email": email}]})).job_id();
    let (good, bad) = (import("john@example.com"), import("nonsense"));
    for job in [&good, &bad] {
        world.completed(job);
    }
    // As it is when they have been kept long enough.
    world.database.execute("DELETE FROM job_failures");
    let mut refused = vec![ask(&good, "cancel"), ask(&good, "retry_failed"), ask(&bad, "retry_failed")];
    // As it is while it runs.
    world
        .database
        .execute("UPDATE jobs SET state = 'processing', finished_at = NULL, tally = NULL, expires_at = NULL WHERE state = 'completed'");
    refused.push(ask(&good, "retry_failed"));
    // As it is when it was cancelled before anything was done.
    world.database.execute(
        "UPDATE jobs SET state = 'cancelled', finished_at = now(), tally = '{0,0,0,1,0,0}', \
         expires_at = now() + interval '1 day' WHERE state = 'processing'",
    );
    refused.push(ask(&good, "retry_failed"));
    // As it is when it was given up.
    world.database.execute(
        "UPDATE jobs SET state = 'failed', error = 500, error_text = 'given up' WHERE state = 'cancelled'",
    );
    refused.push(ask(&good, "retry_failed"));
    refused
}

/// Refused because its key stands for another request.
fn of_a_used_key(world: &World) -> Refused {
    let demo = bearer(DEMO_TOKEN);
    let headers =
        [("content-type", "application/json"), ("authorization", &*demo), ("idempotency-key", "used")];
    let post = |email: &str| {
        let body = json!({"db_id": 1, "data": [{"email": email}]});
        world.post(IMPORT, &headers, body.to_string().as_bytes())
    };
    post("john@example.com").job_id();
    post("jane@example.com").into()
}

/// Refused because something is away.
fn of_outages(world: &World) -> Vec<Refused> {
    let demo = bearer(DEMO_TOKEN);
    let body = json!({"db_id": 1, "data": [{"email": "john@example.com"}]});
    world.cut_broker();
    until("the gateway has met the outage", || {
        (world.get("/health/ready", None).status == 503).then_some(())
    });
    let away = world.post(
        IMPORT,
        &[("content-type", "application/json"), ("authorization", &demo)],
        body.to_string().as_bytes(),
    );
    assert!(away.header("retry-after").is_some(), "{away:?}");
    world.restore_broker();
    world.cut_database();
    let unasked = world.get("/api/v1.1/jobs/019d0000-0000-7000-8000-000000000000", Some(DEMO_TOKEN));
    assert!(unasked.header("retry-after").is_some(), "{unasked:?}");
    world.restore_database();
    vec![away.into(), unasked.into()]
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// The answer to a body of which half is sent; then the client closes its side, or is silent.
fn half_sent(world: &World, close: bool) -> Refused {
    let mut connection = TcpStream::connect(world.address()).unwrap();
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {DEMO_TOKEN}\r\nContent-Length: 100\r\n\r\n{{\"db_id\": 1,"
    );
    connection.write_all(head.as_bytes()).unwrap();
    if close {
        connection.shutdown(Shutdown::Write).unwrap();
    }
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    Refused { status, error: body["error"].clone(), text: body["error_text"].as_str().unwrap().to_owned() }
}
