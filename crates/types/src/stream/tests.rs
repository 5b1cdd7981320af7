//! What text is split into: in one piece or in many, whole or broken.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::DatabaseId;
use crate::field::{Field, FieldType};

const MOST: usize = 1000;

fn database() -> Database {
    let types =
        [("orders", FieldType::ArrObject), ("interests", FieldType::Tags), ("city", FieldType::String)];
    let field = |(name, field_type): (&str, FieldType)| Field {
        name: name.to_owned(),
        number: 1,
        field_type,
        matchable: false,
        unique: false,
    };
    let fields: BTreeMap<String, Field> =
        types.into_iter().map(|named| (named.0.to_owned(), field(named))).collect();
    let name = "1".to_owned();
    Database { id: DatabaseId(1), name, default_region: None, unique: BTreeSet::new(), fields }
}

/// What these pieces are split into: records, and of those that cannot be read what is wrong.
fn split(format: StreamFormat, pieces: &[&[u8]]) -> Result<Vec<(String, Option<String>)>, String> {
    let database = database();
    let mut splitter = Splitter::new(format, &database, MOST);
    let mut records = Vec::new();
    let mut take = |Item { record, problem }: Item| -> Result<(), Refusal> {
        records.push((record.get().to_owned(), problem));
        Ok(())
    };
    for piece in pieces {
        splitter.feed(piece, &mut take).map_err(|refusal| refusal.to_string())?;
    }
    splitter.finish(&mut take).map_err(|refusal| refusal.to_string())?;
    Ok(records)
}

fn lines(text: &str) -> Vec<(String, Option<String>)> {
    split(StreamFormat::Ndjson, &[text.as_bytes()]).unwrap()
}

fn rows(text: &str) -> Vec<(String, Option<String>)> {
    split(StreamFormat::Csv, &[text.as_bytes()]).unwrap()
}

fn good(text: &str) -> (String, Option<String>) {
    (text.to_owned(), None)
}

fn bad(text: &str, problem: &str) -> (String, Option<String>) {
    (text.to_owned(), Some(problem.to_owned()))
}

#[test]
fn a_line_is_a_record_as_it_was_written() {
    assert_eq!(lines("\u{feff}{\"a\" : 1.50}\r\n\n  \t\r\n [1] "), [good("{\"a\" : 1.50}"), good("[1]")]);
    let blanks = " ".repeat(2 * MOST);
    assert_eq!(lines(&format!("{blanks}\n{blanks}1 \n2")), [good("1"), good("2")]);
}

#[test]
fn a_bad_line_is_told_with_its_number_and_leaves_its_text() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MOST));
    let records =
        split(StreamFormat::Ndjson, &[format!("\n{{a\n1 2\n{long}\n\"").as_bytes(), b"\xff\"\n{}"]).unwrap();
    assert_eq!(
        records,
        [
            bad("\"{a\"", "line 2 is no JSON: key must be a string at column 2"),
            bad("\"1 2\"", "line 3 is no JSON: trailing characters at column 3"),
            bad(&serde_json::Value::from(&*long).to_string(), "line 4 has more than 1000 bytes"),
            bad("\"\\\"\u{fffd}\\\"\"", "line 5 is not UTF-8 after its byte 1"),
            good("{}"),
        ]
    );
}

#[test]
fn a_row_is_a_record_of_text() {
    let text = "\u{feff}email, city ,interests,orders,x\r\n\
        a@example.com,\"Riga, \"\"LV\"\"\n2\",\"[\"\"a\"\"]\",\"[{\"\"id\"\":1}]\",[1]\r\n\
        \r\n\
        ,{},[oops,,\n\
        ,,,,";
    assert_eq!(
        rows(text),
        [
            good(
                r#"{"email":"a@example.com","city":"Riga, \"LV\"\n2","interests":["a"],"orders":[{"id":1}],"x":"[1]"}"#
            ),
            good(r#"{"city":"{}","interests":"[oops"}"#),
            good("{}"),
        ]
    );
}

#[test]
fn a_bad_row_is_told_with_its_line_and_leaves_its_text() {
    let long = "x".repeat(MOST + 1);
    let text = format!("email,city\r\n\r\na,b\r\n\"a\nb\",c,d\r\ne\r\n{long},\r\nf,\"g\r\nh,i");
    assert_eq!(
        rows(&text),
        [
            good(r#"{"email":"a","city":"b"}"#),
            bad(r#""\"a\nb\",c,d""#, "the row at line 4 does not fit the header row (cells: 3, columns: 2)"),
            bad(r#""e""#, "the row at line 6 does not fit the header row (cells: 1, columns: 2)"),
            bad(&format!("\"{long},\""), "the row at line 7 has more than 1000 bytes"),
            bad(r#""f,\"g\r\nh,i""#, "the row at line 8 has a quote that nothing closes"),
        ]
    );
    let records = split(StreamFormat::Csv, &[b"email,city\na,\xff\n"]).unwrap();
    assert_eq!(records, [bad("\"a,\u{fffd}\"", "the row at line 2 is not UTF-8 in the column `city`")]);
    let (name, cell) = ("n".repeat(80), "x".repeat(20));
    let names: Vec<String> = (0..10).map(|number| format!("{number}{name}")).collect();
    let (_, problem) = rows(&format!("{}\n{}", names.join(","), vec![cell; 10].join(","))).remove(0);
    assert_eq!(problem.unwrap(), "the row at line 2 makes a record of more than 1000 bytes");
}

#[test]
fn a_header_row_that_will_not_do_is_refused() {
    let refused = |text: &str| split(StreamFormat::Csv, &[text.as_bytes()]).unwrap_err();
    assert_eq!(refused("a,,b\n1,2,3"), "header row: column 2 has no name");
    assert_eq!(refused("a, b,b \n1,2,3"), "header row: the column `b` is there more than once");
    assert_eq!(refused("a;b\n1;2"), "header row: one column, `a;b`: cells must be parted by commas");
    assert_eq!(refused("a,\"b\n1,2"), "header row: has a quote that nothing closes");
    let many: Vec<String> = (0..=10_000).map(|number| number.to_string()).collect();
    let database = database();
    let mut splitter = Splitter::new(StreamFormat::Csv, &database, 1 << 20);
    let refusal =
        splitter.feed(format!("{}\n", many.join(",")).as_bytes(), |_| Ok::<(), Refusal>(())).unwrap_err();
    assert_eq!(refusal.to_string(), "header row: 10001 columns sent, 10000 allowed");
}

#[test]
fn nothing_is_no_stream() {
    for (format, text) in [
        (StreamFormat::Ndjson, ""),
        (StreamFormat::Ndjson, "\u{feff}\n \n"),
        (StreamFormat::Csv, ""),
        (StreamFormat::Csv, "email\r\n\r\n"),
    ] {
        let refused = split(format, &[text.as_bytes()]).unwrap_err();
        assert_eq!(refused, "data: the body holds no record; at least one is needed");
    }
}

/// Text in which every rule matters.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "\n",
        "\r\n",
        "\"",
        ",",
        "{",
        "}",
        "[",
        "a",
        "\u{feff}",
        " ",
        ":",
        "1",
        "\"a\"",
        "{\"a\":1}\n",
        "a,b\n",
        "1,2\n",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(pieces.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..3),
        1 => Just(vec![b'x'; 600]),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

#[test]
fn of_two_byte_order_marks_one_is_left_out() {
    let text = "\u{feff}\u{feff}\n".as_bytes();
    let whole = split(StreamFormat::Csv, &[text]);
    assert_eq!(whole, split(StreamFormat::Csv, &[&text[..4], &text[4..]]));
    assert_eq!(whole.unwrap_err(), "data: the body holds no record; at least one is needed");
}

proptest! {
    #[test]
    fn it_does_not_matter_where_text_is_divided(text in text(), cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        for format in [StreamFormat::Ndjson, StreamFormat::Csv] {
            prop_assert_eq!(split(format, &pieces), split(format, &[&text]));
        }
    }
}
