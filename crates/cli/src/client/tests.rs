//! The client against a gateway of canned answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use clap::Parser;
use uuid::Uuid;

use super::*;
use crate::command::Cli;
use crate::ending::Ending;
use crate::error::Error as CliError;
use crate::output::tests::printed;
use crate::report::conclude;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    gateway: Config,
}

fn gateway(url: &str) -> Gateway {
    let command = Command::parse_from(["test", "--url", url, "--token", "secret-of-the-test"]);
    Gateway::new(&command.gateway).unwrap()
}

/// Gives these answers, one connection each, and returns the requests.
fn serve(answers: Vec<String>) -> (Gateway, JoinHandle<Vec<String>>) {
    let (url, server) = listen(answers);
    (gateway(&url), server)
}

fn listen(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        answers.iter().map(|answer| exchange(listener.accept().unwrap().0, answer)).collect()
    });
    (url, server)
}

fn exchange(mut stream: TcpStream, answer: &str) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        reader.read_line(&mut request).unwrap();
    }
    let request = request.to_lowercase();
    let length = request.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    stream.write_all(answer.as_bytes()).unwrap();
    request + &String::from_utf8(body).unwrap()
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn status(rest: &str) -> String {
    format!(r#"{{"error":0,"error_text":"Successful operation","job_id":"{}",{rest}}}"#, Uuid::nil())
}

/// Runs a command on a job, to which these answers are given; how it ended, and the requests.
fn intake(command: &str, more: &[&str], answers: Vec<String>) -> (Result<Ending, CliError>, Vec<String>) {
    let (url, server) = listen(answers);
    let id = Uuid::nil().to_string();
    let line = ["intake", command, &id, "--url", &url, "--token", "secret-of-the-test"];
    let mut told = None;
    printed(|output| {
        told = Some(Cli::parse_from(line.iter().chain(more)).command.run(output));
        Ok(())
    });
    let told = told.unwrap();
    // One that gave up has left answers behind, which the server would wait for ever to give.
    let requests = told.as_ref().map_or_else(|_gave_up| Vec::new(), |_ending| server.join().unwrap());
    (told, requests)
}

#[test]
fn a_job_is_followed_through_an_outage() {
    let away =
        answer("503 Service Unavailable\r\nretry-after: 0", r#"{"error":503,"error_text":"no database"}"#);
    let running =
        answer("200 OK\r\nretry-after: 0", &status(r#""status":"processing","total":3,"processed":1"#));
    let ended =
        answer("200 OK", &status(r#""status":"completed","total":3,"processed":3,"created":1,"failed":2"#));
    let results = concat!(
        r#"{"index":1,"error":400,"code":"invalid_phone","field":"phone","error_text":"no number"}"#,
        "\n",
        r#"{"index":2,"error":409,"code":"not_unique","error_text":"another's"}"#,
        "\n"
    );
    let (gateway, server) = serve(vec![away, running, ended, answer("200 OK", results)]);
    let status = follow(&gateway, Uuid::nil(), None).unwrap();
    let mut ending = None;
    let text = printed(|output| {
        ending = Some(conclude(&gateway, &status, output)?);
        Ok(())
    });
    assert_eq!(ending, Some(Ending::RecordsFailed));
    assert_eq!(
        text,
        "completed: 3 records, 1 created, 2 failed\nrecord 1: invalid_phone (400) in phone: no number\n\
         record 2: not_unique (409): another's\n"
    );
    let requests = server.join().unwrap();
    assert!(requests.iter().all(|request| request.contains("authorization: bearer secret-of-the-test\r\n")));
    assert!(requests[3].contains("/results?format=ndjson&only=failed "), "{}", requests[3]);
    assert!(requests[0].starts_with(&format!("get /api/v1.1/jobs/{}?format=json&wait=", Uuid::nil())));
}

#[test]
fn waiting_has_its_limit() {
    let running = answer("200 OK\r\nretry-after: 9", &status(r#""status":"queued""#));
    let (gateway, _server) = serve(vec![running]);
    let error = follow(&gateway, Uuid::nil(), Some(1)).unwrap_err();
    assert!(matches!(error, CliError::Late { seconds: 1, .. }), "{error}");
}

fn post(content_type: &'static str, body: &[u8]) -> Post {
    Post {
        content_type: Some(content_type),
        key: Some("night-42".to_owned()),
        body: Body::Bytes(body.to_vec()),
        ..Post::empty("/import".to_owned())
    }
}

#[test]
fn a_broken_connection_is_mended_under_one_key() {
    let away =
        answer("503 Service Unavailable\r\nretry-after: 0", r#"{"error":503,"error_text":"no broker"}"#);
    let accepted = answer("202 Accepted", &status(r#""status":"queued""#));
    let (gateway, server) = serve(vec![String::new(), away, accepted]);
    gateway.submit::<Accepted>(&post("application/json", b"{}")).unwrap();
    let requests = server.join().unwrap();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.contains("idempotency-key: night-42\r\n")), "{requests:?}");
}

#[test]
fn a_job_whose_results_are_gone_ends_as_it_did() {
    let ended = answer("200 OK", &status(r#""status":"completed","total":3,"failed":2"#));
    let gone =
        answer("410 Gone", r#"{"error":410,"error_text":"the results of this job were kept until …"}"#);
    let (told, requests) = intake("job", &[], vec![ended, gone]);
    assert_eq!(told.unwrap(), Ending::RecordsFailed);
    assert_eq!(requests.len(), 2);
}

#[test]
fn a_retry_and_a_cancel_are_sent_again() {
    let away =
        answer("503 Service Unavailable\r\nretry-after: 0", r#"{"error":503,"error_text":"no broker"}"#);
    let accepted = answer("202 Accepted", &status(r#""status":"queued""#));
    let cancelled = answer("200 OK", &status(r#""status":"cancelled""#));
    let (told, requests) = intake("retry", &[], vec![away.clone(), accepted]);
    assert_eq!(told.unwrap(), Ending::Fine);
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.contains("/retry_failed?")), "{requests:?}");
    let (told, requests) = intake("cancel", &[], vec![away, String::new(), cancelled]);
    assert_eq!(told.unwrap(), Ending::Fine);
    assert_eq!(requests.len(), 3);
}

#[test]
fn whether_a_job_was_cancelled_and_in_time_can_be_told() {
    let cancelling = |last: &str| {
        let asked = answer("200 OK", &status(r#""status":"processing","cancel_requested":true"#));
        let last = answer("200 OK\r\nretry-after: 9", &status(last));
        let (told, _) = intake("cancel", &["--wait", "--timeout", "1"], vec![asked, last]);
        told.unwrap_or_else(|error| Ending::of_error(&error))
    };
    assert_eq!(cancelling(r#""status":"cancelled","total":3,"skipped":3"#), Ending::Fine);
    assert_eq!(cancelling(r#""status":"failed""#), Ending::Failed);
    assert_eq!(cancelling(r#""status":"processing""#), Ending::Late);
}

#[test]
fn a_batch_is_posted_with_its_type() {
    let (gateway, server) = serve(vec![answer("202 Accepted", &status(r#""status":"queued""#))]);
    let accepted: Accepted = gateway.submit(&post("application/xml", b"<xml/>")).unwrap();
    assert_eq!(accepted.job_id, Uuid::nil());
    let request = &server.join().unwrap()[0];
    assert!(
        request.contains("content-type: application/xml\r\n") && request.ends_with("<xml/>"),
        "{request}"
    );
    assert!(request.contains("prefer: respond-async\r\n"));
}

#[test]
fn a_refusal_says_what_the_gateway_says() {
    let refused = r#"{"error":401,"error_text":"the token is unknown or revoked"}"#;
    let (gateway, _server) = serve(vec![
        answer("401 Unauthorized", refused),
        answer(
            "503 Service Unavailable\r\nretry-after: 5",
            "<xml><error_text>no &lt;broker&gt;</error_text></xml>",
        ),
        answer("502 Bad Gateway", "<html>"),
        answer("301 Moved Permanently\r\nlocation: https://example.com/", ""),
        answer("200 OK", "{"),
    ]);
    let text = || match gateway.get("/x").and_then(Answer::json::<serde_json::Value>) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(text(), "the token is unknown or revoked (401)");
    assert_eq!(text(), "no <broker> (503); try again in 5 s");
    assert!(text().ends_with("/x (status 502): it explains nothing; is this Intake?"));
    assert!(text().contains("redirects to https://example.com/"));
    assert!(text().contains("/x (status 200): EOF"));
}

#[test]
fn what_was_not_sent_is_told_from_what_may_have_been() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = gateway(&format!("http://{free}")).get("/x").err().unwrap();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");
    let (gateway, _server) = serve(vec![String::new()]);
    let broken = gateway.get("/x").err().unwrap();
    let told = post::given_up(broken);
    assert!(matches!(told, CliError::Uncertain(Error::Broken { .. })), "{told}");
}

#[test]
fn a_token_that_cannot_be_sent_is_not_shown() {
    for token in ["", "secret-\u{1b}-token"] {
        let command = Command::parse_from(["test", "--token", token]);
        let error = Gateway::new(&command.gateway).err().unwrap();
        assert!(!error.to_string().contains("secret"));
    }
}
