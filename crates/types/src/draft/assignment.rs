//! What a record does to one field, and doing it: to a profile's fields as to a subscription's.

use bigdecimal::BigDecimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Code, FieldType, Problem};

/// What a record does to one field. Values are in the form that the field's type stores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// Stores a value.
    Set(Value),
    /// Removes it.
    Clear,
    /// Adds to a whole number, which starts at 0.
    AddInt(i64),
    /// Adds to a decimal, which starts at 0.
    AddFloat(#[serde(with = "decimal")] BigDecimal),
    /// Adds to a set those that it does not hold: tags, phone numbers.
    Union(Vec<Value>),
    /// Adds to the end of an array.
    Append(Vec<Value>),
    /// Removes from an array the elements that have one of these values at the path; an empty path is the element itself.
    Remove {
        /// Keys from the outside in.
        path: Vec<String>,
        /// What to remove.
        values: Vec<Value>,
    },
    /// Sets a value inside an object, making the objects around it as needed.
    Put {
        /// Keys from the outside in; never empty.
        path: Vec<String>,
        /// The value.
        value: Value,
    },
    /// Sets a value inside every element of an array that has something at the path.
    PutEach {
        /// Keys from the outside in; never empty.
        path: Vec<String>,
        /// The value.
        value: Value,
    },
}

/// Most elements that an array may grow to by functions.
const MOST_ELEMENTS: usize = 10_000;

/// Most that a field may grow to by functions, one after the other: bytes of text, and some for each value beside it. A
/// profile is held and copied whole while records are applied to it.
const MOST_WEIGHT: usize = 1 << 20;
const VALUE_WEIGHT: usize = 20;

impl Assignment {
    /// Whether what was there before makes no difference.
    pub(crate) fn replaces(&self) -> bool {
        matches!(self, Self::Set(_) | Self::Clear)
    }

    /// Whether it would leave a value as it is.
    pub(crate) fn leaves(&self, stored: Option<&Value>) -> bool {
        self.result(stored).is_ok_and(|result| result.as_ref() == stored)
    }

    /// What it makes of a value, or of none.
    ///
    /// # Errors
    /// When the result is out of the range of what can be stored.
    pub(crate) fn result(&self, stored: Option<&Value>) -> Result<Option<Value>, Problem> {
        let result = match self {
            Self::Set(value) => Some(value.clone()),
            Self::Clear => None,
            Self::AddInt(amount) => Some(add_int(stored, *amount)?),
            Self::AddFloat(amount) => Some(add_float(stored, amount)?),
            Self::Union(values) => Some(grown(stored, values, |kept, value| !kept.contains(value))?),
            Self::Append(values) => Some(grown(stored, values, |_, _| true)?),
            Self::Remove { path, values } => removed(stored, path, values).or_else(|| stored.cloned()),
            Self::Put { path, value } => {
                let mut object = stored.cloned().unwrap_or_default();
                put(&mut object, path, value);
                Some(object)
            }
            Self::PutEach { path, value } => put_each(stored, path, value)?.or_else(|| stored.cloned()),
        };
        if let Some(value) = &result {
            self.within_weight(value)?;
        }
        Ok(result)
    }

    /// One that does what this and then the next do, where there is one.
    pub(crate) fn joined(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (Self::AddInt(first), Self::AddInt(second)) => first.checked_add(*second).map(Self::AddInt),
            (Self::AddFloat(first), Self::AddFloat(second)) => Some(Self::AddFloat(first + second)),
            (Self::Union(first), Self::Union(second)) => {
                let more = second.iter().filter(|value| !first.contains(value));
                Some(Self::Union(first.iter().chain(more).cloned().collect()))
            }
            (Self::Append(first), Self::Append(second)) => {
                Some(Self::Append([first.as_slice(), second].concat()))
            }
            _ => None,
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        VALUE_WEIGHT
            + match self {
                Self::Clear | Self::AddInt(_) => 0,
                Self::AddFloat(amount) => amount.digits().try_into().unwrap_or(usize::MAX),
                Self::Set(value) => weight(value),
                Self::Union(values) | Self::Append(values) => values.iter().map(weight).sum(),
                Self::Remove { path, values } => {
                    weight_of_path(path) + values.iter().map(weight).sum::<usize>()
                }
                Self::Put { path, value } | Self::PutEach { path, value } => {
                    weight_of_path(path) + weight(value)
                }
            }
    }

    /// Refuses what functions made too large; what comes in one piece is bounded by the request.
    fn within_weight(&self, value: &Value) -> Result<(), Problem> {
        let grows =
            matches!(self, Self::Union(_) | Self::Append(_) | Self::Put { .. } | Self::PutEach { .. });
        if grows && weight(value) > MOST_WEIGHT { Err(too_heavy()) } else { Ok(()) }
    }
}

fn too_heavy() -> Problem {
    let problem = format!("would grow beyond {MOST_WEIGHT} bytes, with {VALUE_WEIGHT} for each value in it");
    Problem::new(Code::OutOfRange, problem)
}

fn weight_of_path(path: &[String]) -> usize {
    path.iter().map(|key| VALUE_WEIGHT + key.len()).sum()
}

/// About how many bytes a value takes.
pub(crate) fn weight(value: &Value) -> usize {
    VALUE_WEIGHT
        + match value {
            Value::Null | Value::Bool(_) => 0,
            Value::Number(number) => number.as_str().len(),
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(members) => members.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        }
}

fn add_int(stored: Option<&Value>, amount: i64) -> Result<Value, Problem> {
    let stored = stored.and_then(Value::as_i64).unwrap_or(0);
    let sum = stored.checked_add(amount);
    sum.map(Value::from).ok_or_else(|| {
        Problem::new(Code::OutOfRange, format!("{stored} and {amount} make more than 64 bits hold"))
    })
}

fn add_float(stored: Option<&Value>, amount: &BigDecimal) -> Result<Value, Problem> {
    let stored = match stored {
        Some(Value::Number(number)) => number.as_str().parse().unwrap_or_default(),
        _ => BigDecimal::default(),
    };
    let sum = (stored + amount).to_plain_string();
    FieldType::Float.check(&Value::String(sum), None)
}

fn elements(stored: Option<&Value>) -> &[Value] {
    stored.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn grown(
    stored: Option<&Value>,
    values: &[Value],
    wanted: impl Fn(&[Value], &Value) -> bool,
) -> Result<Value, Problem> {
    let mut kept = elements(stored).to_vec();
    for value in values {
        if wanted(&kept, value) {
            kept.push(value.clone());
        }
    }
    if kept.len() > MOST_ELEMENTS {
        let problem = format!("would hold {} elements; {MOST_ELEMENTS} are allowed", kept.len());
        return Err(Problem::new(Code::OutOfRange, problem));
    }
    Ok(Value::Array(kept))
}

/// What is left; `None` where there is nothing that could be taken away from.
fn removed(stored: Option<&Value>, path: &[String], values: &[Value]) -> Option<Value> {
    let Some(Value::Array(kept)) = stored else { return None };
    let goes = |element: &&Value| at(element, path).is_some_and(|found| values.contains(found));
    Some(kept.iter().filter(|element| !goes(element)).cloned().collect())
}

/// What stands at a path.
fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// What is no object on the way becomes one. Not recursive.
fn put(object: &mut Value, path: &[String], value: &Value) {
    let mut place = object;
    for key in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(members) = place else { return };
        place = members.entry(key.as_str()).or_insert(Value::Null);
    }
    place.clone_from(value);
}

fn put_each(stored: Option<&Value>, path: &[String], value: &Value) -> Result<Option<Value>, Problem> {
    let Some(Value::Array(kept)) = stored else { return Ok(None) };
    let places = kept.iter().filter(|element| at(element, path).is_some()).count();
    // Before anything is copied: one small value may go to very many places.
    if weight(value).saturating_mul(places) > MOST_WEIGHT {
        return Err(too_heavy());
    }
    let mut kept = kept.clone();
    for element in kept.iter_mut().filter(|element| at(element, path).is_some()) {
        put(element, path, value);
    }
    Ok(Some(Value::Array(kept)))
}

/// A decimal as its digits and its exponent, so that not even a zero behind the point is lost.
mod decimal {
    use bigdecimal::BigDecimal;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(number: &BigDecimal, serializer: S) -> Result<S::Ok, S::Error> {
        let (digits, scale) = number.as_bigint_and_exponent();
        serializer.collect_str(&format_args!("{digits}e{}", scale.saturating_neg()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BigDecimal, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn done(assignment: &Assignment, stored: &Value) -> Result<Value, Code> {
        let stored = Some(stored).filter(|stored| !stored.is_null());
        assignment.result(stored).map(Option::unwrap_or_default).map_err(|problem| problem.code)
    }

    fn path(keys: &[&str]) -> Vec<String> {
        keys.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn numbers_are_added_exactly() {
        assert_eq!(done(&Assignment::AddInt(-3), &Value::Null), Ok(json!(-3)));
        assert_eq!(done(&Assignment::AddInt(2), &json!(40)), Ok(json!(42)));
        assert_eq!(done(&Assignment::AddInt(1), &json!(i64::MAX)), Err(Code::OutOfRange));
        let sum = |amount: &str, stored: Value| done(&Assignment::AddFloat(amount.parse().unwrap()), &stored);
        assert_eq!(sum("0.2", json!(0.1)).unwrap().to_string(), "0.3");
        assert_eq!(sum("-1.50", Value::Null).unwrap().to_string(), "-1.50");
        assert_eq!(sum("1e308", json!(1e308)).unwrap_err(), Code::OutOfRange);
        assert_eq!(sum("1e-20", json!(1)).unwrap().to_string(), "1.00000000000000000001");
    }

    #[test]
    fn decimals_are_remembered_as_they_were_written() {
        for text in ["0.0", "-1.50", "1e-20", "12e30", "0"] {
            let function = Assignment::AddFloat(text.parse().unwrap());
            let read: Assignment = serde_json::from_value(serde_json::to_value(&function).unwrap()).unwrap();
            let sum = |function: &Assignment| done(function, &json!(1.5)).unwrap().to_string();
            assert_eq!(sum(&read), sum(&function), "{text}");
            let first = |function: &Assignment| done(function, &Value::Null).unwrap().to_string();
            assert_eq!(first(&read), first(&function), "{text}");
        }
    }

    #[test]
    fn sets_and_arrays_grow_within_a_bound() {
        let union = Assignment::Union(vec![json!("b"), json!("c"), json!("c")]);
        assert_eq!(done(&union, &json!(["a", "b"])), Ok(json!(["a", "b", "c"])));
        assert_eq!(done(&union, &Value::Null), Ok(json!(["b", "c"])));
        let append = Assignment::Append(vec![json!({"a": 1})]);
        assert_eq!(done(&append, &json!([{"a": 1}])), Ok(json!([{"a": 1}, {"a": 1}])));
        assert_eq!(done(&append, &json!(vec![json!({}); MOST_ELEMENTS])), Err(Code::OutOfRange));
    }

    #[test]
    fn nothing_grows_without_end() {
        let large = json!({"a": vec![1; 30_000]});
        let append = Assignment::Append(vec![large.clone()]);
        let once = done(&append, &Value::Null).unwrap();
        assert_eq!(done(&append, &once), Err(Code::OutOfRange));
        let put = |key: &str| Assignment::Put { path: path(&[key]), value: json!("x".repeat(600_000)) };
        let once = done(&put("a"), &Value::Null).unwrap();
        assert_eq!(done(&put("b"), &once), Err(Code::OutOfRange));
        assert!(done(&put("a"), &once).is_ok());
        let each = Assignment::PutEach { path: path(&["a"]), value: json!("x".repeat(1_000)) };
        assert_eq!(done(&each, &json!(vec![json!({"a": 1}); 2_000])), Err(Code::OutOfRange));
        assert!(done(&Assignment::Set(json!([large, large])), &Value::Null).is_ok());
    }

    #[test]
    fn elements_are_removed_by_value_or_by_what_they_hold() {
        let tags = Assignment::Remove { path: Vec::new(), values: vec![json!("a"), json!("z")] };
        assert_eq!(done(&tags, &json!(["a", "b", "a"])), Ok(json!(["b"])));
        assert_eq!(done(&tags, &Value::Null), Ok(Value::Null));
        let orders = json!([{"id": 1, "to": {"city": "Riga"}}, {"id": 2}, {"id": "1"}]);
        let by_id = Assignment::Remove { path: path(&["id"]), values: vec![json!(1)] };
        assert_eq!(done(&by_id, &orders), Ok(json!([{"id": 2}, {"id": "1"}])));
        let deep = Assignment::Remove { path: path(&["to", "city"]), values: vec![json!("Riga")] };
        assert_eq!(done(&deep, &orders), Ok(json!([{"id": 2}, {"id": "1"}])));
    }

    #[test]
    fn values_are_put_where_the_path_says() {
        let put = |keys: &[&str], stored: Value| {
            done(&Assignment::Put { path: path(keys), value: json!(7) }, &stored).unwrap()
        };
        assert_eq!(put(&["a"], Value::Null), json!({"a": 7}));
        assert_eq!(put(&["a", "b"], json!({"a": {"c": 1}, "d": 2})), json!({"a": {"b": 7, "c": 1}, "d": 2}));
        assert_eq!(put(&["a", "b"], json!({"a": "text"})), json!({"a": {"b": 7}}));
        let each = Assignment::PutEach { path: path(&["n"]), value: json!(0) };
        assert_eq!(done(&each, &json!([{"n": 1}, {"m": 1}])), Ok(json!([{"n": 0}, {"m": 1}])));
        assert_eq!(done(&each, &Value::Null), Ok(Value::Null));
    }
}
