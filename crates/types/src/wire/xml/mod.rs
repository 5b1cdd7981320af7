//! XML: what its elements mean, the same for requests and responses.
//!
//! The root is `<xml>`; a child is a member of an object, named by [the key its name stands for](name).
//!
//! | XML | JSON |
//! |---|---|
//! | `<a>text</a>` | `"a":"text"`, exactly as written: blanks count; typed later, by the schema |
//! | `<a/>`, `<a></a>` | `"a":""` |
//! | `<a><b>1</b></a>` | `"a":{"b":"1"}`; blanks between elements do not count |
//! | `<a>1</a><b/><a>2</a>` | `"a":["1","2"],"b":""`: a repeated element is an array, wherever the others stand |
//! | `<a array='true'>1</a>` | `"a":["1"]` |
//! | `<a array='true'/>` | `"a":[]` |
//! | `<a array='true'><![CDATA[]]></a>` | `"a":[""]` |
//! | `<a nil='true'/>` | `"a":null` |
//! | `<a object='true'/>` | `"a":{}` |
//! | `<phones>1</phones>` | `"phones":["1"]`: so are `data`, `subscriptions` and `cats`, at any depth |
//! | `<phones array='false'>1</phones>` | `"phones":"1"`: for a field that happens to have such a name |
//! | `<phones nil='true'/>` | `"phones":null`; with `array='true'` too, `[null]` |
//!
//! In `data` each element is a record: `<data/>` is one without fields (`{}`), `<data array='true'/>` alone is no
//! record at all. CDATA is text; comments and processing instructions are skipped; the five predefined entities and
//! character references are resolved. Refused: DOCTYPE (so there are no other entities), text beside elements,
//! attributes other than these and `xmlns`, encodings other than UTF-8, and whatever is not well-formed.
//!
//! JSON can say more in two ways. An array directly in an array is written as an object with the member `item`. A
//! character that XML 1.0 cannot say (a control character) is written as U+FFFD.

mod marks;
mod name;
mod read;
mod records;
mod tree;
mod write;

pub(super) use read::read;
pub(super) use write::{begin, end, item, member, write};

/// The root element.
const ROOT: &str = "xml";
