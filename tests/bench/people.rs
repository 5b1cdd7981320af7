//! The people: the same ones for the same seed, some 500 bytes each.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// Records of a batch.
pub(crate) const BATCH: u32 = 10_000;

const FIRST: [&str; 12] =
    ["Ada", "Jonas", "Marie", "Pavel", "Ingrid", "Luca", "Noor", "Søren", "Chloé", "Tomás", "Eszter", "Wei"];
const LAST: [&str; 12] = [
    "Moreau",
    "Berg",
    "Lindqvist",
    "Novák",
    "García",
    "Rossi",
    "Kowalska",
    "Müller",
    "Ivanov",
    "Tanaka",
    "Okafor",
    "Silva",
];
const CITIES: [&str; 8] = ["Lyon", "Hamburg", "Riga", "Kraków", "Bilbao", "Torino", "Malmö", "Gent"];
const INTERESTS: [&str; 8] =
    ["books", "travel", "running", "cooking", "chess", "gardening", "cinema", "music"];

/// A crowd: the people with these numbers, told from those of others by a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    /// Part of their keys, two digits: people of another crowd are others.
    pub(crate) name: u32,
    pub(crate) seed: u64,
}

impl Crowd {
    /// As many whole batches of these people.
    pub(crate) fn batches(&self, count: u32, matching: &Value) -> Vec<Vec<u8>> {
        batches(count, matching, |number| self.person(number))
    }

    /// A request with the people of these numbers.
    pub(crate) fn body(&self, numbers: std::ops::Range<u32>, matching: &Value) -> Vec<u8> {
        body(numbers.map(|number| self.person(number)).collect(), matching)
    }

    /// What has changed of one of them: two fields, and nothing else is said. By another seed it is something else.
    pub(crate) fn change(&self, number: u32) -> Value {
        let mut draw = self.draw(number, 1);
        json!({
            "email": self.email(number),
            "city": format!("New {} {}", pick(&CITIES, &mut draw), self.seed),
            "loyalty_points": draw.random_range(10_000..20_000),
        })
    }

    /// All of one of them, of whom two fields have changed.
    pub(crate) fn changed(&self, number: u32) -> Value {
        let (mut person, mut draw) = (self.person(number), self.draw(number, 2));
        person["city"] = format!("Old {}", pick(&CITIES, &mut draw)).into();
        person["loyalty_points"] = draw.random_range(20_000..30_000).into();
        person
    }

    pub(crate) fn person(&self, number: u32) -> Value {
        let mut draw = self.draw(number, 0);
        let (first, last) = (pick(&FIRST, &mut draw), pick(&LAST, &mut draw));
        let (email, phone) = (self.email(number), format!("+79{}{number:07}", self.name));
        let interests: Vec<_> = INTERESTS.sample(&mut draw, 2).collect();
        json!({
            "email": email,
            "phones": [phone],
            "_fname": first,
            "_lname": last,
            "_bdate": format!("{}-{:02}-{:02}", draw.random_range(1940..2008), draw.random_range(1..13), draw.random_range(1..29)),
            "_regdate": format!("2024-{:02}-{:02}T{:02}:00:00Z", draw.random_range(1..13), draw.random_range(1..29), draw.random_range(0..24)),
            "Custom_ID": format!("1{}{number:07}", self.name).parse::<u64>().unwrap_or_default(),
            "city": pick(&CITIES, &mut draw),
            "loyalty_points": draw.random_range(0..10_000),
            "interests": interests,
            "subscriptions": [
                {
                    "channel": "email", "resource_id": 28, "email": email, "status": "subscribed",
                    "custom_fields": {"source": "checkout"}, "cats": ["category_1"],
                },
                {"channel": "sms", "resource_id": 29, "phone": phone},
            ],
        })
    }

    fn email(&self, number: u32) -> String {
        format!("person.{}.{number}@shop.example.com", self.name)
    }

    fn draw(&self, number: u32, what: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ u64::from(number) << 8 ^ what)
    }
}

fn pick<'a>(words: &[&'a str], draw: &mut StdRng) -> &'a str {
    words.choose(draw).copied().unwrap_or_default()
}

/// As many whole batches, as bodies, of the records of these numbers.
pub(crate) fn batches(count: u32, matching: &Value, record: impl Fn(u32) -> Value) -> Vec<Vec<u8>> {
    (0..count)
        .map(|batch| body((batch * BATCH..(batch + 1) * BATCH).map(&record).collect(), matching))
        .collect()
}

/// A request with these records.
pub(crate) fn body(records: Vec<Value>, matching: &Value) -> Vec<u8> {
    let mut body = json!({"db_id": 1});
    if let (Some(body), Some(matching)) = (body.as_object_mut(), matching.as_object()) {
        body.extend(matching.clone());
        body.insert("data".to_owned(), records.into());
    }
    body.to_string().into_bytes()
}
