//! Function values: `{"action": "incr", "value": 1}` in the place of a field's value.
//!
//! | action | on | value | `submatch` |
//! |---|---|---|---|
//! | `set` | any | as without a function | |
//! | `unset` | any but `email` | | |
//! | `incr` | int, float | a number | |
//! | `add` | tags, phones, arr_object | one or an array of them | |
//! | `delete` | tags, phones, arr_object | one or an array of them | arr_object: the path to compare at |
//! | `upsert` | object, arr_object | anything that an object may hold | the path to set, dots between its keys |

use bigdecimal::BigDecimal;
use serde_json::{Map, Value, json};

use super::Assignment;
use crate::wire::Limits;
use crate::{Code, FieldType, Problem};

const ACTIONS: [&str; 6] = ["set", "unset", "incr", "add", "delete", "upsert"];

/// The parts of a function value. None of them is checked.
pub(super) struct Function<'a> {
    action: &'a Value,
    members: &'a Map<String, Value>,
    value: Option<&'a Value>,
    submatch: Option<&'a Value>,
}

/// What a function comes to.
pub(super) enum Meaning<'a> {
    /// The same as this value by itself.
    Value(&'a Value),
    /// Something that only a function can do.
    Does(Assignment),
}

impl<'a> Function<'a> {
    /// A value that is a function. A field of objects may hold one with a member `action`: there it is a function only
    /// if the action is one of the six and nothing else is beside its parts.
    pub(super) fn of(value: &'a Value, field_type: &FieldType) -> Option<Self> {
        let value = match (field_type, value) {
            // In XML `phones` is an array even where it holds one function.
            (FieldType::Phones, Value::Array(items)) => items.first().filter(|_| items.len() == 1)?,
            _ => value,
        };
        let Value::Object(members) = value else { return None };
        let action = members.get("action")?;
        let is_clear = action.as_str().is_some_and(|word| ACTIONS.contains(&word.trim()))
            && members.keys().all(|key| matches!(key.as_str(), "action" | "value" | "submatch"));
        if *field_type == FieldType::Object && !is_clear {
            return None;
        }
        Some(Self { action, members, value: members.get("value"), submatch: members.get("submatch") })
    }

    /// What the function means for a field.
    ///
    /// No two profiles may share a value of a `unique` one.
    pub(super) fn read(
        &self,
        field_type: &FieldType,
        unique: bool,
        region: Option<&str>,
    ) -> Result<Meaning<'a>, Problem> {
        let word = self.action.as_str().map(str::trim).unwrap_or_default();
        let mut allowed = allowed(field_type).to_vec();
        if unique {
            allowed.retain(|word| UNIQUE.contains(word));
        }
        if !allowed.contains(&word) {
            let which = if unique { "a unique field" } else { "a field" };
            let list = allowed.join(", ");
            let text = format!("no such action on {which} of type {}; allowed: {list}", field_type.word());
            return Err(invalid(".action", text));
        }
        self.refuse_unused(word, field_type)?;
        let assignment = match word {
            "set" => return self.needed("the value to store").map(Meaning::Value),
            "incr" => self.increment(field_type),
            "add" => self.add(field_type, region),
            "delete" => self.delete(field_type, region),
            "upsert" => self.upsert(field_type),
            _ => Ok(Assignment::Clear),
        };
        assignment.map(Meaning::Does)
    }

    /// What the action does not use was meant to do something, which dropping it would not do. A part that is null says
    /// nothing.
    fn refuse_unused(&self, action: &str, field_type: &FieldType) -> Result<(), Problem> {
        let used: &[&str] = match action {
            "unset" => &["action"],
            "upsert" => &["action", "value", "submatch"],
            "delete" if *field_type == FieldType::ArrObject => &["action", "value", "submatch"],
            _ => &["action", "value"],
        };
        let is_none = |name: &str, value: &Value| value.is_null() && matches!(name, "value" | "submatch");
        let unused =
            |(name, value): &(&String, &Value)| !used.contains(&name.as_str()) && !is_none(name, value);
        match self.members.iter().find(unused) {
            None => Ok(()),
            Some((name, _)) => {
                let which = field_type.word();
                let text = format!(
                    "not used by `{action}` on a field of type {which}; allowed: {}",
                    used.join(", ")
                );
                Err(invalid(&format!(".{name}"), text))
            }
        }
    }

    fn needed(&self, what: &str) -> Result<&'a Value, Problem> {
        self.value.ok_or_else(|| invalid(".value", format!("missing; {what} is expected")))
    }

    fn increment(&self, field_type: &FieldType) -> Result<Assignment, Problem> {
        let amount = self.needed("a number")?;
        let checked = field_type.check(amount, None).map_err(|problem| problem.below(".value"))?;
        match (field_type, checked) {
            (FieldType::Int, Value::Number(number)) => {
                Ok(Assignment::AddInt(number.as_i64().unwrap_or_default()))
            }
            (_, Value::Number(number)) => {
                let amount: Option<BigDecimal> = number.as_str().parse().ok();
                amount.map(Assignment::AddFloat).ok_or_else(|| invalid(".value", "a number is expected"))
            }
            _ => Err(invalid(".value", "a number is expected")),
        }
    }

    fn add(&self, field_type: &FieldType, region: Option<&str>) -> Result<Assignment, Problem> {
        let values = self.elements(field_type, region)?;
        Ok(if *field_type == FieldType::ArrObject {
            Assignment::Append(values)
        } else {
            Assignment::Union(values)
        })
    }

    fn delete(&self, field_type: &FieldType, region: Option<&str>) -> Result<Assignment, Problem> {
        if *field_type != FieldType::ArrObject || self.submatch.is_none() {
            return Ok(Assignment::Remove { path: Vec::new(), values: self.elements(field_type, region)? });
        }
        let path = self.path()?;
        let values = match storable(self.needed("the value to compare with")?)? {
            Value::Array(items) => items,
            one => vec![one],
        };
        Ok(Assignment::Remove { path, values })
    }

    fn upsert(&self, field_type: &FieldType) -> Result<Assignment, Problem> {
        let path = self.path()?;
        let value = self.needed("the value to set")?;
        let nested = path.len() + depth(value);
        if nested >= Limits::RECORD_DEPTH {
            let text = format!("would be nested deeper than {} levels", Limits::RECORD_DEPTH);
            return Err(invalid(".submatch", text));
        }
        let value = storable(value)?;
        Ok(if *field_type == FieldType::Object {
            Assignment::Put { path, value }
        } else {
            Assignment::PutEach { path, value }
        })
    }

    /// The value of `add` and `delete` as elements of the field.
    fn elements(&self, field_type: &FieldType, region: Option<&str>) -> Result<Vec<Value>, Problem> {
        let value = self.needed("one or an array of them")?;
        let one = match (field_type, value) {
            (FieldType::ArrObject, Value::Object(_)) => Some(Value::Array(vec![value.clone()])),
            _ => None,
        };
        let checked = field_type.check(one.as_ref().unwrap_or(value), region);
        match checked.map_err(|problem| problem.below(".value"))? {
            Value::Array(items) => Ok(items),
            other => {
                Err(Problem::unfit(Code::InvalidAction, &other, "one or an array of them").below(".value"))
            }
        }
    }

    fn path(&self) -> Result<Vec<String>, Problem> {
        let missing =
            || invalid(".submatch", "missing; the keys to the value are expected, such as \"address.city\"");
        let text = self.submatch.and_then(Value::as_str).ok_or_else(missing)?;
        let keys: Vec<String> = text.split('.').map(str::to_owned).collect();
        if keys.iter().any(|key| key.is_empty() || key.contains('\0')) {
            return Err(invalid(
                ".submatch",
                "keys with dots between them are expected, such as \"address.city\"",
            ));
        }
        Ok(keys)
    }
}

/// The actions that a unique field takes: what any other makes of its value is known only under the profile's lock, too
/// late to claim it.
const UNIQUE: &[&str] = &["set", "unset"];

/// The actions that a field of this type takes.
fn allowed(field_type: &FieldType) -> &'static [&'static str] {
    match field_type {
        FieldType::Int | FieldType::Float => &["set", "unset", "incr"],
        FieldType::Tags | FieldType::Phones => &["set", "unset", "add", "delete"],
        FieldType::Object => &["set", "unset", "upsert"],
        FieldType::ArrObject => &["set", "unset", "add", "delete", "upsert"],
        FieldType::Email => &["set"],
        FieldType::String
        | FieldType::Date
        | FieldType::Bool
        | FieldType::Enum(_)
        | FieldType::Ip
        | FieldType::Sex
        | FieldType::Status
        | FieldType::TimeZone => &["set", "unset"],
    }
}

fn invalid(path: &str, text: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidAction, text).below(path)
}

/// Levels of objects and arrays, which the record's own limit bounds.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Anything that an object may hold, in the form in which it would hold it.
fn storable(value: &Value) -> Result<Value, Problem> {
    let checked = FieldType::Object.check(&json!({ "value": value }), None)?;
    Ok(checked.get("value").cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field_type: &FieldType, sent: &Value) -> Result<Assignment, (Code, String)> {
        let function = Function::of(sent, field_type).unwrap();
        match function.read(field_type, false, Some("RU")) {
            Ok(Meaning::Does(assignment)) => Ok(assignment),
            Ok(Meaning::Value(value)) => panic!("a plain {value}"),
            Err(problem) => Err((problem.code, problem.path)),
        }
    }

    fn problem(code: Code, path: &str) -> Result<Assignment, (Code, String)> {
        Err((code, path.to_owned()))
    }

    #[test]
    fn each_action_is_read_by_the_type_of_its_field() {
        let action = |word: &str, value: Value| json!({"action": word, "value": value});
        assert_eq!(read(&FieldType::Date, &json!({"action": "unset"})), Ok(Assignment::Clear));
        assert_eq!(read(&FieldType::Date, &json!({"action": "unset", "value": null})), Ok(Assignment::Clear));
        assert_eq!(read(&FieldType::Int, &action("incr", json!("-5"))), Ok(Assignment::AddInt(-5)));
        let tenth = Assignment::AddFloat("0.10".parse().unwrap());
        assert_eq!(read(&FieldType::Float, &action(" incr ", json!("0.10"))), Ok(tenth));
        let tags = vec![json!("a"), json!("b")];
        assert_eq!(
            read(&FieldType::Tags, &action("add", json!("a, b"))),
            Ok(Assignment::Union(tags.clone()))
        );
        let gone = Assignment::Remove { path: Vec::new(), values: tags };
        assert_eq!(read(&FieldType::Tags, &action("delete", json!(["a", "b"]))), Ok(gone));
        let number = Assignment::Union(vec![json!("+79000000000")]);
        assert_eq!(read(&FieldType::Phones, &action("add", json!("8 900 000-00-00"))), Ok(number));
        assert_eq!(read(&FieldType::Phones, &json!([{"action": "unset"}])), Ok(Assignment::Clear));
        let order = Assignment::Append(vec![json!({"id": 1})]);
        assert_eq!(read(&FieldType::ArrObject, &action("add", json!({"id": 1}))), Ok(order.clone()));
        assert_eq!(read(&FieldType::ArrObject, &action("add", json!([{"id": 1}]))), Ok(order));
    }

    #[test]
    fn paths_lead_into_objects() {
        let (path, value) = (vec!["a".to_owned(), "b".to_owned()], json!([1]));
        let upsert = json!({"action": "upsert", "submatch": "a.b", "value": [1]});
        let put = Assignment::Put { path: path.clone(), value: value.clone() };
        assert_eq!(read(&FieldType::Object, &upsert), Ok(put));
        assert_eq!(
            read(&FieldType::ArrObject, &upsert),
            Ok(Assignment::PutEach { path: path.clone(), value })
        );
        let delete = json!({"action": "delete", "submatch": "a.b", "value": 100});
        let gone = Assignment::Remove { path, values: vec![json!(100)] };
        assert_eq!(read(&FieldType::ArrObject, &delete), Ok(gone));
        let deep = json!({"action": "upsert", "submatch": vec!["a"; 32].join("."), "value": 1});
        assert_eq!(read(&FieldType::Object, &deep), problem(Code::InvalidAction, ".submatch"));
        for submatch in [json!(null), json!(""), json!("a..b"), json!(1)] {
            let sent = json!({"action": "upsert", "submatch": submatch, "value": 1});
            assert_eq!(read(&FieldType::Object, &sent), problem(Code::InvalidAction, ".submatch"));
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let action = |word: &str, value: Value| json!({"action": word, "value": value});
        let cases = [
            (FieldType::String, action("incr", json!(1)), Code::InvalidAction, ".action"),
            (FieldType::Int, action("increment", json!(1)), Code::InvalidAction, ".action"),
            (FieldType::Int, json!({"action": 7}), Code::InvalidAction, ".action"),
            (FieldType::Email, json!({"action": "unset"}), Code::InvalidAction, ".action"),
            (FieldType::Int, json!({"action": "incr"}), Code::InvalidAction, ".value"),
            (FieldType::Int, action("incr", json!("x")), Code::InvalidType, ".value"),
            (FieldType::Int, action("incr", Value::Null), Code::InvalidAction, ".value"),
            (FieldType::Int, action("incr", json!("99999999999999999999")), Code::OutOfRange, ".value"),
            (FieldType::Tags, action("add", json!([true])), Code::InvalidType, ".value[0]"),
            (FieldType::Phones, action("add", json!(["+7"])), Code::InvalidPhone, ".value[0]"),
            (FieldType::ArrObject, action("add", json!([1])), Code::InvalidType, ".value[0]"),
            (
                FieldType::Object,
                json!({"action": "upsert", "submatch": "a", "value": {"b": "\0"}}),
                Code::InvalidType,
                ".value.b",
            ),
        ];
        for (field_type, sent, code, path) in cases {
            assert_eq!(read(&field_type, &sent), problem(code, path), "{sent}");
        }
        let unused = [
            (FieldType::Int, json!({"action": "incr", "value": 1, "foo": 2}), ".foo", "action, value"),
            (
                FieldType::Int,
                json!({"action": "set", "value": 1, "submatch": "a"}),
                ".submatch",
                "action, value",
            ),
            (FieldType::Object, json!({"action": "unset", "value": 1}), ".value", "action"),
            (
                FieldType::Tags,
                json!({"action": "delete", "value": "a", "submatch": "a"}),
                ".submatch",
                "action, value",
            ),
            (FieldType::Int, json!({"action": "unset", "x": null}), ".x", "action"),
            (FieldType::ArrObject, json!({"action": "upsert", "x": 1}), ".x", "action, value, submatch"),
        ];
        for (field_type, sent, path, allowed) in unused {
            let problem =
                Function::of(&sent, &field_type).unwrap().read(&field_type, false, None).err().unwrap();
            assert_eq!((problem.code, problem.path.as_str()), (Code::InvalidAction, path), "{sent}");
            assert!(problem.text.ends_with(&format!("; allowed: {allowed}")), "{}", problem.text);
        }
        let sent = action("incr", json!(1));
        let told =
            Function::of(&sent, &FieldType::Int).unwrap().read(&FieldType::Int, true, None).err().unwrap();
        assert_eq!(told.text, "no such action on a unique field of type int; allowed: set, unset");
    }

    #[test]
    fn an_object_may_have_a_member_called_action() {
        let is_function = |sent: Value| Function::of(&sent, &FieldType::Object).is_some();
        assert!(is_function(json!({"action": "unset"})));
        assert!(!is_function(json!({"action": "jump", "value": 1})));
        assert!(!is_function(json!({"action": "set", "value": 1, "by": "me"})));
        assert!(!is_function(json!({"value": 1})));
        assert!(Function::of(&json!({"action": "jump"}), &FieldType::Int).is_some());
        assert!(Function::of(&json!({"value": 1}), &FieldType::Int).is_none());
    }
}
