//! A declaration read from its file.

use std::path::Path;

use intake_types::catalog::Declaration;
use serde_saphyr::{SnippetMode, UserMessageFormatter, render_options};

use crate::error::Error;
use crate::input;

pub(super) fn read(path: &Path) -> Result<Declaration, Error> {
    parse(&input::read(path)?).map_err(|problem| Error::File { path: path.to_owned(), problem })
}

fn parse(bytes: &[u8]) -> Result<Declaration, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    // A declaration is the whole truth, so an empty one would remove everything. Nobody means that by an empty file.
    if text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---") {
        return Err("declares nothing; to remove everything, say so: `databases: []`".to_owned());
    }
    serde_saphyr::from_str(text).map_err(|error| {
        // No snippets: the lines around an error may hold tokens.
        error.render_with_options(render_options! {
            formatter: &UserMessageFormatter,
            snippets: SnippetMode::Off,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(yaml: &str) -> String {
        parse(yaml.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_problem_names_its_place() {
        assert_eq!(
            problem("databases:\n  - id: 1\n    nam: Demo\n"),
            "unknown field `nam`, expected one of id, name, default_region, unique, fields at line 3, column 5"
        );
        assert_eq!(problem("databases:\n  - id: one\n    name: Demo\n"), "invalid i32 at line 2, column 9");
        assert_eq!(problem("databases:\n  - id: 1\n"), "missing field `name` at line 2, column 5");
        assert!(
            problem("databases: []\ndatabases: []\n").ends_with("is not allowed here at line 2, column 1")
        );
        assert!(problem("databases: [\n").contains("at line 1"));
        assert!(parse(b"databases: \xff").unwrap_err().starts_with("not UTF-8"));
    }

    #[test]
    fn a_problem_repeats_no_token() {
        let near = [
            "tokens: hidden-hidden-hidden",
            "tokens: {hidden-hidden-hidden: 1}",
            "tokens: [hidden-hidden-hidden, {}]",
            "tokens: [\"hidden-hidden-hidden\\q\"]",
            "tokens: [hidden-hidden-hidden]\n    nam: x",
            "tokens: [hidden-hidden-hidden\n",
        ];
        for near in near {
            let text = problem(&format!("accounts:\n  - name: demo\n    {near}\n"));
            assert!(text.contains("line ") && !text.contains("hidden"), "{text}");
        }
    }

    #[test]
    fn an_empty_file_does_not_remove_everything() {
        for empty in ["", "\n  \n", "# databases:\n---\n"] {
            assert!(problem(empty).starts_with("declares nothing"));
        }
        assert_eq!(parse(b"databases: []"), Ok(Declaration::default()));
    }
}
