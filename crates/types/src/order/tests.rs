//! Stamps, and single cells at the edges of what is remembered of them; the whole is tested against a model of the plan.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::draft::Assignment;
use crate::{JobId, Profile, ProfileId};

fn stamp(number: u128) -> Stamp {
    Stamp(Uuid::from_u128(number << 8))
}

/// A cell that is written to again and again.
#[derive(Default)]
struct Written {
    value: Option<Value>,
    entry: Entry,
}

impl Written {
    /// Whether it was not superseded.
    fn write(&mut self, at: u128, assignment: &Assignment) -> bool {
        match self.entry.clone().write(self.value.as_ref(), stamp(at), assignment).unwrap() {
            Write::Superseded => false,
            Write::Done { value, entry } => {
                (self.value, self.entry) = (value.map(Cow::into_owned), entry);
                true
            }
        }
    }
}

#[test]
fn a_retry_comes_right_after_its_request() {
    let job = |bits: u128| Stamp::of(JobId(Uuid::from_u128(bits)));
    let (first, second) = (job(0x1ff), job(0x200));
    assert!(first < first.retried() && first.retried() < first.retried().retried());
    assert!(first.retried() < second);
    let last = (0..1000).fold(first, |stamp, _| stamp.retried());
    assert!(last < second, "however often");
    assert_eq!(Stamp::from_short(&second.short()), Some(second));
    assert_eq!(Stamp::from_short("rubbish"), None);
}

#[test]
fn what_is_older_than_the_last_functions_is_superseded_or_done_at_the_fold() {
    let mut cell = Written::default();
    assert!(cell.write(10, &Assignment::Set(json!(1))));
    for at in 20..60 {
        assert!(cell.write(at, &Assignment::AddInt(1)));
    }
    // Between functions that are remembered it still has its place.
    assert!(cell.write(50, &Assignment::AddInt(100)));
    assert!(!cell.write(30, &Assignment::Set(json!(0))), "that would undo what came after it");
    // For numbers the fold is as good a place as any.
    assert!(cell.write(30, &Assignment::AddInt(1000)));
    assert_eq!(cell.value, Some(json!(1141)));
    assert!(!cell.write(5, &Assignment::AddInt(1)), "before it was set");
    assert!(cell.write(55, &Assignment::Set(json!(0))));
    assert_eq!(cell.value, Some(json!(4)), "four of the functions came after that");
}

#[test]
fn what_one_request_adds_is_remembered_as_one() {
    let adds = [
        (Assignment::AddInt(2), json!(10)),
        (Assignment::AddFloat("0.5".parse().unwrap()), json!(10)),
        (Assignment::Union(vec![json!("b")]), json!(["a"])),
        (Assignment::Append(vec![json!("b")]), json!(["a"])),
    ];
    for (add, set) in adds {
        let (mut late, mut in_order) = (Written::default(), Written::default());
        let set = Assignment::Set(set);
        assert!(in_order.write(1, &set));
        for _ in 0..50 {
            assert!(late.write(2, &add) && in_order.write(2, &add));
        }
        assert!(late.write(1, &set), "none was folded");
        assert_eq!(late.value, in_order.value);
    }
}

#[test]
fn no_large_value_is_remembered() {
    let mut cell = Written::default();
    assert!(cell.write(1, &Assignment::Set(json!(["x".repeat(5000)]))));
    assert!(cell.write(3, &Assignment::Append(vec![json!("y")])));
    assert!(serde_json::to_string(&cell.entry).unwrap().len() < 200);
    assert!(!cell.write(2, &Assignment::Clear));
    assert!(cell.write(2, &Assignment::Append(vec![json!("z")])), "out of place, but not lost");
    assert!(cell.write(3, &Assignment::Clear));
    assert_eq!(cell.value, None);
}

#[test]
fn a_log_that_is_too_large_forgets_functions() {
    let mut profile = Profile::empty(ProfileId(Uuid::from_u128(7)));
    for number in 0..1_000 {
        let name = format!("field_{number}");
        let mut cell = Written::default();
        for at in 1..=16 {
            assert!(cell.write(at, &Assignment::AddInt(1)));
        }
        profile.log.enter(Cell::Field(&name), true, cell.entry);
        Arc::make_mut(&mut profile.fields).insert(name, cell.value.unwrap());
    }
    let packed = PackedLog::of(&profile).unwrap();
    assert!(packed.rest.as_ref().unwrap().len() < 256 << 10);
    let entry = packed.unpack().unwrap().entry(Cell::Field("field_7"), true);
    let mut cell = Written { value: Some(json!(16)), entry };
    assert!(!cell.write(15, &Assignment::Set(json!(0))));
    assert!(cell.write(15, &Assignment::AddInt(1)));
    assert_eq!(cell.value, Some(json!(17)));
}

#[test]
fn a_log_lists_no_more_than_it_must_and_reads_back() {
    let mut profile = Profile::empty(ProfileId(Uuid::from_u128(7)));
    profile.log = Log::begun(stamp(1));
    for name in ["a", "b", "c"] {
        Arc::make_mut(&mut profile.fields).insert(name.to_owned(), json!(1));
    }
    assert_eq!(PackedLog::of(&profile).unwrap(), PackedLog { base: stamp(1), rest: None });
    let set = |profile: &mut Profile, name: &str, at| {
        assert!(profile.log.set(Cell::Field(name), true, stamp(at)));
    };
    set(&mut profile, "a", 2);
    let packed = PackedLog::of(&profile).unwrap();
    assert_eq!(packed.base, stamp(1));
    assert_eq!(packed.rest.as_deref(), Some(&*format!(r#"{{"set":{{"{}":["a"]}}}}"#, stamp(2).short())));
    assert_eq!(packed.unpack().unwrap(), profile.log);
    // Once most of it is of the other, what is left of the first is listed.
    set(&mut profile, "b", 2);
    let packed = PackedLog::of(&profile).unwrap();
    assert_eq!(packed.base, stamp(2));
    assert_eq!(packed.rest.as_deref(), Some(&*format!(r#"{{"set":{{"{}":["c"]}}}}"#, stamp(1).short())));
    for name in ["a", "b", "c"] {
        let cell = Cell::Field(name);
        assert_eq!(packed.unpack().unwrap().entry(cell, true), profile.log.entry(cell, true));
    }
    // What was taken away stays known, also where all the rest is of one.
    set(&mut profile, "c", 2);
    Arc::make_mut(&mut profile.fields).remove("c");
    let packed = PackedLog::of(&profile).unwrap();
    assert_eq!(packed.unpack().unwrap().entry(Cell::Field("c"), false).set, stamp(2));
    assert_eq!(PackedLog { base: stamp(1), rest: Some("{}x".to_owned()) }.unpack(), None);
}
