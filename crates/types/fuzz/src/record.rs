//! One record, sent twice in one request: the second must find what the first made.
//!
//! The first two bytes say with which parameters; the rest is the record's text, or, where that is no JSON, a recipe to
//! make one of.

use std::borrow::Cow;

use intake_types::{Action, Batch, Code, Envelope, MatchRule, Operation};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::plan;
use crate::world::{ACCOUNT, account, catalog, database, job};

/// How many records of 31 levels a recipe could nest is not the point: a few show every type.
const LEVELS: u32 = 4;

pub(crate) fn check(bytes: &[u8]) {
    let [first, second, rest @ ..] = bytes else { return };
    let text = std::str::from_utf8(rest).ok().map(str::trim).filter(|text| !text.is_empty());
    let sent = text.and_then(|text| RawValue::from_string(text.to_owned()).ok());
    let record = sent.unwrap_or_else(|| {
        let made = Recipe(rest).record();
        serde_json::value::to_raw_value(&made).expect("a value is writable")
    });
    let records = [&*record, &*record];
    let envelope = Envelope {
        parameters: parameters(*first, *second),
        data: Some(records.iter().map(|record| Cow::Borrowed(*record)).collect()),
    };
    let operation = match first >> 6 {
        1 => Operation::Add,
        2 => Operation::Update,
        _ => Operation::Import,
    };
    let batch = Batch::check(envelope, operation, catalog(), account(), database());
    // The one thing that the parameters can be wrong about.
    let Ok(batch) = batch else { return assert_eq!(operation, Operation::Add) };
    let (header, _) = batch.into_message(job(), ACCOUNT).into_parts();
    let outcomes = plan::check_records(&header, &records);
    let [one, other] = outcomes.as_slice() else { panic!("two records, {} outcomes", outcomes.len()) };
    if operation != Operation::Import {
        return;
    }
    // A profile that does not carry its match value where this matching looks is told of, and made again.
    if one.warnings.iter().any(|warning| warning.code == Code::NotFindable) {
        return;
    }
    assert_eq!(one.profile_id, other.profile_id, "{}", record.get());
    assert!(other.action != Action::Created, "{}", record.get());
    // A function value may count up each time; any other record says the same twice.
    if one.action != Action::Failed && !record.get().contains("ction") {
        assert_eq!(other.action, Action::Unchanged, "{}", record.get());
    }
}

fn parameters(flags: u8, rule: u8) -> Vec<(String, Value)> {
    let flag = |bit: u8| Value::from(flags & (1 << bit) != 0);
    let word = MatchRule::WORDS.get(usize::from(rule) % MatchRule::WORDS.len()).copied();
    let matchable: Vec<&str> = database().matchable_fields().map(|field| field.name.as_str()).collect();
    let field = match word {
        Some("custom_sub") => Some(&"id"),
        _ => matchable.get(usize::from(rule / 16) % matchable.len()),
    };
    let nulls = ["ignore", "clear", "reject", "ignore"];
    let parameters = [
        ("matching", json!(word)),
        ("field_name", json!(field)),
        ("unknown_fields", json!(if flags & 1 == 0 { "reject" } else { "ignore" })),
        ("nulls", json!(nulls.get(usize::from(flags >> 1 & 3)))),
        ("skip_invalid_subscriptions", flag(3)),
        ("detect_geo", flag(4)),
        ("resource_id", if flags & (1 << 5) == 0 { Value::Null } else { json!(28) }),
    ];
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Bytes as choices.
struct Recipe<'a>(&'a [u8]);

impl Recipe<'_> {
    fn next(&mut self) -> u8 {
        let [first, rest @ ..] = self.0 else { return 0 };
        self.0 = rest;
        *first
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.next() % 24).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    fn record(&mut self) -> Value {
        let mut record = Map::new();
        while !self.0.is_empty() {
            let name = self.name();
            let value = if name == "subscriptions" { self.subscriptions() } else { self.value(LEVELS) };
            record.insert(name, value);
        }
        Value::Object(record)
    }

    fn name(&mut self) -> String {
        const SYSTEM: [&str; 16] = [
            "email",
            "phone",
            "phones",
            "_ref",
            "_fname",
            "_bdate",
            "_sex",
            "_status",
            "_regip",
            "_tz",
            "profile_id",
            "subscriptions",
            "subscriptions",
            "provider",
            "subscription_id",
            "_postal_code",
        ];
        let choice = usize::from(self.next());
        let custom: Vec<&String> = database().fields.keys().collect();
        match choice % 3 {
            0 => SYSTEM.get(choice / 3 % SYSTEM.len()).map(ToString::to_string).unwrap_or_default(),
            1 => custom.get(choice / 3 % custom.len()).map(ToString::to_string).unwrap_or_default(),
            _ => self.text(),
        }
    }

    fn subscriptions(&mut self) -> Value {
        let count = self.next() % 4;
        (0..count).map(|_| self.subscription()).collect()
    }

    fn subscription(&mut self) -> Value {
        const CHANNELS: [&str; 8] =
            ["email", "sms", "push", "telegram_bot", "whatsapp", "viber", "notify", "post"];
        const MEMBERS: [&str; 13] = [
            "email",
            "phone",
            "provider",
            "subscription_id",
            "cc_data",
            "status",
            "priority",
            "custom_fields",
            "cats",
            "email_data",
            "phone_data",
            "push_data",
            "channel",
        ];
        let channel = CHANNELS.get(usize::from(self.next()) % CHANNELS.len());
        let mut members = Map::new();
        members.insert("channel".to_owned(), json!(channel));
        members.insert("resource_id".to_owned(), json!(28 + self.next() % 3));
        for _ in 0..self.next() % 6 {
            let name = MEMBERS.get(usize::from(self.next()) % MEMBERS.len());
            members.insert(name.map(ToString::to_string).unwrap_or_default(), self.value(2));
        }
        Value::Object(members)
    }

    fn value(&mut self, levels: u32) -> Value {
        const TEXTS: [&str; 12] = [
            "a@example.com",
            "+79991234567",
            "2001-12-31",
            "127.0.0.1",
            "Europe/Moscow",
            "1e400",
            "a\0b",
            "-1",
            "",
            "category_1",
            "pro",
            "2024-05-27T12:00:00Z",
        ];
        match self.next() % 14 {
            0 => Value::Null,
            1 => Value::from(self.next() < 128),
            2 => Value::from(i64::from(self.next()) - 5),
            3 => Value::from(f64::from(self.next()) / 8.0),
            4 => "123456789012345678901234567890e5"
                .parse::<serde_json::Number>()
                .map_or(Value::Null, Value::Number),
            5..=7 => TEXTS.get(usize::from(self.next()) % TEXTS.len()).map(|text| Value::from(*text)).into(),
            8 | 9 => Value::from(self.text()),
            10 | 11 if levels > 0 => (0..self.next() % 4).map(|_| self.value(levels - 1)).collect(),
            12 if levels > 0 => {
                let action = ["set", "unset", "incr", "add", "delete", "upsert"];
                let action = action.get(usize::from(self.next()) % action.len());
                let mut function = json!({"action": action, "value": self.value(levels - 1)});
                let path = ["", "a", "a.b", "id", ".", "a..b"].get(usize::from(self.next() % 8));
                if let (Some(path), Some(members)) = (path, function.as_object_mut()) {
                    members.insert("submatch".to_owned(), json!(path));
                }
                function
            }
            _ if levels > 0 => {
                let count = self.next() % 4;
                (0..count).map(|_| (self.text(), self.value(levels - 1))).collect()
            }
            _ => Value::from("x"),
        }
    }
}
