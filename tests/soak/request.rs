//! What the clients send: batches of records about people of whom all have the same keys in all ways of matching. Some only ask
//! what would happen, and some are taken back.

use intake_tests::Format;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::record::Record;

/// The accounts, by their index.
pub(crate) const TOKENS: [&str; 4] = [
    "token-of-account-one-0000001",
    "token-of-account-two-0000002",
    "token-of-account-six-0000003",
    "token-of-account-eight-00004",
];

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

/// A request, and what it does to whom.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Which of all; also its `external_id`.
    pub(crate) number: u32,
    /// Whose.
    pub(crate) account: usize,
    pub(crate) records: Vec<Record>,
    /// Whether it has an `Idempotency-Key`, and so may be sent again.
    pub(crate) has_key: bool,
    /// Whether its records have names.
    has_names: bool,
    pub(crate) wish: Wish,
    form: Form,
    matching: Matching,
}

/// What its sender wants of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Apply,
    /// That it is cancelled as soon as it is acknowledged, which may be too late.
    Cancel,
    /// To know what it would change.
    Ask,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Body(Format),
    Stream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matching {
    Email,
    EmailSub,
    Phone,
    Member,
}

/// A request as it goes out.
pub(crate) struct Sent {
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Draws one: most are small, some are large, some are streams of several parts.
    pub(crate) fn draw(number: u32, account: usize, draw: &mut StdRng) -> Self {
        let (form, records) = match draw.random_range(0..100) {
            0..45 => (Form::Body(Format::Json), draw.random_range(1..40)),
            45..65 => (Form::Body(Format::Xml), draw.random_range(1..40)),
            65..80 => (Form::Body(Format::Json), draw.random_range(100..900)),
            80..90 => (Form::Body(Format::Json), draw.random_range(1_100..2_500)),
            _ => (Form::Stream, draw.random_range(500..4_000)),
        };
        let matching = match draw.random_range(0..4) {
            0 => Matching::Email,
            1 => Matching::EmailSub,
            2 => Matching::Phone,
            _ => Matching::Member,
        };
        let is_flawed = draw.random_range(0..4) == 0;
        let record = |_| Record::draw(matching == Matching::Email, is_flawed, draw);
        let records = (0..records).map(record).collect();
        let (has_key, has_names) = (draw.random_range(0..10) > 0, draw.random());
        let wish = match draw.random_range(0..20) {
            0 => Wish::Cancel,
            1 => Wish::Ask,
            _ => Wish::Apply,
        };
        Self { number, account, records, has_key, has_names, wish, form, matching }
    }

    /// One of its records.
    pub(crate) fn record(&self, index: usize) -> Option<Value> {
        Some(self.records.get(index)?.json(&self.mark(index), self.has_names))
    }

    /// What a record sets.
    pub(crate) fn mark(&self, index: usize) -> String {
        format!("{}.{index}", self.number)
    }

    pub(crate) fn sent(&self, secret: u64) -> Sent {
        let token = TOKENS.get(self.account).copied().unwrap_or_default();
        let mut headers = vec![("authorization", format!("Bearer {token}"))];
        if self.has_key {
            headers.push(("idempotency-key", format!("soak-{secret}-{}", self.number)));
        }
        let records = (0..self.records.len()).filter_map(|index| self.record(index));
        let (db_id, dry_run) = (self.account + 1, self.wish == Wish::Ask);
        let name = self.number.to_string();
        let (path, body) = match self.form {
            Form::Stream => {
                headers.push(("content-type", "application/x-ndjson".to_owned()));
                let lines: Vec<_> = records.map(|record| record.to_string()).collect();
                let how = format!("db_id={db_id}&external_id={name}&validate_only={dry_run}");
                (format!("{IMPORT}?{how}{}", self.matching.query()), lines.join("\n"))
            }
            Form::Body(format) => {
                headers.push(("content-type", format.media_type().to_owned()));
                let data: Vec<_> = records.collect();
                let mut body =
                    json!({"db_id": db_id, "external_id": name, "validate_only": dry_run, "data": data});
                self.matching.say(&mut body);
                (IMPORT.to_owned(), format.write(&body))
            }
        };
        Sent { path, headers, body: body.into_bytes() }
    }
}

impl Matching {
    fn query(self) -> &'static str {
        match self {
            Self::Email => "&matching=email",
            Self::EmailSub => "&matching=email_sub",
            Self::Phone => "&matching=phone",
            Self::Member => "&matching=custom&field_name=member",
        }
    }

    fn say(self, body: &mut Value) {
        let Some(body) = body.as_object_mut() else { return };
        let matching = match self {
            Self::Email => "email",
            Self::EmailSub => "email_sub",
            Self::Phone => "phone",
            Self::Member => "custom",
        };
        body.insert("matching".to_owned(), matching.into());
        if matches!(self, Self::Member) {
            body.insert("field_name".to_owned(), "member".into());
        }
    }
}

/// Randomness of its own for each who draws, so that one does not disturb the other.
pub(crate) fn draw(seed: u64, who: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ who)
}
