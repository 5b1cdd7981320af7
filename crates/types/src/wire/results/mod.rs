//! Results on their way out, entry by entry: what is around them is written first and last, so that a job of any size needs
//! no more memory than the entries in hand.
//!
//! Four forms. JSON and XML have the envelope around the entries. NDJSON and CSV are the entries alone, one a line; where the
//! original records are asked for, a line of NDJSON is the record itself, ready to be mended and sent again, with its failure
//! in front as `_error`, which an import ignores.

mod line;
mod table;

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::answer::{Members, SUCCESS, envelope, job_warnings, members, warning_list};
use super::{Format, Limits, Node, json, value, xml};
use crate::{Action, Code, Entry, JobId, JobState, Outcome, Warning};

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// `application/json`: one object.
    Json,
    /// `application/xml`: one document.
    Xml,
    /// `application/x-ndjson`: one object a line.
    Ndjson,
    /// `text/csv`: a header row, then one row each.
    Csv,
}

impl Form {
    /// Reads the word of the `format` parameter.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "ndjson" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            _ => Format::parse(word).map(Self::from),
        }
    }

    /// The word of the `format` parameter.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// The `Content-Type` of a body in this form.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => Format::Json.content_type(),
            Self::Xml => Format::Xml.content_type(),
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// The format of what is not results, such as a refusal.
    pub fn envelope(self) -> Format {
        match self {
            Self::Xml => Format::Xml,
            Self::Json | Self::Ndjson | Self::Csv => Format::Json,
        }
    }
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Xml => Self::Xml,
        }
    }
}

/// What is around the entries, in the forms that have anything there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Around {
    /// The answer to a request for results.
    Job {
        /// Where the job stands.
        state: JobState,
        /// Records in the job.
        total: u32,
        /// Where to go on.
        next_cursor: Option<String>,
    },
    /// The answer to a request that waited for its job: the vendor's response, plus the job and its own warnings.
    Waited {
        /// The job.
        job_id: JobId,
        /// Warnings on the job as a whole.
        warnings: Vec<Warning>,
    },
}

/// Writes the results of one job: [`Writer::head`], entries, [`Writer::tail`].
#[derive(Debug)]
pub struct Writer {
    /// How they are written.
    pub form: Form,
    /// What is around them.
    pub around: Around,
    /// The job writes nothing.
    pub is_dry: bool,
    /// Each entry has its original record.
    pub with_records: bool,
    /// An entry was written.
    pub begun: bool,
}

impl Writer {
    /// What comes before the entries.
    pub fn head(&self) -> Vec<u8> {
        let mut all = envelope(0, SUCCESS);
        if let Around::Job { state, total, .. } = &self.around {
            all.extend(members([("status", Node::text(state.word())), ("total", Node::int(*total))]));
        }
        match self.form {
            Form::Json => {
                let mut head = json::write(&Node::Object(all));
                head.pop();
                head.extend_from_slice(b",\"result\":[");
                head
            }
            Form::Xml => xml::begin(&all).into_bytes(),
            Form::Ndjson => Vec::new(),
            Form::Csv => table::header(self.with_records),
        }
    }

    /// Some more entries, the next in input order.
    pub fn entries(&mut self, entries: &[Entry]) -> Vec<u8> {
        let mut body = Vec::new();
        match self.form {
            Form::Json => {
                for entry in entries {
                    if std::mem::replace(&mut self.begun, true) {
                        body.push(b',');
                    }
                    self.json(&mut body, entry);
                }
            }
            Form::Xml => body = self.xml(entries),
            Form::Ndjson if self.with_records => {
                for entry in entries {
                    line::of_record(&mut body, entry);
                }
            }
            Form::Ndjson => {
                for entry in entries {
                    self.json(&mut body, entry);
                    body.push(b'\n');
                }
            }
            Form::Csv => body = table::rows(entries, self.is_dry, self.with_records),
        }
        self.begun |= !entries.is_empty();
        body
    }

    /// What comes after the entries.
    pub fn tail(&self) -> Vec<u8> {
        let all = match &self.around {
            Around::Job { next_cursor, .. } => {
                members([("next_cursor", Node::or_null(next_cursor.as_deref(), Node::text))])
            }
            Around::Waited { job_id, warnings } => {
                let mut all = members([("job_id", Node::text(job_id.to_string()))]);
                all.extend(job_warnings(warnings));
                all
            }
        };
        match self.form {
            Form::Json => {
                let mut tail = json::write(&Node::Object(all));
                tail.splice(..1, *b"],");
                tail
            }
            Form::Xml => {
                let mut tail = String::new();
                if !self.begun {
                    xml::member(&mut tail, "result", &Node::List(Vec::new()));
                }
                xml::end(&mut tail, &all);
                tail.into_bytes()
            }
            Form::Ndjson | Form::Csv => Vec::new(),
        }
    }

    fn json(&self, body: &mut Vec<u8>, entry: &Entry) {
        body.extend(json::write(&Node::Object(Told::of(&entry.outcome, self.is_dry).members())));
        if self.with_records {
            body.pop();
            body.extend_from_slice(b",\"record\":");
            body.extend(original(entry.record.as_deref()).as_bytes());
            body.push(b'}');
        }
    }

    fn xml(&self, entries: &[Entry]) -> Vec<u8> {
        let mut body = String::new();
        for entry in entries {
            let mut all = Told::of(&entry.outcome, self.is_dry).members();
            if self.with_records {
                all.push(("record".into(), as_elements(entry.record.as_deref())));
            }
            xml::item(&mut body, "result", &Node::Object(all));
        }
        body.into_bytes()
    }
}

/// A record as it was sent. What is no JSON is told as a text.
fn original(record: Option<&str>) -> Cow<'_, str> {
    match record {
        None => Cow::Borrowed("null"),
        Some(text) if serde_json::from_str::<&RawValue>(text).is_ok() => Cow::Borrowed(text.trim()),
        Some(text) => Cow::Owned(serde_json::Value::from(text).to_string()),
    }
}

/// A record as elements; one that cannot be read as an object, as the text that it is.
fn as_elements(record: Option<&str>) -> Node<'_> {
    let Some(text) = record else { return Node::Null };
    match value::members(text, Limits::RECORD_DEPTH) {
        Ok(members) => {
            Node::Object(members.into_iter().map(|(name, value)| (name.into(), Node::of(value))).collect())
        }
        Err(_) => Node::text(text),
    }
}

/// What is told of one record.
struct Told<'a> {
    outcome: &'a Outcome,
    error: u16,
    code: Option<&'static str>,
    field: Option<&'a str>,
    text: &'a str,
    action: Option<&'static str>,
}

impl<'a> Told<'a> {
    /// A skipped record was not imported, so it is no success.
    fn of(outcome: &'a Outcome, is_dry: bool) -> Self {
        let action = Some(outcome.action.word(is_dry));
        match &outcome.failure {
            Some(failure) => Self {
                outcome,
                error: failure.code.number(),
                code: Some(failure.code.slug()),
                field: failure.field.as_deref(),
                text: &failure.text,
                action: None,
            },
            None if outcome.action == Action::Skipped => Self {
                outcome,
                error: Code::NotProcessed.number(),
                code: Some(Code::NotProcessed.slug()),
                field: None,
                text: "not processed: the job was cancelled",
                action,
            },
            None => Self { outcome, error: 0, code: None, field: None, text: SUCCESS, action },
        }
    }

    fn profile_id(&self) -> Option<String> {
        self.outcome.profile_id.map(|id| id.to_string())
    }

    fn members(&self) -> Members<'a> {
        let mut all = members([("index", Node::int(self.outcome.index)), ("error", Node::int(self.error))]);
        all.extend(self.code.map(|code| ("code".into(), Node::text(code))));
        all.extend(self.field.map(|field| ("field".into(), Node::text(field))));
        all.push(("error_text".into(), Node::text(self.text)));
        all.extend(self.profile_id().map(|id| ("profile_id".into(), Node::text(id))));
        all.extend(self.action.map(|action| ("action".into(), Node::text(action))));
        let reference = self.outcome.reference.as_ref();
        all.extend(reference.map(|reference| ("_ref".into(), Node::text(reference))));
        if !self.outcome.warnings.is_empty() {
            all.push(("warnings".into(), warning_list(&self.outcome.warnings)));
        }
        all
    }
}
