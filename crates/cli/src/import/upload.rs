//! What is sent: a request as the user wrote it, one made of an array of records, or a stream of records.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use crate::client::Body;
use crate::error::Error;
use crate::input;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The body of a request, or an array of records
    Json,
    /// The body of a request
    Xml,
    /// A record a line
    Ndjson,
    /// A record a row, below a row of field names
    Csv,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }

    /// Whether the body holds nothing but records: what else there is to say goes into the query.
    fn is_stream(self) -> bool {
        matches!(self, Self::Ndjson | Self::Csv)
    }
}

/// What a request says beside its records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
#[command(next_help_heading = "For files of records, which are no request yet (NDJSON, CSV, a JSON array)")]
pub(super) struct Parameters {
    /// Database that the records are for
    #[arg(long, value_name = "ID")]
    db_id: Option<i32>,

    /// How a record finds its profile: email (unless said otherwise), phone, `profile_id`, custom and so on
    #[arg(long, value_name = "MODE")]
    matching: Option<String>,

    /// Field to match by, where --matching is custom or `custom_sub`
    #[arg(long, value_name = "FIELD")]
    field_name: Option<String>,

    /// Any other parameter of the request, such as `nulls=clear`; can be given again and again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    others: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("NAME=VALUE is expected, such as nulls=clear".to_owned()),
    }
}

impl Parameters {
    fn pairs(&self) -> Vec<(String, String)> {
        let named = [
            ("db_id", self.db_id.map(|id| id.to_string())),
            ("matching", self.matching.clone()),
            ("field_name", self.field_name.clone()),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        named.chain(self.others.iter().cloned()).collect()
    }
}

/// A body, and what must be said of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) content_type: &'static str,
    /// How the body is packed.
    pub(super) encoding: Option<&'static str>,
    /// Parameters that go into the query.
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Body,
}

impl Upload {
    /// Says how a file is to be sent. A stream of records is not read yet.
    pub(super) fn of(path: &Path, format: Option<Format>, parameters: &Parameters) -> Result<Self, Error> {
        let (inner, encoding) = unpacked(path);
        let format = format.or_else(|| of_name(&inner));
        if let Some(format) = format.filter(|format| format.is_stream() || encoding.is_some()) {
            let upload = Self::unread(path, format, encoding, parameters);
            return upload.map_err(|problem| Error::File { path: path.to_owned(), problem });
        }
        let upload = Self::read(input::read(path)?, format, parameters);
        upload.map_err(|problem| Error::File { path: path.to_owned(), problem })
    }

    fn unread(
        path: &Path,
        format: Format,
        encoding: Option<&'static str>,
        parameters: &Parameters,
    ) -> Result<Self, String> {
        let query = parameters.pairs();
        if !format.is_stream() && !query.is_empty() {
            return Err(WHOLE.to_owned());
        }
        if format.is_stream() && parameters.db_id.is_none() {
            return Err("is a file of records: --db-id must say which database they are for".to_owned());
        }
        let body = if input::is_standard_input(path) { Body::Input } else { Body::File(path.to_owned()) };
        Ok(Self { content_type: format.content_type(), encoding, query, body })
    }

    fn read(bytes: Vec<u8>, format: Option<Format>, parameters: &Parameters) -> Result<Self, String> {
        let request = |format: Format, body| {
            let content_type = format.content_type();
            Self { content_type, encoding: None, query: Vec::new(), body: Body::Bytes(body) }
        };
        match content(&bytes, format)? {
            Content::Request(format) if *parameters == Parameters::default() => Ok(request(format, bytes)),
            Content::Request(_) => Err(WHOLE.to_owned()),
            Content::Records => Ok(request(Format::Json, wrap(&bytes, parameters)?)),
        }
    }
}

const WHOLE: &str = "is a whole request: db_id, matching and the like are set in it, not by options";

/// The name of what is packed, and how it is.
fn unpacked(path: &Path) -> (PathBuf, Option<&'static str>) {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let encoding = match extension.to_ascii_lowercase().as_str() {
        "gz" => "gzip",
        "zst" => "zstd",
        _ => return (path.to_owned(), None),
    };
    (path.with_extension(""), Some(encoding))
}

/// What a name says.
fn of_name(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "json" => Some(Format::Json),
        "xml" => Some(Format::Xml),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv),
        _ => None,
    }
}

/// What a file holds, as its first character tells.
enum Content {
    Request(Format),
    Records,
}

fn content(bytes: &[u8], format: Option<Format>) -> Result<Content, String> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    match (text.first(), format) {
        (None, _) => Err("is empty".to_owned()),
        (Some(b'<'), _) => Ok(Content::Request(Format::Xml)),
        (Some(b'{'), _) => Ok(Content::Request(Format::Json)),
        (Some(b'['), _) => Ok(Content::Records),
        // The gateway will say what is wrong with it.
        (Some(_), Some(format)) => Ok(Content::Request(format)),
        (Some(_), None) => {
            Err("is neither JSON nor XML; if it is NDJSON or CSV, say so by --format".to_owned())
        }
    }
}

/// The records stay as they are; the parameters come behind them, so that line numbers stay right.
fn wrap(records: &[u8], parameters: &Parameters) -> Result<Vec<u8>, String> {
    if parameters.db_id.is_none() {
        return Err("is an array of records: --db-id must say which database they are for".to_owned());
    }
    let records = records.strip_prefix(BYTE_ORDER_MARK).unwrap_or(records);
    let members: Map<String, Value> =
        parameters.pairs().into_iter().map(|(name, value)| (name, value.into())).collect();
    let parameters = Value::Object(members).to_string();
    let parameters = parameters.strip_prefix('{').unwrap_or(&parameters);
    Ok([b"{\"data\":", records, b",", parameters.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(bytes: &[u8], format: Option<Format>, parameters: &Parameters) -> Result<Upload, String> {
        Upload::read(bytes.to_vec(), format, parameters)
    }

    fn parameters() -> Parameters {
        Parameters {
            db_id: Some(1),
            matching: Some("custom".to_owned()),
            field_name: Some("a \"b\"".to_owned()),
            others: vec![("nulls".to_owned(), "clear".to_owned())],
        }
    }

    #[test]
    fn a_request_is_sent_as_it_is() {
        let none = Parameters::default();
        for (bytes, format, content_type) in [
            (&b" {\"db_id\": 1}\n"[..], None, "application/json"),
            (b"\xef\xbb\xbf\n<xml/>", None, "application/xml"),
            (b"<xml/>", Some(Format::Json), "application/xml"),
            (b"\xff\xfe", Some(Format::Xml), "application/xml"),
            (b"nonsense", Some(Format::Json), "application/json"),
        ] {
            let upload = read(bytes, format, &none).unwrap();
            assert_eq!((upload.content_type, upload.body), (content_type, Body::Bytes(bytes.to_vec())));
        }
        assert_eq!(read(b" \n", Some(Format::Json), &none), Err("is empty".to_owned()));
        assert!(read(b"a,b", None, &none).unwrap_err().contains("--format"));
    }

    #[test]
    fn records_become_a_request() {
        let made = read(b"\xef\xbb\xbf[{\"n\": 1.10}]\n", None, &parameters()).unwrap();
        let Body::Bytes(body) = made.body else { panic!("a body at hand") };
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("1.10"));
        let expected = json!({"data": [{"n": serde_json::from_str::<Value>("1.10").unwrap()}], "db_id": "1",
            "matching": "custom", "field_name": "a \"b\"", "nulls": "clear"});
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert!(read(b"[]", None, &Parameters::default()).unwrap_err().contains("--db-id"));
    }

    #[test]
    fn options_that_would_be_ignored_are_refused() {
        assert!(read(b"{}", None, &parameters()).unwrap_err().starts_with("is a whole request"));
        assert!(read(b"<xml/>", None, &parameters()).is_err());
        let packed = Upload::of(Path::new("people.json.gz"), None, &parameters()).unwrap_err();
        assert!(packed.to_string().contains("is a whole request"), "{packed}");
    }

    #[test]
    fn streams_are_known_by_their_name_and_packing() {
        for (name, content_type, encoding) in [
            ("people.ndjson", "application/x-ndjson", None),
            ("people.JSONL.gz", "application/x-ndjson", Some("gzip")),
            ("people.csv.zst", "text/csv", Some("zstd")),
        ] {
            let upload = Upload::of(Path::new(name), None, &parameters()).unwrap();
            assert_eq!((upload.content_type, upload.encoding), (content_type, encoding), "{name}");
            assert_eq!(upload.body, Body::File(name.into()));
            let query: Vec<_> = upload.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(query, ["db_id=1", "matching=custom", "field_name=a \"b\"", "nulls=clear"]);
        }
        let upload = Upload::of(Path::new("-"), Some(Format::Csv), &parameters()).unwrap();
        assert_eq!((upload.content_type, upload.body), ("text/csv", Body::Input));
        let error = Upload::of(Path::new("people.csv"), None, &Parameters::default()).unwrap_err();
        assert!(error.to_string().contains("--db-id"), "{error}");
    }

    #[test]
    fn a_parameter_is_a_pair() {
        assert_eq!(pair(" nulls=a=b"), Ok(("nulls".to_owned(), "a=b".to_owned())));
        assert!(pair("nulls").is_err() && pair("=x").is_err());
    }
}
