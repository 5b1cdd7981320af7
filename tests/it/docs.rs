//! What the documents show is what the service does. How examples are written: `intake_tests::run_examples`, in
//! tests/src/examples/mod.rs.

use intake_tests::run_examples;

#[test]
fn examples_that_hold_pass() {
    let examples = run_examples(include_str!("../fixtures/examples/holding.md"));
    assert_eq!((examples.run, examples.failures), (7, Vec::new()));
}

#[test]
fn examples_that_do_not_hold_fail_and_say_where() {
    let examples = run_examples(include_str!("../fixtures/examples/failing.md"));
    let told: Vec<&str> =
        examples.failures.iter().map(|failure| failure.lines().next().unwrap_or_default()).collect();
    let wanted = [
        "line 97: the answer has no request",
        "line 101: the request has no answer",
        "line 109: the request has no answer",
        "line 115: an example is fenced by ``` and the one word http, not indented",
        "line 119: an example is fenced by ``` and the one word http, not indented",
        "line 123: an example is fenced by ``` and the one word http, not indented",
        "line 127: the block is not closed",
        "line 127: the request has no answer",
        "line 5: status: expected 404, got 200",
        "line 15: header Retry-After: expected `1`, got None",
        "line 24: the body: has a member `status` that is not expected",
        "line 34: <xml>: the elements are other ones",
        "line 44: the lines are other ones",
        "line 52: no answer had a `job_id` so far",
        "line 60: `get /health/live` is no request line: `METHOD /path` or `METHOD /path HTTP/1.1`",
        "line 68: `{}` is no header; an empty line comes before the body",
        "line 81: `HTTP/1.1 200 Fine` is no status line, such as `HTTP/1.1 200 OK`",
        "line 89: the expected body is no JSON: expected value at line 1 column 12",
    ];
    assert_eq!(told, wanted);
    assert_eq!(examples.run, 10);
}

#[test]
fn the_examples_of_the_api_hold() {
    let examples = run_examples(include_str!("../../docs/api.md"));
    assert!(examples.failures.is_empty(), "docs/api.md: {}", examples.failures.join("\n"));
    assert!(examples.run > 0, "docs/api.md shows no example");
}

#[test]
fn the_examples_of_the_readme_hold() {
    let examples = run_examples(include_str!("../../README.md"));
    assert!(examples.failures.is_empty(), "README.md: {}", examples.failures.join("\n"));
}

/// Where the source of a test lies that is named `module::function`, or `crate: module::function`.
fn sources(name: &str) -> (Vec<std::path::PathBuf>, &str) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let (roots, path) = match name.split_once(": ") {
        Some((name, path)) => {
            let root = root.join("../crates").join(name);
            (vec![root.join("src"), root.join("tests/it")], path)
        }
        None => (vec![root.join("it")], name),
    };
    let (module, function) = path.rsplit_once("::").unwrap();
    let files = roots.iter().map(|root| root.join(module.replace("::", "/")));
    (files.flat_map(|file| [file.with_extension("rs"), file.join("mod.rs")]).collect(), function)
}

#[test]
fn the_tests_behind_the_guarantees_exist() {
    let names = include_str!("../../docs/guarantees.md").split('`').skip(1).step_by(2);
    let names: Vec<&str> = names.filter(|name| name.contains("::")).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let (files, function) = sources(name);
        let source = files.iter().find_map(|file| std::fs::read_to_string(file).ok());
        let source = source.unwrap_or_else(|| panic!("no module of {name}: {files:?}"));
        assert!(source.contains(&format!("fn {function}(")), "no test {name}");
    }
}
