//! An XML body to an [`Envelope`], by events, iteratively: depth costs memory in proportion to the body, and no stack.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use super::ROOT;
use super::marks::Marks;
use super::name::{is_name, is_sayable, key_of};
use super::records::Records;
use super::tree::{Content, Tree};
use crate::envelope::shortened;
use crate::wire::parameter::Parameters;
use crate::wire::position::{number, unreadable};
use crate::wire::{Format, Limits};
use crate::{Envelope, Refusal};

pub(in crate::wire) fn read<'a>(text: &'a str, limits: &Limits) -> Result<Envelope<'a>, Refusal> {
    let mut reader = Reader::from_str(text);
    let mut document = Document::new(text, limits);
    loop {
        let at = offset(reader.buffer_position());
        let refuse = |at: usize, problem: String| unreadable(Format::Xml, text, at, problem);
        let event = reader.read_event();
        let event = event.map_err(|error| refuse(offset(reader.error_position()), error.to_string()))?;
        let is_last = event == Event::Eof;
        document.take(event, at).map_err(|problem| match problem {
            Problem::Here(problem) => refuse(at, problem),
            Problem::Refused(refusal) => refusal,
        })?;
        if is_last {
            return document.finish();
        }
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// Most elements kept of one record (its own beside them), or of all parameters: one more than the values allowed.
const MOST_ELEMENTS: usize = Limits::VALUES + 1;

/// Most levels of elements that are not kept: the parser remembers the name of each.
const MOST_BEYOND: usize = 250_000;

/// What is wrong: with the element at hand, or with the request.
pub(super) enum Problem {
    /// Told with line and column.
    Here(String),
    /// Told as it is.
    Refused(Refusal),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Here(problem)
    }
}

impl From<&str> for Problem {
    fn from(problem: &str) -> Self {
        Self::Here(problem.to_owned())
    }
}

/// An element whose end has not come yet.
struct Open {
    /// Its place in its tree.
    position: usize,
    marks: Marks,
    has_elements: bool,
}

/// Text since the last tag.
#[derive(Default)]
struct Pending<'a> {
    /// `None` until there is any.
    text: Option<Cow<'a, str>>,
    /// Whether it is more than blanks between elements.
    counts: bool,
}

/// The document as far as it has been read.
struct Document<'a, 'l> {
    body: &'a str,
    limits: &'l Limits,
    open: Vec<Open>,
    pending: Pending<'a>,
    /// The root with all that is not in `data`.
    parameters: Tree<'a>,
    parameter_elements: usize,
    records: Records<'a>,
    in_record: bool,
    /// Open elements beyond the bounds, inside the last of `open`: known to be well-formed, not kept.
    beyond: usize,
    is_over: bool,
}

impl<'a, 'l> Document<'a, 'l> {
    fn new(body: &'a str, limits: &'l Limits) -> Self {
        Self {
            body,
            limits,
            open: Vec::new(),
            pending: Pending::default(),
            parameters: Tree::default(),
            parameter_elements: 0,
            records: Records::new(limits.records),
            in_record: false,
            beyond: 0,
            is_over: false,
        }
    }

    fn take(&mut self, event: Event<'a>, at: usize) -> Result<(), Problem> {
        match event {
            Event::Start(tag) => self.start(&tag, at),
            Event::Empty(tag) => {
                self.start(&tag, at)?;
                self.end()
            }
            Event::End(_) => self.end(),
            Event::Text(text) => {
                let text = text.xml10_content();
                let counts = !text.bytes().all(|byte| byte.is_ascii_whitespace());
                self.text(text, counts)
            }
            Event::CData(text) => self.text(text.xml10_content(), true),
            Event::GeneralRef(reference) => {
                let character = resolve(&reference)?;
                self.text(Cow::Owned(character.into()), true)
            }
            Event::Decl(declaration) => check_declaration(&declaration, at),
            Event::DocType(_) => Err("a DOCTYPE is not allowed".into()),
            Event::Comment(_) | Event::PI(_) => Ok(()),
            Event::Eof => match (self.open.is_empty(), self.is_over) {
                (true, true) => Ok(()),
                (true, false) => Err(format!("the body has no root element <{ROOT}>").into()),
                (false, _) => {
                    let open = self.open.len() + self.beyond;
                    Err(format!("the body ends, {open} elements are not closed").into())
                }
            },
        }
    }

    fn tree(&mut self) -> &mut Tree<'a> {
        if self.in_record { self.records.tree() } else { &mut self.parameters }
    }

    /// Opens the element whose tag is at byte `at` of the body, from which its name is borrowed.
    fn start(&mut self, tag: &BytesStart<'a>, at: usize) -> Result<(), Problem> {
        let name = self.body.get(at + 1..at + 1 + tag.name().as_ref().len()).unwrap_or_default();
        if !is_name(name) {
            return Err(format!("`{}` is not a name for an element", shortened(name)).into());
        }
        let marks = Marks::read(tag)?;
        if self.is_beyond()? {
            self.beyond += 1;
            if self.beyond > MOST_BEYOND {
                return Err(format!("nested deeper than {MOST_BEYOND} levels").into());
            }
            return Ok(());
        }
        self.drop_blanks()?;
        let level = self.open.len();
        match self.open.last_mut() {
            None => self.check_root(name, marks)?,
            Some(parent) => parent.has_elements = true,
        }
        let key = key_of(name);
        if level == 1 {
            self.in_record = key == "data";
            if self.in_record {
                self.records.tree().clear();
            } else {
                self.count_parameter()?;
            }
        }
        let position = self.tree().open(key, marks.array);
        self.open.push(Open { position, marks, has_elements: false });
        Ok(())
    }

    /// Whether another element would be more than can be of use: an element costs twenty times the bytes of its tag.
    /// What is kept of a record or parameter that goes too deep is still one level too deep, and of a record of too
    /// many elements still one value too many, so that whoever reads it refuses it, as the whole would be.
    fn is_beyond(&mut self) -> Result<bool, Problem> {
        /// The root, and `data` or the element of a parameter.
        const OUTER: usize = 2;
        let depth = if self.in_record { Limits::RECORD_DEPTH } else { Limits::PARAMETER_DEPTH };
        let open = self.open.len();
        if self.beyond > 0 || open < OUTER {
            return Ok(self.beyond > 0);
        }
        let elements = self.tree().len();
        if elements > MOST_ELEMENTS && !self.in_record {
            let (sent, limit) = (number(elements), number(MOST_ELEMENTS));
            return Err(Problem::Refused(Refusal::TooLarge { what: "elements of parameters", sent, limit }));
        }
        Ok(elements > MOST_ELEMENTS || open > OUTER + depth)
    }

    fn check_root(&self, name: &str, marks: Marks) -> Result<(), Problem> {
        if self.is_over {
            return Err("there is something after the root element".into());
        }
        if name != ROOT {
            return Err(format!("the root element must be <{ROOT}>, got <{}>", shortened(name)).into());
        }
        if marks != Marks::default() {
            return Err("the root element cannot be marked as array, object or nil".into());
        }
        Ok(())
    }

    fn count_parameter(&mut self) -> Result<(), Problem> {
        self.parameter_elements += 1;
        if self.parameter_elements <= Limits::PARAMETERS {
            return Ok(());
        }
        let (sent, limit) = (number(self.parameter_elements), number(Limits::PARAMETERS));
        Err(Problem::Refused(Refusal::TooLarge { what: "parameters", sent, limit }))
    }

    fn end(&mut self) -> Result<(), Problem> {
        if self.beyond > 0 {
            self.beyond -= 1;
            return Ok(());
        }
        let Some(Open { position, marks, has_elements }) = self.open.pop() else {
            return Err("an end tag without its start".into());
        };
        let counts = self.pending.counts;
        let content = if has_elements {
            self.drop_blanks()?;
            Content::Elements
        } else {
            match std::mem::take(&mut self.pending).text {
                Some(text) => Content::Text(text),
                None => Content::Empty,
            }
        };
        let content = match (marks.nil, marks.object) {
            (false, false) => content,
            (true, true) => return Err("nil='true' and object='true' exclude each other".into()),
            _ if has_elements || counts => {
                return Err("an element marked as nil or object must be empty".into());
            }
            (true, false) => Content::Null,
            (false, true) => Content::EmptyObject,
        };
        self.tree().close(position, content);
        match self.open.len() {
            0 => self.is_over = true,
            1 if self.in_record => {
                self.in_record = false;
                self.records.close_record()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes note of text that is not that of a leaf: it must be blank.
    fn drop_blanks(&mut self) -> Result<(), Problem> {
        if std::mem::take(&mut self.pending).counts {
            return Err("text beside elements: an element holds either text or elements".into());
        }
        Ok(())
    }

    fn text(&mut self, text: Cow<'a, str>, counts: bool) -> Result<(), Problem> {
        if !text.chars().all(is_sayable) {
            return Err("a character that XML does not allow".into());
        }
        if self.beyond > 0 {
            return Ok(());
        }
        if self.open.is_empty() {
            let outside = if counts { Err("text outside the root element".into()) } else { Ok(()) };
            return outside;
        }
        self.pending.counts |= counts;
        match &mut self.pending.text {
            Some(before) => before.to_mut().push_str(&text),
            none => *none = Some(text),
        }
        Ok(())
    }

    fn finish(self) -> Result<Envelope<'a>, Refusal> {
        let data = self.records.finish()?;
        let mut parameters = Parameters::default();
        for (name, json) in self.parameters.members() {
            parameters.add(name.to_owned(), &json, self.limits)?;
        }
        Ok(Envelope { parameters: parameters.into_inner(), data })
    }
}

/// The character that `&…;` stands for.
fn resolve(reference: &BytesRef<'_>) -> Result<char, Problem> {
    let problem = || format!("`&{};` stands for no character", shortened(reference));
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => match reference.resolve_char_ref() {
            Ok(Some(character)) if is_sayable(character) => Ok(character),
            _ => Err(problem().into()),
        },
    }
}

fn check_declaration(declaration: &BytesDecl<'_>, at: usize) -> Result<(), Problem> {
    if at != 0 {
        return Err("an XML declaration that is not at the very start".into());
    }
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(Ok(encoding)) => Err(format!("encoding `{}`; only UTF-8 is read", shortened(&encoding)).into()),
        Some(Err(error)) => Err(error.to_string().into()),
    }
}
