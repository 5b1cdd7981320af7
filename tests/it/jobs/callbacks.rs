//! Whoever an import names is told that its job has ended.

use intake_tests::{Events, Format, Got, Receiver, World, until};
use intake_types::callback::{CallbackHost, CallbackSecret, Callbacks};
use serde_json::{Value, json};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The demo catalogue in small, with callbacks to these hosts.
fn catalog(hosts: &[&str]) -> String {
    format!(
        "databases:
  - {{ id: 1, name: Demo, fields: [{{ name: city, type: string }}] }}
accounts:
  - name: demo
    databases: [1]
    tokens: [abcdefghijklmnqrstuvwxyz]
    callbacks: {{ hosts: [{}], secret: [{SECRET}, {NEXT}] }}
",
        hosts.iter().map(|host| format!("'{host}'")).collect::<Vec<_>>().join(", ")
    )
}

fn world(format: Format, hosts: &[&str]) -> World {
    let builder = World::builder().format(format).catalog(&catalog(hosts));
    builder.worker_arguments(&["--callback-retries", "0,0,0", "--callback-timeout", "5"]).start()
}

fn body(url: &str) -> Value {
    json!({"db_id": 1, "external_id": "nightly", "callback_url": url, "data": [{"email": "a@example.com"}, {"email": "no"}]})
}

/// The job's callback, once nothing more will be tried.
fn settled(world: &World, job: &str) -> Value {
    until("the callback is over", || {
        let callback = world.status(job)["callback"].clone();
        ["delivered", "failed"].map(Value::from).contains(&callback["state"]).then_some(callback)
    })
}

/// As a receiver verifies it.
fn assert_signed(got: &Got) {
    let secrets = [SECRET, NEXT].map(|secret| CallbackSecret::parse(secret).unwrap());
    let host = CallbackHost::parse("example.com").unwrap();
    let callbacks = Callbacks { hosts: [host].into(), secrets: secrets.into() };
    let timestamp = got.header("webhook-timestamp").parse().unwrap();
    let [.., (_, signatures)] = callbacks.headers(got.header("webhook-id"), timestamp, &got.body);
    assert_eq!(got.header("webhook-signature"), signatures);
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now.abs_diff(timestamp.unsigned_abs()) < 300, "{timestamp}");
}

fn told_and_signed(format: Format) {
    let receiver = Receiver::start(&[]);
    let world = world(format, &[&format!("http://{}", receiver.address)]);
    let url = format!("http://{}/hook?a=b", receiver.address);
    let job = world.import(&body(&url)).job_id();
    let got = receiver.wait_for(1).remove(0);
    assert_eq!(got.line, "POST /hook?a=b HTTP/1.1");
    assert_eq!(got.header("content-type"), "application/json");
    assert!(got.header("user-agent").starts_with("Intake/"), "{got:?}");
    assert_signed(&got);
    let told: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(told["type"], "job.completed");
    let data = &told["data"];
    assert_eq!(
        (&data["job_id"], &data["status"], &data["external_id"]),
        (&json!(job), &json!("completed"), &json!("nightly"))
    );
    assert_eq!((&data["total"], &data["created"], &data["failed"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(data["status_url"], format!("/api/v1.1/jobs/{job}"));
    let callback = settled(&world, &job);
    let expected = json!({
        "url": url, "state": "delivered", "attempts": 1, "last_status": 204, "last_error": null, "next_attempt_at": null,
    });
    assert_eq!(callback, expected);
    assert_eq!(receiver.got().len(), 1);
}

fn others_are_refused(format: Format) {
    let world = world(format, &["hooks.example.com", "http://127.0.0.1:9"]);
    for url in [
        "https://example.com/",
        "http://hooks.example.com/",
        "https://hooks.example.com.evil.example/",
        "http://127.0.0.1:10/",
        "https://me:secret@hooks.example.com/",
        "https://hooks.example.com/#x",
        "ftp://hooks.example.com/",
    ] {
        let answer = world.import(&body(url));
        assert_eq!(answer.status, 400, "{url}: {}", answer.text);
        let text = answer.value()["error_text"].as_str().unwrap().to_owned();
        assert!(text.starts_with("callback_url: ") && !text.contains("secret@"), "{text}");
    }
    let demo = World::speaking(format);
    let text = demo.import(&body("https://hooks.example.com/")).value()["error_text"].clone();
    assert!(text.as_str().unwrap().starts_with("callback_url: this account has no callbacks"), "{text}");
}

#[test]
fn the_end_of_a_job_is_told_and_signed() {
    [Format::Json, Format::Xml].into_iter().for_each(told_and_signed);
}

#[test]
fn only_hosts_of_the_account_may_be_named() {
    [Format::Json, Format::Xml].into_iter().for_each(others_are_refused);
}

#[test]
fn what_fails_is_tried_again_and_is_the_same_message() {
    let receiver = Receiver::start(&["HTTP/1.1 500 Oh", "HTTP/1.1 503 Busy"]);
    let world = world(Format::Json, &[&format!("http://{}", receiver.address)]);
    let job = world.import(&body(&format!("http://{}/", receiver.address))).job_id();
    let got = receiver.wait_for(3);
    assert!(got.iter().all(|next| next.header("webhook-id") == got[0].header("webhook-id")));
    assert!(got.iter().all(|next| next.body == got[0].body));
    got.iter().for_each(assert_signed);
    let callback = settled(&world, &job);
    assert_eq!(
        (&callback["state"], &callback["attempts"], &callback["last_status"]),
        (&json!("delivered"), &json!(3), &json!(204))
    );
}

#[test]
fn it_is_given_up_when_nobody_will_have_it() {
    let oh = "HTTP/1.1 500 Oh";
    let receiver = Receiver::start(&[oh, oh, oh, oh, "HTTP/1.1 410 Gone"]);
    let world = world(Format::Json, &[&format!("http://{}", receiver.address)]);
    let url = format!("http://{}/", receiver.address);
    let callback = settled(&world, &world.import(&body(&url)).job_id());
    assert_eq!((&callback["state"], &callback["attempts"]), (&json!("failed"), &json!(4)));
    assert_eq!((&callback["last_status"], &callback["last_error"]), (&json!(500), &json!("answered 500")));
    assert_eq!(callback["next_attempt_at"], Value::Null);
    let callback = settled(&world, &world.import(&body(&url)).job_id());
    assert_eq!(
        (&callback["state"], &callback["attempts"], &callback["last_status"]),
        (&json!("failed"), &json!(1), &json!(410))
    );
    assert_eq!(receiver.got().len(), 5);
}

#[test]
fn a_redirect_is_not_followed() {
    let inside = Receiver::start(&[]);
    let to = format!("HTTP/1.1 307 There\r\nlocation: http://{}/", inside.address);
    let receiver = Receiver::start(&[&to, &to, &to, &to]);
    // Even where the other place may be named.
    let [one, other] = [&receiver, &inside].map(|receiver| format!("http://{}", receiver.address));
    let world = world(Format::Json, &[&one, &other]);
    let callback = settled(&world, &world.import(&body(&one)).job_id());
    assert_eq!((&callback["state"], &callback["last_status"]), (&json!("failed"), &json!(307)));
    assert_eq!(inside.got().len(), 0);
}

#[test]
fn a_name_leads_to_no_private_address() {
    let inside = Receiver::start(&[]);
    let world = world(Format::Json, &["localhost"]);
    let url = format!("https://localhost:{}/", inside.address.port());
    let callback = settled(&world, &world.import(&body(&url)).job_id());
    assert_eq!((&callback["state"], &callback["attempts"]), (&json!("failed"), &json!(4)));
    assert_eq!(callback["last_error"], "the host has no public address");
    assert_eq!(callback["last_status"], Value::Null);
}

#[test]
fn a_host_that_was_taken_off_the_list_is_not_called() {
    let receiver = Receiver::start(&[]);
    let builder = World::builder().workers(0).catalog(&catalog(&[&format!("http://{}", receiver.address)]));
    let world = builder.start();
    let job = world.import(&body(&format!("http://{}/", receiver.address))).job_id();
    world.apply_catalog(&catalog(&["hooks.example.com"]));
    world.start_worker();
    let callback = settled(&world, &job);
    assert_eq!((&callback["state"], &callback["attempts"]), (&json!("failed"), &json!(1)));
    assert!(
        callback["last_error"].as_str().unwrap().contains("is not allowed for this account"),
        "{callback}"
    );
    assert_eq!(receiver.got().len(), 0);
}

#[test]
fn a_job_that_failed_is_told_of_too() {
    let receiver = Receiver::start(&[]);
    let builder = World::builder()
        .delivery_limit(1)
        .buries(1)
        .catalog(&catalog(&[&format!("http://{}", receiver.address)]));
    let world = builder.start();
    world.database.execute("ALTER TABLE profiles RENAME TO elsewhere");
    world.import(&body(&format!("http://{}/", receiver.address)));
    let told: Value = serde_json::from_slice(&receiver.wait_for(1)[0].body).unwrap();
    assert_eq!((&told["data"]["status"], &told["data"]["error"]), (&json!("failed"), &json!(500)));
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}

#[test]
fn a_stream_that_is_sent_again_or_cut_is_told_of_once_or_never() {
    let receiver = Receiver::start(&[]);
    let origin = format!("http://{}", receiver.address);
    let world = World::builder()
        .catalog(&catalog(&[&origin]))
        .gateway_arguments(&["--stream-part-records", "1", "--max-stream-records", "3"])
        .start();
    let mut events = Events::bind(&world, "db.1.jobs", None);
    let path = format!("/api/v1.1/profiles/import_batch?db_id=1&callback_url={origin}");
    let send = |key: &str, records: usize| {
        let headers = [
            ("content-type", "application/x-ndjson"),
            ("authorization", "Bearer abcdefghijklmnqrstuvwxyz"),
            ("idempotency-key", key),
        ];
        world.post(&path, &headers, "{\"email\":\"a@example.com\"}\n".repeat(records).as_bytes())
    };
    let job = send("a", 2).job_id();
    settled(&world, &job);
    assert_eq!(send("a", 2).job_id(), job);
    assert_eq!(send("b", 4).status, 413);
    until("nothing of them waits", || {
        let left = world.database.scalar("SELECT count(*) FROM job_parts");
        let cut = world.database.scalar("SELECT count(*) FROM jobs WHERE error = 413");
        (left == 0 && cut == 1 && world.queued().work() == 0).then_some(())
    });
    // What comes last says that nothing came between.
    let last = send("c", 1).job_id();
    settled(&world, &last);
    let told: Vec<Value> = receiver
        .wait_for(2)
        .iter()
        .map(|got| serde_json::from_slice::<Value>(&got.body).unwrap()["data"]["job_id"].clone())
        .collect();
    assert_eq!(told, [json!(job), json!(last)]);
    // Of two jobs either may be told first, and ids rise.
    let mut told: Vec<&str> =
        events.read(2).iter().map(|event| event["data"]["job_id"].as_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, [&job, &last]);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 3);
}
