//! One person of the model, in plain values: what each operation does to it, and how it reads as a profile.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::record::{ObjectOp, Op, OrdersOp, Reached, Sub};
use super::render::{cats, contact, email, order, phone, tenths};
use crate::{Nulls, SubscriptionStatus};

/// Why a record fails, or what it is warned of.
pub(super) type Slug = &'static str;

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Kept {
    pub(super) status: i8,
    pub(super) priority: Option<i8>,
    pub(super) source: Option<u8>,
    pub(super) hits: Option<i64>,
    pub(super) cats: BTreeSet<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Person {
    pub(super) email: Option<u8>,
    pub(super) phones: Option<Vec<u8>>,
    pub(super) number: Option<i64>,
    pub(super) code: Option<u8>,
    pub(super) points: Option<i64>,
    pub(super) score: Option<i64>,
    pub(super) tags: Option<Vec<u8>>,
    pub(super) name: Option<u8>,
    pub(super) object: Option<Value>,
    pub(super) orders: Option<Vec<(u8, Option<u8>)>>,
    pub(super) subs: BTreeMap<(i32, Reached), Kept>,
}

/// Null by its policy: what it leaves of an operation.
pub(super) fn nulled<T>(op: Op<T>, nulls: Nulls, warnings: &mut Vec<Slug>) -> Result<Option<Op<T>>, Slug> {
    match (op, nulls) {
        (Op::Null, Nulls::Reject) => Err("null_not_allowed"),
        (Op::Null, Nulls::Ignore) => {
            warnings.push("null_ignored");
            Ok(None)
        }
        (Op::Null, Nulls::Clear) => Ok(Some(Op::Unset)),
        (other, _) => Ok(Some(other)),
    }
}

pub(super) fn plain<T>(value: &mut Option<T>, op: Op<T>) {
    *value = match op {
        Op::Set(set) | Op::SetByFunction(set) => Some(set),
        _ => None,
    };
}

pub(super) fn summed(value: &mut Option<i64>, op: Op<i64>) -> Result<(), Slug> {
    match op {
        Op::Add(more) => {
            let sum = i128::from(value.unwrap_or(0)) + i128::from(more);
            *value = Some(i64::try_from(sum).map_err(|_range| "out_of_range")?);
        }
        other => plain(value, other),
    }
    Ok(())
}

fn distinct(items: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for item in items {
        if !kept.contains(item) {
            kept.push(*item);
        }
    }
    kept
}

pub(super) fn listed(list: &mut Option<Vec<u8>>, op: Op<Vec<u8>>) {
    match op {
        Op::Set(items) | Op::SetByFunction(items) => *list = Some(distinct(&items)),
        Op::Add(items) => *list = Some(distinct(&[list.take().unwrap_or_default(), items].concat())),
        Op::Delete(items) => {
            if let Some(kept) = list {
                kept.retain(|item| !items.contains(item));
            }
        }
        _ => *list = None,
    }
}

impl Person {
    pub(super) fn put(&mut self, op: &ObjectOp) {
        let mut object = self.object.take().unwrap_or_else(|| json!({}));
        match op {
            ObjectOp::Set(value) => object = json!({"a": value}),
            ObjectOp::Put(false, value) => object["a"] = json!(value),
            ObjectOp::Put(true, value) => object["b"] = json!({"c": value}),
        }
        self.object = Some(object);
    }

    pub(super) fn order(&mut self, op: &OrdersOp) {
        match (op, &mut self.orders) {
            (OrdersOp::Set(all), orders) => *orders = Some(all.clone()),
            (OrdersOp::Add(one), orders) => orders.get_or_insert_default().push(*one),
            (_, None) => {}
            (OrdersOp::Delete(one), Some(orders)) => orders.retain(|known| known != one),
            (OrdersOp::DeleteById(id), Some(orders)) => orders.retain(|(known, _)| known != id),
            (OrdersOp::PutEachCount(count), Some(orders)) => {
                orders.iter_mut().filter_map(|(_, known)| known.as_mut()).for_each(|known| *known = *count);
            }
        }
    }

    /// One subscription, whose operations are known to be such that its fields take them.
    pub(super) fn subscribe(
        &mut self,
        sub: &Sub,
        source: Option<Op<u8>>,
        hits: Option<Op<i64>>,
    ) -> Result<(), Slug> {
        let key = (sub.resource, sub.reached);
        let mut kept = self.subs.get(&key).cloned().unwrap_or_default();
        if let Some(status) = sub.status.filter(|status| *status >= 0) {
            kept.status = status;
        }
        if let Some(priority) = sub.priority.filter(|priority| *priority >= 0) {
            kept.priority = Some(priority);
        }
        if let Some(op) = source {
            plain(&mut kept.source, op);
        }
        if let Some(op) = hits {
            summed(&mut kept.hits, op)?;
        }
        kept.cats.extend(cats(&sub.cats));
        self.subs.insert(key, kept);
        Ok(())
    }

    /// Its fields as a profile stores them.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let phones = |list: &Vec<u8>| list.iter().map(|who| phone(*who)).collect();
        let tags = |list: &Vec<u8>| list.iter().map(|tag| format!("t{tag}")).collect();
        let orders = |list: &Vec<_>| list.iter().map(|one| order(*one)).collect();
        let members = [
            ("email", self.email.map(|who| json!(email(who)))),
            ("phones", self.phones.as_ref().map(phones)),
            ("number", self.number.map(Value::from)),
            ("code", self.code.map(|code| json!(format!("c{code}")))),
            ("points", self.points.map(Value::from)),
            ("score", self.score.map(tenths)),
            ("tags", self.tags.as_ref().map(tags)),
            ("_fname", self.name.map(|name| json!(format!("name {name}")))),
            ("object", self.object.clone()),
            ("orders", self.orders.as_ref().map(orders)),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Its subscriptions in a form to compare.
    pub(super) fn subscriptions(&self) -> BTreeSet<String> {
        let of = |((resource, reached), kept): (&(i32, Reached), &Kept)| {
            let (channel, _, contact) = contact(*reached);
            let status = SubscriptionStatus::ALL[usize::try_from(kept.status).unwrap()].word();
            let mut fields = json!({});
            if let Some(source) = kept.source {
                fields["source"] = json!(format!("source {source}"));
            }
            if let Some(hits) = kept.hits {
                fields["hits"] = json!(hits);
            }
            json!([resource, channel, contact, status, kept.priority, fields, kept.cats]).to_string()
        };
        self.subs.iter().map(of).collect()
    }
}
