//! One top-level parameter, from JSON text (sent, or made of XML) to a loose value, within bounds.

use serde_json::Value;

use super::Limits;
use super::position::{brief, number};
use super::value::Unfit;
use crate::Refusal;
use crate::envelope::shortened;

/// The parameters read so far, in the order sent.
#[derive(Default)]
pub(super) struct Parameters {
    known: Vec<(String, Value)>,
    bytes: usize,
}

impl Parameters {
    /// Reads one more, whose name was [checked](Self::check_name), from JSON text.
    pub(super) fn add(&mut self, name: String, text: &str, limits: &Limits) -> Result<(), Refusal> {
        self.count(&name, text)?;
        let value = value(&name, text, limits)?;
        self.known.push((name, value));
        Ok(())
    }

    /// The same of one that is text.
    pub(super) fn add_text(&mut self, name: String, text: String) -> Result<(), Refusal> {
        self.count(&name, &text)?;
        self.known.push((name, Value::String(text)));
        Ok(())
    }

    fn count(&mut self, name: &str, text: &str) -> Result<(), Refusal> {
        self.bytes += text.len();
        if self.bytes > Limits::PARAMETERS_BYTES {
            let (sent, limit) = (number(self.bytes), number(Limits::PARAMETERS_BYTES));
            return Err(Refusal::TooLarge { what: "bytes of parameters", sent, limit });
        }
        if text.len() > Limits::PARAMETER_BYTES {
            let problem =
                format!("{} bytes sent, {} allowed for a parameter", text.len(), Limits::PARAMETER_BYTES);
            return Err(Refusal::parameter(shortened(name), problem));
        }
        Ok(())
    }

    /// Refuses a name that was met before, and more parameters than anyone can mean.
    pub(super) fn check_name(&self, name: &str) -> Result<(), Refusal> {
        if self.known.len() >= Limits::PARAMETERS {
            let limit = number(Limits::PARAMETERS);
            return Err(Refusal::TooLarge { what: "parameters", sent: limit + 1, limit });
        }
        if self.known.iter().any(|(other, _)| other == name) {
            return Err(sent_twice(name));
        }
        Ok(())
    }

    pub(super) fn into_inner(self) -> Vec<(String, Value)> {
        self.known
    }
}

/// Reads the value of parameter `name`.
fn value(name: &str, text: &str, limits: &Limits) -> Result<Value, Refusal> {
    super::value::value(text, depth(limits)).map_err(|Unfit { path, fault }| {
        let place = if path.is_empty() { path } else { format!(", at `{path}`") };
        Refusal::parameter(shortened(name), brief(format!("{fault}{place}")))
    })
}

/// Levels that a parameter may have.
pub(super) fn depth(limits: &Limits) -> usize {
    limits.depth.min(Limits::PARAMETER_DEPTH)
}

/// The refusal of a parameter that is there more than once.
pub(super) fn sent_twice(name: &str) -> Refusal {
    Refusal::parameter(shortened(name), "sent more than once; send it once")
}

/// What `serde_json` says is wrong, without where: that is told apart.
pub(crate) fn without_place(message: &str) -> &str {
    let problem = message.rfind(" at line ").and_then(|end| message.get(..end)).unwrap_or(message);
    // Of both kinds of its errors that end so, the escape itself is well formed: it has no other half.
    if problem.ends_with(" hex escape") { HALF_A_CHARACTER } else { problem }
}

const HALF_A_CHARACTER: &str =
    "half of a surrogate pair, which is no character; send both halves or leave it out";
