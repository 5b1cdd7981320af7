//! A document to its examples.

/// A fenced block.
pub(super) struct Block {
    /// The line of its fence, from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

/// A request and the answer that it should get.
pub(super) struct Example {
    pub(super) request: Block,
    pub(super) answer: Block,
}

/// The examples of each section, and what is wrong with how they are written.
pub(super) fn sections(document: &str) -> (Vec<Vec<Example>>, Vec<String>) {
    let mut reader = Reader::default();
    let mut lines = document.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        if let Some(fence) = Fence::open(line) {
            let body = lines.by_ref().map(|(line, _)| line);
            let mut closed = false;
            let body = body.take_while(|line| {
                closed = fence.closes(line);
                !closed
            });
            let text: String = body.flat_map(|line| [line, "\n"]).collect();
            if !closed {
                reader.problem(number, "the block is not closed");
            }
            reader.block(&fence, Block { line: number, text });
        } else if line.starts_with('#') {
            reader.no_more_answers();
            if line.starts_with("# ") || line.starts_with("## ") {
                reader.sections.push(Vec::new());
            }
        }
    }
    reader.no_more_answers();
    (reader.sections, reader.problems)
}

#[derive(Default)]
struct Reader {
    sections: Vec<Vec<Example>>,
    problems: Vec<String>,
    /// A request whose answer has not come yet.
    asked: Option<Block>,
}

impl Reader {
    fn problem(&mut self, line: usize, problem: &str) {
        self.problems.push(format!("line {line}: {problem}"));
    }

    fn no_more_answers(&mut self) {
        if let Some(request) = self.asked.take() {
            self.problem(request.line, "the request has no answer");
        }
    }

    fn block(&mut self, fence: &Fence<'_>, block: Block) {
        if !fence.info.to_ascii_lowercase().starts_with("http") {
            self.no_more_answers();
        } else if fence.info != "http" || !fence.plain {
            self.problem(block.line, "an example is fenced by ``` and the one word http, not indented");
        } else if !block.text.starts_with("HTTP/") {
            self.no_more_answers();
            self.asked = Some(block);
        } else if let Some(request) = self.asked.take() {
            if self.sections.is_empty() {
                self.sections.push(Vec::new());
            }
            let section = self.sections.last_mut().expect("there is one");
            section.push(Example { request, answer: block });
        } else {
            self.problem(block.line, "the answer has no request");
        }
    }
}

/// The line that opens a block.
struct Fence<'a> {
    mark: &'a str,
    info: &'a str,
    /// Three backquotes at the start of the line.
    plain: bool,
}

impl<'a> Fence<'a> {
    fn open(line: &'a str) -> Option<Self> {
        let trimmed = line.trim_start();
        let character = trimmed.chars().next().filter(|character| matches!(character, '`' | '~'))?;
        let info = trimmed.trim_start_matches(character);
        let mark = trimmed.strip_suffix(info).unwrap_or_default();
        // What looks like a fence and has backquotes later is code within a line.
        (mark.len() >= 3 && !info.contains('`')).then(|| Self {
            mark,
            info: info.trim(),
            plain: mark == "```" && trimmed.len() == line.len(),
        })
    }

    fn closes(&self, line: &str) -> bool {
        let line = line.trim();
        line.starts_with(self.mark)
            && line.trim_start_matches(self.mark.get(..1).unwrap_or_default()).is_empty()
    }
}
