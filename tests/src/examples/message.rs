//! The text of a block to the request or the answer that it shows.

use ureq::http::StatusCode;

use crate::{Answer, World};

/// A request as a page shows it.
pub(super) struct Request<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

/// An answer as a page shows it.
pub(super) struct Expected<'a> {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) body: &'a str,
}

impl Request<'_> {
    pub(super) fn send(&self, world: &World) -> Answer {
        world.send(self.method, self.path, &self.headers, self.body.as_bytes())
    }
}

pub(super) fn request(text: &str) -> Result<Request<'_>, String> {
    let (first, headers, body) = parts(text)?;
    let wrong = || format!("`{first}` is no request line: `METHOD /path` or `METHOD /path HTTP/1.1`");
    let (method, rest) = first.split_once(' ').ok_or_else(wrong)?;
    let path = rest.strip_suffix(" HTTP/1.1").unwrap_or(rest);
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_method && path.starts_with('/') && !path.contains(' ') {
        Ok(Request { method, path, headers, body })
    } else {
        Err(wrong())
    }
}

pub(super) fn expected(text: &str) -> Result<Expected<'_>, String> {
    let (first, headers, body) = parts(text)?;
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_once(' '));
    let known = status.and_then(|(number, reason)| {
        let status: StatusCode = number.parse().ok()?;
        (status.canonical_reason() == Some(reason)).then(|| status.as_u16())
    });
    let status = known.ok_or_else(|| format!("`{first}` is no status line, such as `HTTP/1.1 200 OK`"))?;
    Ok(Expected { status, headers, body })
}

type Parts<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str);

/// First line, headers, body.
fn parts(text: &str) -> Result<Parts<'_>, String> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let header = |line: &'_ str| format!("`{line}` is no header; an empty line comes before the body");
    let headers = lines.map(|line| match line.split_once(':') {
        Some((name, value)) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
            Ok((name, value.trim()))
        }
        _ => Err(header(line)),
    });
    Ok((first, headers.collect::<Result<_, _>>()?, body))
}
