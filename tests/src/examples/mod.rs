//! Examples in documents, executed: what a page shows is what the service does.
//!
//! # The convention
//!
//! An example is two fenced blocks with the info string `http`: a request, and after it the answer that it gets. There
//! may be prose between the two, but no heading and no other block.
//!
//! ````markdown
//! ```http
//! POST /api/v1.1/profiles/import_batch
//! Authorization: Bearer abcdefghijklmnqrstuvwxyz
//! Content-Type: application/json
//!
//! {"db_id": 1, "data": [{"email": "john@example.com"}]}
//! ```
//!
//! ```http
//! HTTP/1.1 202 Accepted
//! Location: /api/v1.1/jobs/$job_id
//!
//! {"error": 0, "error_text": "Successful operation", "job_id": "019d…", …}
//! ```
//! ````
//!
//! - **A section** is what stands under a heading of the first or second level. Each section with an example has an
//!   installation of its own with the demo catalogue; its examples run in order, one after the other.
//! - **A request** is a line of method and path (`HTTP/1.1` may follow), headers, an empty line, the body. The body is sent
//!   as it stands, each line ended by a line feed.
//! - **An answer** is a status line with the status's own words, headers that must be there (others may be, too), an
//!   empty line, the body. An answer without a body says nothing about the body.
//! - **`…` stands for what is left out:** any characters within a text, a header's value or a line; alone, as a JSON value
//!   or as the content of an element, anything; alone among the members of an object, the items of an array, the
//!   children of an element or the lines of a text, any number of further ones. Nothing is left out unsaid: a
//!   member that the answer has and the page has not is a difference.
//! - JSON is compared as JSON (the order of members is free), NDJSON so line by line, XML as XML (the order of elements
//!   counts, blanks between them do not), all else as lines of text: the answer's `Content-Type` decides.
//! - **`$name`** stands for the value that an answer had under that name: any text or number in JSON or XML, the
//!   outermost and first one of that name, of the last answer that had one. It may stand in requests, and in answers for
//!   earlier values and the answer's own. To follow a job: `GET /api/v1.1/jobs/$job_id?wait=10` waits until it ends.
//! - **A block that is not to be run** has another info string (`json`, `xml`, `sh`, none). `http` in any other way, such
//!   as indented, with further words, or a request without an answer, is an error.

mod captures;

mod markdown;
mod message;
mod pattern;
mod sequence;
mod shape;

use captures::Captures;
use markdown::Example;
use message::Expected;
pub use pattern::fits;

use crate::{Answer, World};

/// What became of the examples of a document.
#[derive(Debug, Default)]
pub struct Examples {
    /// How many were run.
    pub run: usize,
    /// What is wrong, each with its line in the document.
    pub failures: Vec<String>,
}

/// Runs all examples of a document, each section in a world of its own.
pub fn run_examples(document: &str) -> Examples {
    let (sections, failures) = markdown::sections(document);
    let mut examples = Examples { run: 0, failures };
    for section in sections.iter().filter(|section| !section.is_empty()) {
        let world = World::start();
        let mut captures = Captures::default();
        for example in section {
            examples.run += 1;
            if let Err((line, problem)) = example.run(&world, &mut captures) {
                examples.failures.push(format!("line {line}: {problem}"));
            }
        }
    }
    examples
}

impl Example {
    fn run(&self, world: &World, captures: &mut Captures) -> Result<(), (usize, String)> {
        let at = |line: usize| move |problem: String| (line, problem);
        let request = captures.fill(&self.request.text).map_err(at(self.request.line))?;
        let request = message::request(&request).map_err(at(self.request.line))?;
        let answer = request.send(world);
        captures.learn(&answer);
        let expected = captures.fill(&self.answer.text).map_err(at(self.answer.line))?;
        let expected = message::expected(&expected).map_err(at(self.answer.line))?;
        expected.meets(&answer).map_err(|problem| (self.answer.line, format!("{problem}\n{}", answer.text)))
    }
}

impl Expected<'_> {
    fn meets(&self, answer: &Answer) -> Result<(), String> {
        if self.status != answer.status {
            return Err(format!("status: expected {}, got {}", self.status, answer.status));
        }
        for (name, value) in &self.headers {
            match answer.header(&name.to_ascii_lowercase()) {
                Some(actual) if pattern::fits(value, actual) => {}
                actual => return Err(format!("header {name}: expected `{value}`, got {actual:?}")),
            }
        }
        if self.body.trim().is_empty() { Ok(()) } else { shape::compare(self.body, answer) }
    }
}
