//! Results as rows (RFC 4180): the members of an entry are columns, and what is not there is empty.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};

use super::{Told, original};
use crate::Entry;
use crate::wire::answer::warning_list;
use crate::wire::json;

const COLUMNS: [&str; 9] =
    ["index", "error", "code", "field", "error_text", "profile_id", "action", "_ref", "warnings"];
const RECORD: &str = "record";

/// The first row.
pub(super) fn header(with_records: bool) -> Vec<u8> {
    let mut writer = writer();
    write(&mut writer, COLUMNS.into_iter().chain(with_records.then_some(RECORD)));
    bytes(writer)
}

/// One row for each entry; warnings and the record are JSON.
pub(super) fn rows(entries: &[Entry], is_dry: bool, with_records: bool) -> Vec<u8> {
    let mut writer = writer();
    for entry in entries {
        let told = Told::of(&entry.outcome, is_dry);
        let warnings = &entry.outcome.warnings;
        let warnings = (!warnings.is_empty()).then(|| json::write(&warning_list(warnings)));
        let warnings = warnings.map(|json| String::from_utf8_lossy(&json).into_owned()).unwrap_or_default();
        let (index, error) = (entry.outcome.index.to_string(), told.error.to_string());
        let profile_id = told.profile_id().unwrap_or_default();
        let row: [&str; COLUMNS.len()] = [
            &index,
            &error,
            told.code.unwrap_or_default(),
            told.field.unwrap_or_default(),
            told.text,
            &profile_id,
            told.action.unwrap_or_default(),
            entry.outcome.reference.as_deref().unwrap_or_default(),
            &warnings,
        ];
        let record = with_records
            .then(|| entry.record.as_deref().map_or(Cow::Borrowed(""), |text| original(Some(text))));
        write(&mut writer, row.into_iter().chain(record.as_deref()));
    }
    bytes(writer)
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new())
}

fn write<'r>(writer: &mut Writer<Vec<u8>>, row: impl Iterator<Item = &'r str>) {
    #[expect(clippy::expect_used, reason = "writing to memory cannot fail, and all rows are of one length")]
    writer.write_record(row).expect("a row is writable");
}

fn bytes(writer: Writer<Vec<u8>>) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "writing to memory cannot fail")]
    writer.into_inner().expect("rows are writable")
}
