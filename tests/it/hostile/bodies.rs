//! Bodies that are refused as a whole: with the place, in the envelope, and the service goes on.

use intake_tests::{Answer, World};
use serde_json::json;

use super::{JSON, XML, gzip, post, zstd, zstd_bomb};

fn assert_refused(answer: &Answer, status: u16, about: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["error"]), (status, &json!(status)), "{about}: {}", answer.text);
    let text = body["error_text"].as_str().unwrap();
    assert!(text.contains(about), "{text:?} does not say {about:?}");
    assert!(answer.text.len() < 1000, "a long answer: {} bytes", answer.text.len());
}

/// After everything else: an honest request is served as ever, and nothing of the others is stored.
fn assert_unharmed(world: &World) {
    let results = world.import_all(json!({}), &[json!({"email": "honest@example.com"})]);
    assert_eq!(results[0]["action"], "created");
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 1);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 1);
}

#[test]
fn packed_bodies_are_unpacked_once_and_within_the_limit() {
    let world = World::start();
    let body = br#"{"db_id": 1, "data": [{"email": "a@example.com"}]}"#;
    let (gzipped, zstandard) = (gzip(body), zstd(body, None));
    let cases = [
        ("gzip", gzip(&gzipped), 400, "not UTF-8"),
        ("zstd", zstd(&zstandard, None), 400, "not UTF-8"),
        ("gzip", gzipped[..gzipped.len() - 9].to_vec(), 400, "not readable gzip"),
        ("zstd", zstandard[..zstandard.len() - 1].to_vec(), 400, "not readable zstd"),
        ("gzip", zstandard.clone(), 400, "not readable gzip"),
        ("zstd", gzipped.clone(), 400, "not readable zstd"),
        ("gzip", body.to_vec(), 400, "not readable gzip"),
        ("zstd", zstd(&vec![b' '; 1 << 16], Some(27)), 400, "not readable zstd"),
        ("zstd", zstd_bomb(512), 413, "10485760"),
        ("gzip", gzip(&vec![b' '; 64 << 20]), 413, "10485760"),
        ("br", body.to_vec(), 415, "gzip, zstd or identity"),
        ("gzip, gzip", gzip(&gzipped), 415, "only one"),
        ("identity", vec![b' '; (10 << 20) + 1], 413, "10485761"),
    ];
    for (encoding, packed, status, about) in cases {
        for content_type in [JSON, XML] {
            assert_refused(&post(&world, content_type, encoding, &packed), status, about);
        }
    }
    assert_unharmed(&world);
}

#[test]
fn json_that_cannot_be_read_says_where() {
    let world = World::start();
    let nested = |bracket: &str| format!("{{\"db_id\":1,\n\"data\":{}", bracket.repeat(1_000_000));
    let cases: [(Vec<u8>, &str); 9] = [
        (b"{\"db_id\":1,\n\"data\":[{\"email\":\"\xff\"}]}".to_vec(), "not UTF-8 at line 2, column 19"),
        (nested("[").into_bytes(), "line 2"),
        (nested("[{\"a\":").into_bytes(), "line 2"),
        ([0xFE, 0xFF, 0, b'{', 0, b'}'].to_vec(), "not UTF-8 at line 1, column 1"),
        (b"{\"db_id\":1,\"db_id\":2,\"data\":[{}]}".to_vec(), "db_id: sent more than once"),
        (b"{\"data\":[],\"data\":[]}".to_vec(), "data: sent more than once"),
        (
            b"{\"db_id\":{\"$serde_json::private::Number\":\"1\"},\"data\":[{}]}".to_vec(),
            "db_id: a name cannot",
        ),
        (b"{\"db_id\":1e400,\"data\":[{}]}".to_vec(), "db_id: must be an int"),
        (b"{\"db_id\":1,\"data\":[{}]} {}".to_vec(), "line 1, column 25"),
    ];
    for (body, about) in cases {
        assert_refused(&post(&world, JSON, "identity", &body), 400, about);
    }
    let name = "n".repeat(9 << 20);
    let long = format!(
        "{{\"db_id\":1,\"{name}\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}"
    );
    assert_refused(&post(&world, JSON, "identity", long.as_bytes()), 400, "nested deeper than 32 levels");
    assert_unharmed(&world);
}

#[test]
fn xml_that_cannot_be_read_says_where() {
    let world = World::start();
    let laughs: Vec<String> = (1..10)
        .map(|level| format!("<!ENTITY l{level} '{}'>\n", format!("&l{};", level - 1).repeat(10)))
        .collect();
    let in_record = |inner: &str| {
        format!("<xml><db_id>1</db_id><data><email>a@example.com</email>\n{inner}</data></xml>").into_bytes()
    };
    let attributes: Vec<String> = (0..100_000).map(|number| format!(" a{number}='1'")).collect();
    let declared = |encoding: &str| format!("<?xml version='1.0' encoding='{encoding}'?><xml/>").into_bytes();
    let wide: Vec<u8> =
        "<?xml version='1.0' encoding='utf-16'?><xml/>".bytes().flat_map(|b| [b, 0]).collect();
    let cases: [(Vec<u8>, &str); 13] = [
        (
            format!("<!DOCTYPE xml [<!ENTITY l0 'ha'>\n{}]><xml><a>&l9;</a></xml>", laughs.concat())
                .into_bytes(),
            "DOCTYPE is not allowed at line 1",
        ),
        (b"<!DOCTYPE xml SYSTEM 'file:///etc/passwd'><xml/>".to_vec(), "DOCTYPE"),
        (in_record("<city>&l9;</city>"), "`&l9;` stands for no character at line 2"),
        (in_record("<city>&#0;</city>"), "stands for no character at line 2"),
        (in_record("<city>&#xD800;</city>"), "stands for no character at line 2"),
        (in_record("<city>\u{1}</city>"), "does not allow at line 2"),
        (in_record(&format!("<city{}/>", attributes.concat())), "unknown attribute `a0`"),
        (in_record("<city nil='true' nil='true'/>"), "line 2"),
        (in_record("<a><b></a></b>"), "line 2"),
        (declared("windows-1251"), "windows-1251"),
        (declared("utf-16"), "utf-16"),
        (wide, "at line 1"),
        ("<xml>".repeat(100_000).into_bytes(), "not closed"),
    ];
    for (body, about) in cases {
        assert_refused(&post(&world, XML, "identity", &body), 400, about);
    }
    let latin = [b"<xml><db_id>1</db_id>\n<data><city>caf\xe9</city></data></xml>".to_vec()].concat();
    assert_refused(&post(&world, XML, "identity", &latin), 400, "not UTF-8 at line 2, column 16");
    assert_unharmed(&world);
}
