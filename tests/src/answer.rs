//! One HTTP answer, read whole.

use serde_json::Value;

use crate::xml;

/// Status, headers and body of an answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, as text.
    pub text: String,
}

impl Answer {
    /// One with this body, for tests of what reads it.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self { status: 200, headers: Vec::new(), text: text.to_owned() }
    }

    /// Reads it; `None` when it breaks off.
    pub(crate) fn try_read(mut response: ureq::http::Response<ureq::Body>) -> Option<Self> {
        let headers = response.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
        Some(Self {
            status: response.status().as_u16(),
            headers: headers.collect(),
            text: response.body_mut().with_config().limit(256 << 20).read_to_string().ok()?,
        })
    }

    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is that of an earlier request, of which this one is a repetition.
    pub fn is_replayed(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text))
    }

    /// The body as JSON, whatever it came in; an XML answer has its types by the names of its members.
    pub fn value(&self) -> Value {
        match self.header("content-type") {
            Some(xml) if xml.starts_with("application/xml") => xml::typed(xml::read(&self.text)),
            _ => self.json(),
        }
    }

    /// The id of the job that was accepted; panics when none was.
    pub fn job_id(&self) -> String {
        assert_eq!(self.status, 202, "not accepted: {}", self.text);
        let location = self.header("location").expect("a 202 says where the job is");
        location.rsplit('/').next().expect("a location has a last part").to_owned()
    }
}
