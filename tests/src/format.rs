//! The two languages that a story can be told in.

use serde_json::Value;

use crate::xml;

/// What a world's verbs send, and ask for in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `application/json`.
    #[default]
    Json,
    /// `application/xml`.
    Xml,
}

impl Format {
    /// The value of `Content-Type` and `Accept`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }

    /// A body as text.
    pub fn write(self, body: &Value) -> String {
        match self {
            Self::Json => body.to_string(),
            Self::Xml => xml::write(body),
        }
    }
}

/// Makes two tests of each story, a function of a [`World`](crate::World): on a world that speaks JSON, and on one that speaks XML. One
/// text, the same assertions.
///
/// Once in a module: the tests are `in_json::<story>` and `in_xml::<story>`. A story that is not listed is dead code,
/// which the compiler tells. Worlds out of the ordinary come from a function that gives a
/// [`WorldBuilder`](crate::WorldBuilder), named first: `in_both_formats!(with small_world: story, ..)`.
#[macro_export]
macro_rules! in_both_formats {
    (with $builder:ident: $($story:ident),+ $(,)?) => {
        mod in_json {
            $(#[test]
            fn $story() {
                super::$story(&super::$builder().format($crate::Format::Json).start());
            })+
        }
        mod in_xml {
            $(#[test]
            fn $story() {
                super::$story(&super::$builder().format($crate::Format::Xml).start());
            })+
        }
    };
    ($($story:ident),+ $(,)?) => {
        mod in_json {
            $(#[test]
            fn $story() {
                super::$story(&$crate::World::speaking($crate::Format::Json));
            })+
        }
        mod in_xml {
            $(#[test]
            fn $story() {
                super::$story(&$crate::World::speaking($crate::Format::Xml));
            })+
        }
    };
}
