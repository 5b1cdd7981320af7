//! Which URLs are taken, and that what is sent can be verified.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::{DatabaseId, JobId, JobKey, JobState, LedgerEntry, Status, Tally};

/// As the specification has it: <https://github.com/standard-webhooks/standard-webhooks>
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn callbacks(hosts: &[&str]) -> Callbacks {
    Callbacks {
        hosts: hosts.iter().map(|host| CallbackHost::parse(host).unwrap()).collect(),
        secrets: vec![CallbackSecret::parse(SECRET).unwrap()],
    }
}

fn asked(url: &Value, callbacks: Option<&Callbacks>) -> Result<Option<String>, String> {
    let parameters = vec![("callback_url".to_owned(), url.clone())];
    requested(&Envelope { parameters, data: None }, callbacks).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_message_is_signed_as_the_specification_says() {
    let headers = callbacks(&["example.com"]).headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        br#"{"test": 2432232314}"#,
    );
    assert_eq!(
        headers,
        [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
            ("webhook-timestamp", "1614265330".to_owned()),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
        ]
    );
}

#[test]
fn each_secret_signs() {
    let mut both = callbacks(&["example.com"]);
    let one = both.headers("id", 1, b"{}")[2].1.clone();
    both.secrets.push(CallbackSecret::parse(&format!("whsec_{}", "A".repeat(32))).unwrap());
    let two = both.headers("id", 1, b"{}")[2].1.clone();
    let (first, second) = two.split_once(' ').unwrap();
    assert!(first == one && second.starts_with("v1,") && second != one, "{two}");
}

#[test]
fn a_secret_has_enough_bytes_and_does_not_show_itself() {
    let secret = CallbackSecret::parse(SECRET).unwrap();
    assert_eq!(String::from(secret.clone()), SECRET);
    let shown = format!("{secret:?}");
    assert!(shown.starts_with("whsec_****") && CallbackSecret::is_masked(&shown), "{shown}");
    for bytes in [24_usize, 25, 26, 64] {
        let text = format!("whsec_{}", BASE64.encode(vec![7_u8; bytes]));
        let secret = CallbackSecret::parse(&text).unwrap();
        assert_eq!(CallbackSecret::parse(text.trim_end_matches('=')).unwrap(), secret);
    }
    for bytes in [0_usize, 23, 65] {
        let text = format!("whsec_{}", BASE64.encode(vec![7_u8; bytes]));
        assert!(CallbackSecret::parse(&text).is_err(), "{bytes}");
    }
    for wrong in ["", SECRET.trim_start_matches("whsec_"), "whsec_", "whsec_not base64!", &shown] {
        let problem = CallbackSecret::parse(wrong).unwrap_err();
        assert!(problem.starts_with("a secret is whsec_") && (wrong.len() < 8 || !problem.contains(wrong)));
    }
}

#[test]
fn a_host_is_a_name_or_an_origin() {
    for (text, read) in [
        ("Hooks.Example.com", "hooks.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("https://10.0.0.5/", "https://10.0.0.5"),
        ("https://Hooks.internal:443", "https://hooks.internal"),
        ("http://[::1]:80", "http://[::1]"),
    ] {
        let host = CallbackHost::parse(text).unwrap();
        assert_eq!((host.to_string().as_str(), CallbackHost::parse(read)), (read, Ok(host)));
    }
    for wrong in [
        "",
        " ",
        "*",
        "*.example.com",
        "example.com.",
        "example.com:8443",
        "example.com/hook",
        "10.0.0.5",
        "[::1]",
        "0x7f.1",
        "127.1",
        "https://example.com/hook",
        "https://user@example.com",
        "https://example.com?a",
        "https://example.com#",
        "ftp://example.com",
        "https://",
        "a b",
    ] {
        assert!(CallbackHost::parse(wrong).unwrap_err().contains("will not do"), "{wrong}");
    }
}

#[test]
fn a_listed_host_may_be_called() {
    let listed = callbacks(&[
        "hooks.example.com",
        "http://127.0.0.1:9000",
        "https://both.example.com",
        "both.example.com",
    ]);
    let reach = |url: &str| listed.reach(&Url::parse(url).unwrap());
    assert_eq!(reach("https://hooks.example.com/a?b=c"), Ok(Reach::Public));
    assert_eq!(reach("https://hooks.example.com:8443/"), Ok(Reach::Public));
    assert_eq!(reach("https://both.example.com/"), Ok(Reach::Any));
    assert_eq!(reach("https://both.example.com:8443/"), Ok(Reach::Public));
    assert_eq!(reach("http://127.0.0.1:9000/x"), Ok(Reach::Any));
    assert_eq!(reach("http://2130706433:9000/x"), Ok(Reach::Any));
    for other in [
        "http://hooks.example.com/",
        "https://example.com/",
        "https://evil.hooks.example.com/",
        "https://hooks.example.com.evil.example/",
        "https://hooks.example.com./",
        "http://127.0.0.1/",
        "https://127.0.0.1:9000/",
        "http://127.0.0.2:9000/",
        "http://localhost:9000/",
    ] {
        assert!(
            reach(other).unwrap_err().contains("is not allowed for this account; allowed: https://both"),
            "{other}"
        );
    }
    let text = "https://Hooks.example.com:443/./a b".replace(' ', "%20");
    assert_eq!(asked(&json!(text), Some(&listed)), Ok(Some("https://hooks.example.com/a%20b".to_owned())));
    assert_eq!(
        asked(&json!(" https://hooks.example.com "), Some(&listed)),
        Ok(Some("https://hooks.example.com/".to_owned()))
    );
    for none in [json!(null), json!(""), json!("  ")] {
        assert_eq!(asked(&none, None), Ok(None));
    }
}

#[test]
fn what_is_wrong_with_a_url_is_told() {
    let listed = callbacks(&["hooks.example.com", "http://127.0.0.1:9000"]);
    let long = format!("https://hooks.example.com/{}", "x".repeat(1975));
    for (url, text) in [
        (json!(1), "callback_url: must be text, got 1"),
        (
            json!("hooks.example.com/a"),
            "callback_url: `hooks.example.com/a` is no URL; such as https://example.com/hook is expected",
        ),
        (
            json!("ftp://hooks.example.com"),
            "callback_url: `ftp://hooks.example.com` is no URL; such as https://example.com/hook is expected",
        ),
        (json!("https://hooks.example.com/\na"), "callback_url: has blanks or control characters in it"),
        (
            json!("https://me:secret@hooks.example.com"),
            "callback_url: has a user or a password in it; put a secret into the path",
        ),
        (
            json!("https://hooks.example.com/#a"),
            "callback_url: has a fragment (#), which is never sent; leave it out",
        ),
        (
            json!("https://example.org/a"),
            "callback_url: `https://example.org` is not allowed for this account; allowed: https://hooks.example.com, http://127.0.0.1:9000",
        ),
        (
            json!(long),
            "callback_url: `https://hooks.example.com/xxxxxxxxxxxxxx…` has 2001 characters, 2000 are allowed",
        ),
    ] {
        assert_eq!(asked(&url, Some(&listed)).unwrap_err(), text);
    }
    let problem = asked(&json!("https://hooks.example.com"), None).unwrap_err();
    assert!(problem.starts_with("callback_url: this account has no callbacks"), "{problem}");
}

#[test]
fn a_notice_tells_how_the_job_ended() {
    let at = |seconds: i64| DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap();
    let mut entry = LedgerEntry {
        db_id: DatabaseId(1),
        matching: "email".to_owned(),
        external_id: Some("nightly".to_owned()),
        total: 10,
        tally: Tally { created: 4, updated: 3, unchanged: 1, skipped: 0, failed: 2, warnings: 5 },
        warnings: Vec::new(),
        attempts: 1,
        validate_only: false,
        retry_of: None,
        started_at: at(1),
        taken: (at(1), 10),
        finished_at: Some(at(2)),
        expires_at: None,
        read_at: at(3),
        error: None,
        callback: None,
    };
    let job_id =
        JobId::mint(1_700_000_000_000_000_000, 1, "demo", &JobKey::new(b"a key for these tests").unwrap());
    let status = |entry: &LedgerEntry, state| Status {
        job_id,
        state,
        cancel_requested: false,
        ledger: Some(entry.clone()),
    };
    let notice = CallbackNotice::of(&status(&entry, JobState::Completed)).unwrap();
    assert_eq!(notice.id, format!("{job_id}:completed"));
    let body: Value = serde_json::from_slice(&notice.body).unwrap();
    assert_eq!(
        body,
        json!({
            "type": "job.completed", "timestamp": "2023-11-14T22:13:22.000Z",
            "data": {
                "db_id": 1, "job_id": job_id, "external_id": "nightly", "status": "completed", "total": 10,
                "processed": 10, "created": 4, "updated": 3, "unchanged": 1, "skipped": 0, "failed": 2, "warnings": 5,
                "error": 0, "accepted_at": "2023-11-14T22:13:20.000Z", "started_at": "2023-11-14T22:13:21.000Z",
                "finished_at": "2023-11-14T22:13:22.000Z", "status_url": format!("/api/v1.1/jobs/{job_id}"),
                "results_url": format!("/api/v1.1/jobs/{job_id}/results"),
            },
        })
    );
    entry.error = Some((500, "why".to_owned()));
    let failed = CallbackNotice::of(&status(&entry, JobState::Failed)).unwrap();
    let body: Value = serde_json::from_slice(&failed.body).unwrap();
    assert_eq!((&body["data"]["status"], &body["data"]["error_text"]), (&json!("failed"), &json!("why")));
    entry.finished_at = None;
    assert_eq!(CallbackNotice::of(&status(&entry, JobState::Processing)), None);
}
