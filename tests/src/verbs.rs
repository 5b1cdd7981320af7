//! What stories do, in the format of their world.

use serde_json::{Value, json};

use crate::{Answer, DEMO_TOKEN, Format, World, until, xml};

const IMPORT: &str = "/api/v1.1/profiles/import_batch";
const GET: &str = "/api/v1.1/profiles/get";

impl World {
    /// Posts a body as account "demo", in this world's format.
    pub fn post_body(&self, path: &str, body: &Value) -> Answer {
        self.post_body_as(DEMO_TOKEN, path, body)
    }

    /// Posts a body as the holder of a token, in this world's format.
    pub fn post_body_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.exchange(token, path, body, self.format())
    }

    fn exchange(&self, token: &str, path: &str, body: &Value, accept: Format) -> Answer {
        let token = format!("Bearer {token}");
        let headers = [
            ("content-type", self.format().media_type()),
            ("accept", accept.media_type()),
            ("authorization", token.as_str()),
        ];
        let answer = self.post(path, &headers, self.format().write(body).as_bytes());
        let spoken = answer.header("content-type").unwrap_or_default();
        assert!(spoken.starts_with(accept.media_type()), "answered in {spoken}: {}", answer.text);
        answer
    }

    /// Gets a path as account "demo", in this world's format.
    pub fn fetch(&self, path: &str) -> Answer {
        let token = format!("Bearer {DEMO_TOKEN}");
        let headers = [("accept", self.format().media_type()), ("authorization", token.as_str())];
        self.send("GET", path, &headers, b"")
    }

    /// Posts an import as account "demo".
    pub fn import(&self, body: &Value) -> Answer {
        self.post_body(IMPORT, body)
    }

    /// Imports records into database 1 and gives back their results once the job is completed.
    pub fn import_all(&self, parameters: Value, records: &[Value]) -> Vec<Value> {
        self.batch_all(IMPORT, parameters, records)
    }

    /// Posts records for database 1 to any of the batch paths, and gives back their results once the job is completed.
    pub fn batch_all(&self, path: &str, parameters: Value, records: &[Value]) -> Vec<Value> {
        let mut body = json!({"db_id": 1, "data": records});
        if let (Some(body), Value::Object(parameters)) = (body.as_object_mut(), parameters) {
            body.extend(parameters);
        }
        let job = self.post_body(path, &body).job_id();
        self.completed(&job);
        self.results(&job)
    }

    /// The status of a job of account "demo".
    pub fn status(&self, job: &str) -> Value {
        let answer = self.fetch(&format!("/api/v1.1/jobs/{job}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.value()
    }

    /// Waits until a job is completed; its last status.
    pub fn completed(&self, job: &str) -> Value {
        let status = self.ended(job);
        assert_eq!(status["status"], "completed", "{status}");
        status
    }

    /// Waits until a job as a whole has failed, by no fault of the client; its last status.
    pub fn failed(&self, job: &str) -> Value {
        let status = self.ended(job);
        assert_eq!((&status["status"], &status["error"]), (&json!("failed"), &json!(500)), "{status}");
        status
    }

    /// Waits until a job has ended in whatever way, also one that no gateway knows yet; its last status.
    pub fn ended(&self, job: &str) -> Value {
        until(&format!("job {job} ends"), || {
            let answer = self.fetch(&format!("/api/v1.1/jobs/{job}"));
            (answer.status == 200)
                .then(|| answer.value())
                .filter(|status| status["finished_at"] != Value::Null)
        })
    }

    /// Cancels a job as account "demo".
    pub fn cancel(&self, job: &str) -> Answer {
        let token = format!("Bearer {DEMO_TOKEN}");
        let headers = [("accept", self.format().media_type()), ("authorization", token.as_str())];
        self.post(&format!("/api/v1.1/jobs/{job}/cancel"), &headers, b"")
    }

    /// All results of a job of account "demo", in input order.
    pub fn results(&self, job: &str) -> Vec<Value> {
        let answer = self.fetch(&format!("/api/v1.1/jobs/{job}/results"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        array(answer.value()["result"].take())
    }

    /// The profiles of database 1 that match, as `profiles/get` shows them to account "demo" in JSON. A world that
    /// speaks XML also reads them in XML, and finds the same but for the types, which XML does not tell.
    pub fn profiles(&self, matching: Value) -> Vec<Value> {
        let mut body = json!({"db_id": 1});
        if let (Some(body), Value::Object(matching)) = (body.as_object_mut(), matching) {
            body.extend(matching);
        }
        let answer = self.exchange(DEMO_TOKEN, GET, &body, Format::Json);
        assert_eq!(answer.status, 200, "{}", answer.text);
        let profiles = answer.value()["data"].take();
        if self.format() == Format::Xml {
            let answer = self.exchange(DEMO_TOKEN, GET, &body, Format::Xml);
            assert_eq!(xml::read(&answer.text)["data"], xml::untyped(&profiles), "{}", answer.text);
        }
        array(profiles)
    }

    /// A value of no declared type (what is inside an object) as it reads back: what came in XML is text.
    pub fn inside_objects(&self, value: Value) -> Value {
        match self.format() {
            Format::Json => value,
            Format::Xml => xml::untyped(&value),
        }
    }
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("an array, not {other}"),
    }
}
