//! A record that failed as a line to be mended and sent again: itself, word for word, with its failure as first member.

use super::original;
use crate::Entry;
use crate::wire::answer::members;
use crate::wire::{Node, json, member};

/// The member that tells the failure, and that an import ignores.
const ERROR: &str = "_error";

/// Adds the line of a failed record.
pub(super) fn of_record(body: &mut Vec<u8>, entry: &Entry) {
    let record = entry.record.as_deref();
    let start = body.len();
    // One that was sent again with an earlier failure in it has one of its own now.
    if let Some(object) = record.and_then(|record| member::without(record, ERROR)) {
        let rest = object.strip_prefix('{').unwrap_or_default().trim_start();
        body.extend_from_slice(b"{\"_error\":");
        body.extend(failure(entry));
        if !rest.starts_with('}') {
            body.push(b',');
        }
        body.extend_from_slice(rest.as_bytes());
    } else {
        // No object: nothing can be put into it, so it is told beside the failure.
        body.extend_from_slice(b"{\"_error\":");
        body.extend(failure(entry));
        body.pop();
        body.extend_from_slice(b",\"record\":");
        body.extend_from_slice(original(record).as_bytes());
        body.extend_from_slice(b"}}");
    }
    // Between the parts of a JSON text a line feed is a blank, and inside of texts there is none.
    for byte in body.iter_mut().skip(start).filter(|byte| matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    body.push(b'\n');
}

fn failure(entry: &Entry) -> Vec<u8> {
    let mut all = members([("index", Node::int(entry.outcome.index))]);
    if let Some(failure) = &entry.outcome.failure {
        all.push(("code".into(), Node::text(failure.code.slug())));
        all.extend(failure.field.as_ref().map(|field| ("field".into(), Node::text(field))));
        all.push(("error_text".into(), Node::text(&failure.text)));
    }
    json::write(&Node::Object(all))
}
