//! What is sent: a request as the user wrote it, or one made of records.

use std::path::Path;

use clap::Args;
use serde::Serialize;

const JSON: &str = "application/json";
const XML: &str = "application/xml";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a request says beside its records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Serialize)]
#[group(skip)]
#[command(next_help_heading = "For a JSON array of records, which is no request yet")]
pub(super) struct Parameters {
    /// Database that the records are for
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    db_id: Option<i32>,

    /// How a record finds its profile: email (unless said otherwise), phone, `profile_id`, custom and so on
    #[arg(long, value_name = "MODE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    matching: Option<String>,

    /// Field to match by, where --matching is custom or `custom_sub`
    #[arg(long, value_name = "FIELD")]
    #[serde(skip_serializing_if = "Option::is_none")]
    field_name: Option<String>,
}

/// A body and its type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

/// What a file holds, as its first character tells.
enum Content {
    Request(&'static str),
    Records,
}

impl Upload {
    /// # Errors
    /// A text that says why this file, or these parameters with it, cannot be sent.
    pub(super) fn new(bytes: Vec<u8>, path: &Path, parameters: &Parameters) -> Result<Self, String> {
        let (content_type, body) = match content(&bytes, path)? {
            Content::Request(content_type) if *parameters == Parameters::default() => (content_type, bytes),
            Content::Request(_) => {
                let problem =
                    "is a whole request: db_id, matching and field_name are set in it, not by options";
                return Err(problem.to_owned());
            }
            Content::Records => (JSON, wrap(&bytes, parameters)?),
        };
        Ok(Self { content_type, body })
    }
}

fn content(bytes: &[u8], path: &Path) -> Result<Content, String> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    let is = |extension: &str| path.extension().is_some_and(|known| known.eq_ignore_ascii_case(extension));
    match text.first() {
        None => Err("is empty".to_owned()),
        Some(b'<') => Ok(Content::Request(XML)),
        Some(b'{') => Ok(Content::Request(JSON)),
        Some(b'[') => Ok(Content::Records),
        // The gateway will say what is wrong with it.
        Some(_) if is("json") => Ok(Content::Request(JSON)),
        Some(_) if is("xml") => Ok(Content::Request(XML)),
        Some(_) => Err("is neither JSON nor XML".to_owned()),
    }
}

/// The records stay as they are; the parameters come behind them, so that line numbers stay right.
fn wrap(records: &[u8], parameters: &Parameters) -> Result<Vec<u8>, String> {
    if parameters.db_id.is_none() {
        return Err("is an array of records: --db-id must say which database they are for".to_owned());
    }
    let records = records.strip_prefix(BYTE_ORDER_MARK).unwrap_or(records);
    let parameters = serde_json::to_string(parameters).map_err(|error| error.to_string())?;
    let parameters = parameters.strip_prefix('{').unwrap_or(&parameters);
    Ok([b"{\"data\":", records, b",", parameters.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn upload(bytes: &[u8], name: &str, parameters: &Parameters) -> Result<Upload, String> {
        Upload::new(bytes.to_vec(), Path::new(name), parameters)
    }

    fn parameters() -> Parameters {
        let (matching, field_name) = (Some("custom".to_owned()), Some("a \"b\"".to_owned()));
        Parameters { db_id: Some(1), matching, field_name }
    }

    #[test]
    fn a_request_is_sent_as_it_is() {
        let none = Parameters::default();
        for (bytes, name, content_type) in [
            (&b" {\"db_id\": 1}\n"[..], "-", JSON),
            (b"\xef\xbb\xbf\n<xml/>", "-", XML),
            (b"<xml/>", "wrong.json", XML),
            (b"\xff\xfe", "people.XML", XML),
            (b"nonsense", "people.json", JSON),
        ] {
            assert_eq!(upload(bytes, name, &none), Ok(Upload { content_type, body: bytes.to_vec() }));
        }
        assert_eq!(upload(b" \n", "a.json", &none), Err("is empty".to_owned()));
        assert_eq!(upload(b"a,b", "a.csv", &none), Err("is neither JSON nor XML".to_owned()));
    }

    #[test]
    fn records_become_a_request() {
        let made = upload(b"\xef\xbb\xbf[{\"n\": 1.10}]\n", "-", &parameters()).unwrap();
        let text = String::from_utf8(made.body).unwrap();
        assert!(text.contains("1.10"));
        let expected = json!({"data": [{"n": serde_json::from_str::<Value>("1.10").unwrap()}], "db_id": 1,
            "matching": "custom", "field_name": "a \"b\""});
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert!(upload(b"[]", "-", &Parameters::default()).unwrap_err().contains("--db-id"));
    }

    #[test]
    fn options_that_would_be_ignored_are_refused() {
        assert!(upload(b"{}", "-", &parameters()).unwrap_err().starts_with("is a whole request"));
        assert!(upload(b"<xml/>", "-", &parameters()).is_err());
    }
}
