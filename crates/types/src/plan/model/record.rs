//! Records as the model means them, before they are JSON: small worlds of people, so that they meet often.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

/// What a record does to a value of type `T`.
#[derive(Debug, Clone)]
pub(super) enum Op<T> {
    Set(T),
    /// `{"action": "set", "value": ..}`
    SetByFunction(T),
    Null,
    Unset,
    /// `incr` for numbers, `add` for lists.
    Add(T),
    Delete(T),
    /// A value that the field cannot hold.
    Bad,
    /// An action that the field does not take.
    BadAction,
}

#[derive(Debug, Clone)]
pub(super) enum ObjectOp {
    Set(u8),
    /// `upsert` at `a` or at `b.c`.
    Put(bool, u8),
}

#[derive(Debug, Clone)]
pub(super) enum OrdersOp {
    /// Ids, some of which have a count.
    Set(Vec<(u8, Option<u8>)>),
    Add((u8, Option<u8>)),
    Delete((u8, Option<u8>)),
    DeleteById(u8),
    PutEachCount(u8),
}

/// Where a subscriber is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reached {
    Email(u8),
    Sms(u8),
    Push(u8, u8),
    Telegram(u8),
    Whatsapp(u8),
    /// A custom channel: a login and a zone.
    Pager(u8, u8),
}

#[derive(Debug, Clone)]
pub(super) struct Sub {
    pub(super) resource: i32,
    pub(super) reached: Reached,
    /// -1 leaves it.
    pub(super) status: Option<i8>,
    pub(super) priority: Option<i8>,
    pub(super) source: Option<Op<u8>>,
    pub(super) hits: Option<Op<i64>>,
    pub(super) cats: Vec<bool>,
    pub(super) bad_cat: bool,
    pub(super) nested: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Rec {
    pub(super) email: Option<Op<u8>>,
    pub(super) phone: Option<u8>,
    pub(super) phones: Option<Op<Vec<u8>>>,
    pub(super) number: Option<Op<i64>>,
    pub(super) code: Option<Op<u8>>,
    pub(super) points: Option<Op<i64>>,
    /// Tenths.
    pub(super) score: Option<Op<i64>>,
    pub(super) tags: Option<Op<Vec<u8>>>,
    pub(super) name: Option<Op<u8>>,
    pub(super) object: Option<ObjectOp>,
    pub(super) orders: Option<OrdersOp>,
    pub(super) unknown: bool,
    pub(super) subs: Vec<Sub>,
    /// One of the first records of the first jobs, or nobody.
    pub(super) profile_id: Option<(u8, u8)>,
    pub(super) token: Option<(u8, u8)>,
}

/// Match values that a request has beside its only record.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside {
    pub(super) email: Option<u8>,
    pub(super) phone: Option<u8>,
    pub(super) number: Option<i64>,
    pub(super) code: Option<u8>,
    pub(super) tags: Option<Vec<u8>>,
    /// Of `cc_data`: an id, a login, or whose phone.
    pub(super) member: Option<u8>,
    pub(super) profile_id: Option<(u8, u8)>,
    pub(super) token: Option<(u8, u8)>,
}

pub(super) fn beside() -> impl Strategy<Value = Beside> {
    let fields = (weighted(0.5, 0..4_i64), weighted(0.5, 0..3_u8), weighted(0.5, vec(0..3_u8, 1..3)));
    let others =
        (weighted(0.5, 0..3_u8), weighted(0.5, (0..3_u8, 0..4_u8)), weighted(0.5, (0..2_u8, 0..2_u8)));
    (weighted(0.5, 0..4_u8), weighted(0.5, 0..4_u8), fields, others).prop_map(
        |(email, phone, (number, code, tags), (member, profile_id, token))| Beside {
            email,
            phone,
            number,
            code,
            tags,
            member,
            profile_id,
            token,
        },
    )
}

fn op<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
    grows: bool,
) -> BoxedStrategy<Op<T>> {
    let more = if grows { 3 } else { 0 };
    prop_oneof![
        12 => value.clone().prop_map(Op::Set),
        1 => value.clone().prop_map(Op::SetByFunction),
        1 => Just(Op::Null),
        1 => Just(Op::Unset),
        more => value.clone().prop_map(Op::Add),
        1 => Just(Op::BadAction),
        1 => Just(Op::Bad),
    ]
    .boxed()
}

fn list(most: u8) -> BoxedStrategy<Op<Vec<u8>>> {
    let items = vec(0..most, 0..3);
    prop_oneof![
        8 => items.clone().prop_map(Op::Set),
        1 => Just(Op::Null),
        1 => Just(Op::Unset),
        2 => items.clone().prop_map(Op::Add),
        2 => items.prop_map(Op::Delete),
        1 => Just(Op::BadAction),
    ]
    .boxed()
}

/// Mostly small, sometimes so large that a sum does not fit.
fn amount() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![8 => -5..6_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
}

fn object() -> impl Strategy<Value = ObjectOp> {
    prop_oneof![
        (0..3_u8).prop_map(ObjectOp::Set),
        (any::<bool>(), 0..3_u8).prop_map(|(deep, value)| ObjectOp::Put(deep, value)),
    ]
}

fn orders() -> impl Strategy<Value = OrdersOp> {
    let order = (0..3_u8, weighted(0.5, 0..3_u8));
    prop_oneof![
        3 => vec(order.clone(), 0..3).prop_map(OrdersOp::Set),
        2 => order.clone().prop_map(OrdersOp::Add),
        1 => order.prop_map(OrdersOp::Delete),
        1 => (0..3_u8).prop_map(OrdersOp::DeleteById),
        2 => (0..3_u8).prop_map(OrdersOp::PutEachCount),
    ]
}

fn reached() -> impl Strategy<Value = Reached> {
    prop_oneof![
        3 => (0..4_u8).prop_map(Reached::Email),
        3 => (0..4_u8).prop_map(Reached::Sms),
        2 => (0..2_u8, 0..2_u8).prop_map(|(provider, token)| Reached::Push(provider, token)),
        1 => (0..3_u8).prop_map(Reached::Telegram),
        1 => (0..3_u8).prop_map(Reached::Whatsapp),
        1 => (0..3_u8, 0..2_u8).prop_map(|(login, zone)| Reached::Pager(login, zone)),
    ]
}

fn sub() -> impl Strategy<Value = Sub> {
    let resource = prop_oneof![Just(28), Just(29)];
    let levels = (weighted(0.5, -1..7_i8), weighted(0.3, -1..3_i8));
    let fields = (weighted(0.3, op(0..3_u8, false)), weighted(0.2, op(amount(), true)));
    let cats = (vec(any::<bool>(), 0..3), prop::bool::weighted(0.05), any::<bool>());
    (resource, reached(), levels, fields, cats).prop_map(
        |(resource, reached, (status, priority), (source, hits), (cats, bad_cat, nested))| Sub {
            resource,
            reached,
            status,
            priority,
            source,
            hits,
            cats,
            bad_cat,
            nested,
        },
    )
}

pub(super) fn record() -> impl Strategy<Value = Rec> {
    let contacts = (weighted(0.6, op(0..4_u8, false)), weighted(0.2, 0..4_u8), weighted(0.4, list(4)));
    let keys = (
        weighted(0.4, op(0..4_i64, true)),
        weighted(0.15, op(0..3_u8, false)),
        weighted(0.4, list(3)),
        weighted(0.2, (0..3_u8, 0..4_u8)),
        weighted(0.2, (0..2_u8, 0..2_u8)),
    );
    let values = (
        weighted(0.2, op(amount(), true)),
        weighted(0.2, op(-20..20_i64, true)),
        weighted(0.3, op(0..3_u8, false)),
        weighted(0.3, object()),
        weighted(0.4, orders()),
    );
    let subs = vec(sub(), 0..3);
    (contacts, keys, values, subs, prop::bool::weighted(0.04)).prop_map(
        |(
            (email, phone, phones),
            (number, code, tags, profile_id, token),
            (points, score, name, object, orders),
            subs,
            unknown,
        )| Rec {
            email,
            phone,
            phones,
            number,
            code,
            points,
            score,
            tags,
            name,
            object,
            orders,
            unknown,
            subs,
            profile_id,
            token,
        },
    )
}
