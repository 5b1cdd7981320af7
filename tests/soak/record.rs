//! One record: whom it is about, what it does to that person, and what may be wrong with it.
//!
//! Each adds one to `visits`, so the sum tells how often it was applied. Each sets `city` and the note of the subscription,
//! and some `_fname`, to a mark of its own, so the mark tells who wrote. Most do something by a function, or set what
//! functions change. Some people have e-mails that move: from one to another, and between two people.

use intake_types::Code;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::catalog::LATER;

/// People of one account: few, so that requests meet.
pub(crate) const PEOPLE: u16 = 120;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) person: u16,
    pub(crate) flaw: Option<Flaw>,
    /// What else it does is drawn from this.
    extra: u16,
}

/// Why a record fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is wrong, whenever it is applied.
    Value,
    /// A field of it is declared later.
    Field,
}

impl Flaw {
    /// What it fails with.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Value => Code::InvalidType,
            Self::Field => Code::UnknownField,
        }
    }
}

impl Record {
    /// Draws one. `by_email`: about somebody whose e-mail does not move, since it is matched by. `is_flawed`: of a request of
    /// which some fail.
    pub(crate) fn draw(by_email: bool, is_flawed: bool, draw: &mut StdRng) -> Self {
        let person = draw.random_range(0..PEOPLE);
        let person = if by_email && moves(person) { person + 1 } else { person };
        let flaw = match draw.random_range(0..20) {
            0 if is_flawed => Some(Flaw::Value),
            1 | 2 if is_flawed => Some(Flaw::Field),
            _ => None,
        };
        Self { person, flaw, extra: draw.random() }
    }

    /// As it is sent.
    pub(crate) fn json(self, mark: &str, has_name: bool) -> Value {
        let mut record = self.changes(mark);
        record["email"] = self.email().into();
        record["phones"] = json!([phone(self.person)]);
        record["city"] = mark.into();
        record["subscriptions"][0]["custom_fields"]["note"] = mark.into();
        if has_name {
            record["_fname"] = mark.into();
        }
        record
    }

    /// That of it which not each record sets, and whom it means.
    pub(crate) fn changes(self, mark: &str) -> Value {
        let mut record = json!({
            "member": self.person,
            "visits": {"action": "incr", "value": 1},
            "subscriptions": [
                {"channel": "email", "resource_id": 1, "email": email(self.person), "custom_fields": {}},
            ],
        });
        match self.flaw {
            Some(Flaw::Value) => record["visits"] = "many".into(),
            Some(Flaw::Field) => record[LATER] = mark.into(),
            None => {}
        }
        self.add_extra(&mut record);
        record
    }

    fn email(self) -> String {
        if moves(self.person) {
            // Two people have a turn at each of these.
            format!("pair{}-{}@soak.example.com", self.person / 6, self.extra % 3)
        } else {
            email(self.person)
        }
    }

    /// One time in five it sets, or takes away, what it changes the other times.
    fn add_extra(self, record: &mut Value) {
        let (what, how, which) = (self.extra % 10, self.extra / 10 % 5, self.extra / 50 % 4);
        // XML knows no numbers where the schema names none.
        let name = format!("n{which}");
        let function = |action: &str, value: Value| json!({"action": action, "value": value});
        match (what, how) {
            (0..=7, 0) if which == 0 => {
                let field = ["points", "score", "interests", "orders", "address"];
                let field = field.into_iter().cycle().nth(what.into()).unwrap_or_default();
                record[field] = json!({"action": "unset"});
            }
            (0, 0) => record["points"] = which.into(),
            (0, _) => record["points"] = function("incr", json!(which + 1)),
            (1, 0) => record["score"] = json!(0.5),
            (1, _) => record["score"] = function("incr", json!("0.1")),
            (2, 0) => record["interests"] = json!(["n0", "n1"]),
            (2, 1 | 2) => record["interests"] = function("add", json!([name])),
            (2, _) => record["interests"] = function("delete", json!([name])),
            (3, 0) => record["orders"] = json!([{"id": name, "state": "set"}]),
            (3, 1 | 2) => record["orders"] = function("add", json!({"id": name, "state": "open"})),
            (3, 3) => {
                record["orders"] = json!({"action": "delete", "submatch": "id", "value": [name]});
            }
            (3, _) => {
                record["orders"] = json!({"action": "upsert", "submatch": "state", "value": name});
            }
            (4, 0) => record["address"] = json!({"city": name}),
            (4, _) => {
                let path = if how == 1 { "city" } else { "street.name" };
                record["address"] = json!({"action": "upsert", "submatch": path, "value": name});
            }
            (5, 0) => record["subscriptions"][0]["custom_fields"]["hits"] = which.into(),
            (5, _) => record["subscriptions"][0]["custom_fields"]["hits"] = function("incr", json!(1)),
            (6, _) => record["subscriptions"][0]["status"] = which.into(),
            (7, _) => record["subscriptions"][0]["priority"] = how.into(),
            _ => {}
        }
    }
}

/// Whether somebody's e-mail moves.
pub(crate) fn moves(person: u16) -> bool {
    person.is_multiple_of(3)
}

/// What somebody's subscription is to, and the e-mail of whose does not move.
pub(crate) fn email(person: u16) -> String {
    format!("p{person}@soak.example.com")
}

fn phone(person: u16) -> String {
    format!("+7900{:07}", u32::from(person) + 1_000_000)
}
