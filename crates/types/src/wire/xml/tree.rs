//! The elements of a record, or of all parameters: flat, in document order; and the JSON text that they stand for.
//!
//! No step here is recursive, so the depth of a document costs no stack, and the time is that of sorting siblings.

use std::borrow::Cow;

/// Names that are arrays even when there is one element of them.
pub(super) const ALWAYS_ARRAYS: [&str; 4] = ["data", "subscriptions", "cats", "phones"];

/// What an element holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// Nothing between its tags: the empty string.
    Empty,
    /// Text, resolved.
    Text(Cow<'a, str>),
    /// Elements.
    Elements,
    /// Marked as `null`.
    Null,
    /// Marked as an object without members.
    EmptyObject,
}

/// One element.
#[derive(Debug)]
pub(super) struct Element<'a> {
    /// The key that its name stands for.
    pub(super) key: Cow<'a, str>,
    /// Whether it says that it is in an array.
    pub(super) array: Option<bool>,
    /// What it holds.
    pub(super) content: Content<'a>,
    /// The position after its last descendant.
    end: usize,
    /// The position of the next sibling of the same key; 0 when there is none.
    next_of_key: usize,
    /// Whether a sibling before it has the same key.
    is_repeated: bool,
}

/// One element with all that is in it, as far as it has been read. The first is the root.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    elements: Vec<Element<'a>>,
    /// Positions of siblings by key: memory that is used again.
    order: Vec<usize>,
}

impl<'a> Tree<'a> {
    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.elements.clear();
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }

    /// Opens an element; gives its position.
    pub(super) fn open(&mut self, key: Cow<'a, str>, array: Option<bool>) -> usize {
        let position = self.elements.len();
        let content = Content::Empty;
        self.elements.push(Element { key, array, content, end: 0, next_of_key: 0, is_repeated: false });
        position
    }

    /// Closes an element, all of whose children are closed.
    pub(super) fn close(&mut self, position: usize, content: Content<'a>) {
        if content == Content::Elements {
            self.link_children(position);
        }
        let end = self.elements.len();
        if let Some(element) = self.elements.get_mut(position) {
            element.content = content;
            element.end = end;
        }
    }

    /// The root.
    pub(super) fn root(&self) -> Option<&Element<'a>> {
        self.elements.first()
    }

    fn key(&self, position: usize) -> Option<&str> {
        self.elements.get(position).map(|element| &*element.key)
    }

    fn children(&self, parent: usize, end: usize) -> impl Iterator<Item = (usize, &Element<'a>)> {
        let mut next = parent + 1;
        std::iter::from_fn(move || {
            let position = next;
            let element = self.elements.get(position).filter(|_| position < end)?;
            next = element.end;
            Some((position, element))
        })
    }

    /// Links the children of one element that have the same key.
    fn link_children(&mut self, parent: usize) {
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(self.children(parent, self.elements.len()).map(|(position, _)| position));
        order.sort_unstable_by(|left, right| self.key(*left).cmp(&self.key(*right)).then(left.cmp(right)));
        for pair in order.windows(2) {
            let &[previous, position] = pair else { continue };
            if self.key(previous) != self.key(position) {
                continue;
            }
            if let Some(element) = self.elements.get_mut(previous) {
                element.next_of_key = position;
            }
            if let Some(element) = self.elements.get_mut(position) {
                element.is_repeated = true;
            }
        }
        self.order = order;
    }

    /// The root as JSON text, taken as one value whatever array it says to be in.
    pub(super) fn to_json(&self) -> String {
        self.write(Step::Item(0))
    }

    /// The members of the root: keys and values as JSON text.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, String)> {
        let first_of_key = self.children(0, self.elements.len()).filter(|(_, element)| !element.is_repeated);
        first_of_key.map(|(position, element)| (&*element.key, self.write(Step::Member(position))))
    }

    fn write(&self, first: Step) -> String {
        let mut json = String::new();
        let mut steps = vec![first];
        while let Some(step) = steps.pop() {
            match step {
                Step::Close(bracket) => json.push(bracket),
                Step::Member(position) => self.write_member(position, &mut json, &mut steps),
                Step::Item(position) => self.write_item(position, &mut json, &mut steps),
                Step::Items(position) => {
                    let next = self.elements.get(position).map_or(0, |element| element.next_of_key);
                    if next != 0 {
                        steps.push(Step::Items(next));
                    }
                    if !json.ends_with('[') {
                        json.push(',');
                    }
                    steps.push(Step::Item(position));
                }
                Step::Members { next, end } => {
                    let Some(element) = self.elements.get(next).filter(|_| next < end) else { continue };
                    steps.push(Step::Members { next: element.end, end });
                    if element.is_repeated {
                        continue;
                    }
                    if !json.ends_with('{') {
                        json.push(',');
                    }
                    push_string(&mut json, &element.key);
                    json.push(':');
                    steps.push(Step::Member(next));
                }
            }
        }
        json
    }

    /// All elements of one key: an array, or the value of the only one.
    fn write_member(&self, position: usize, json: &mut String, steps: &mut Vec<Step>) {
        let Some(element) = self.elements.get(position) else { return };
        let is_always = || ALWAYS_ARRAYS.contains(&&*element.key) && element.content != Content::Null;
        if element.next_of_key == 0 {
            if element.array == Some(true) && element.content == Content::Empty {
                return json.push_str("[]");
            }
            if !element.array.unwrap_or_else(is_always) {
                return steps.push(Step::Item(position));
            }
        }
        json.push('[');
        steps.push(Step::Close(']'));
        steps.push(Step::Items(position));
    }

    fn write_item(&self, position: usize, json: &mut String, steps: &mut Vec<Step>) {
        let Some(element) = self.elements.get(position) else { return };
        match &element.content {
            Content::Empty => json.push_str("\"\""),
            Content::Text(text) => push_string(json, text),
            Content::Null => json.push_str("null"),
            Content::EmptyObject => json.push_str("{}"),
            Content::Elements => {
                json.push('{');
                steps.push(Step::Close('}'));
                steps.push(Step::Members { next: position + 1, end: element.end });
            }
        }
    }
}

/// What is left to write. Positions are of elements.
enum Step {
    /// A bracket.
    Close(char),
    /// The value of the key of this element, the first of that key.
    Member(usize),
    /// One element as a value.
    Item(usize),
    /// This element and the others of its key after it, as items of an array.
    Items(usize),
    /// The elements from `next` on, as members of an object.
    Members { next: usize, end: usize },
}

/// Writes a JSON string.
fn push_string(json: &mut String, text: &str) {
    use std::fmt::Write as _;
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|character: char| matches!(character, '"' | '\\' | '\0'..='\u{1f}')) {
        json.push_str(rest.get(..at).unwrap_or_default());
        let mut from = rest.get(at..).unwrap_or_default().chars();
        match from.next() {
            Some('"') => json.push_str("\\\""),
            Some('\\') => json.push_str("\\\\"),
            Some('\n') => json.push_str("\\n"),
            Some('\t') => json.push_str("\\t"),
            Some('\r') => json.push_str("\\r"),
            Some(control) => {
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            None => {}
        }
        rest = from.as_str();
    }
    json.push_str(rest);
    json.push('"');
}
