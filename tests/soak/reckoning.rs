//! The reckoning: what was acknowledged, against how the jobs ended and what is in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use intake_store::testing::TestDatabase;
use serde_json::Value;

use crate::book::{Book, Effect, Entry};
use crate::gateways::Gateways;
use crate::request::{PEOPLE, TOKENS, Wish, email};
use crate::told::{check_end, check_results};

/// Complaints that are shown.
const SHOWN: usize = 20;

/// What comes of it all.
#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    pub(crate) jobs: usize,
    /// Records of acknowledged jobs.
    pub(crate) acknowledged: usize,
    /// Of these, those that were applied.
    pub(crate) applied: usize,
    /// Of these, those that were skipped, since their job was cancelled.
    pub(crate) skipped: usize,
    /// Of these, those that were neither, and those that were told to be applied and of which nothing is seen.
    pub(crate) lost: usize,
    /// What was applied once more than it was sent, and people who are there once more.
    pub(crate) duplicated: usize,
    /// What overwrote something that was sent after it had been acknowledged.
    pub(crate) late: usize,
    pub(crate) longest_stall: Duration,
    /// What is wrong, in words.
    pub(crate) complaints: Vec<String>,
}

/// What the database has of one person.
#[derive(Debug, Default)]
struct Person {
    profiles: usize,
    visits: usize,
    /// The marks, by where they are.
    marks: BTreeMap<&'static str, String>,
}

/// All requests of an account that the book knows.
struct Account<'a> {
    entries: BTreeMap<u32, &'a Entry>,
}

impl Reckoning {
    /// `told` are the jobs of whose ends events have told.
    pub(crate) fn of(
        book: Book,
        gateways: &Gateways,
        told: &BTreeSet<String>,
        database: &TestDatabase,
    ) -> Self {
        let (entries, complaints, longest_stall) = book.close();
        let mut reckoning = Self { longest_stall, complaints, ..Self::default() };
        for entry in &entries {
            reckoning.job(entry, told);
            for check in [check_results, check_end] {
                check(gateways, entry).unwrap_or_else(|complaint| reckoning.complain(complaint));
            }
        }
        if reckoning.jobs < entries.len() / 4 || reckoning.jobs == 0 {
            reckoning.complain(format!(
                "{} jobs of {} requests prove nothing",
                reckoning.jobs,
                entries.len()
            ));
        }
        let nobody = Person::default();
        for account in 0..TOKENS.len() {
            let mine = entries.iter().filter(|entry| entry.request.account == account);
            let mine = Account { entries: mine.map(|entry| (entry.request.number, entry)).collect() };
            let people = people(database, account);
            let strangers = people.keys().filter(|name| !(0..PEOPLE).any(|person| email(person) == **name));
            strangers.for_each(|name| reckoning.complain(format!("{name:?} is there, whom nobody sent")));
            for person in 0..PEOPLE {
                let found = people.get(&email(person)).unwrap_or(&nobody);
                reckoning.person(&mine, person, found);
            }
        }
        let uneven = "SELECT count(*) FROM jobs WHERE state = 'completed' AND total IS DISTINCT FROM \
            (SELECT sum(records) FROM job_chunks c WHERE c.db_id = jobs.db_id AND c.job_id = jobs.id)";
        for (what, query) in [
            ("completed jobs whose chunks do not add up", uneven),
            ("values with several first holders or none", UNCLAIMED),
        ] {
            let count = database.scalar(query);
            if count != 0 {
                reckoning.complain(format!("{what}: {count}"));
            }
        }
        reckoning
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.complaints.is_empty() && self.lost + self.duplicated + self.late == 0
    }

    fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    fn job(&mut self, entry: &Entry, told: &BTreeSet<String>) {
        let Some((_, job)) = &entry.acknowledged else { return };
        let records = entry.request.people.len();
        self.jobs += 1;
        self.acknowledged += records;
        let applied = entry.ended.as_ref().map_or(0, |ended| ended.applied);
        self.applied += applied;
        if let Some(ended) = &entry.ended
            && !told.contains(&ended.job)
        {
            self.complain(format!("no event told of the end of job {}", ended.job));
        }
        let skipped = entry.ended.as_ref().map_or(0, |ended| ended.skipped);
        self.skipped += skipped;
        let is_right = match entry.ended.as_ref().map(|ended| ended.state.as_str()) {
            Some("completed") => applied == records,
            Some("cancelled") => entry.request.wish == Wish::Cancel && applied + skipped == records,
            _other => false,
        };
        if !is_right {
            self.lost += records - applied;
            let end = entry.ended.as_ref().map(|ended| format!("{}: {}", ended.state, ended.text));
            let end = end.unwrap_or_else(|| "has not ended".to_owned());
            self.complain(format!("job {job}: {applied} of {records} records applied; {end}"));
        }
    }

    fn person(&mut self, account: &Account<'_>, person: u16, found: &Person) {
        let (least, most) = account.visits(person);
        let name = email(person);
        if found.profiles > 1 {
            self.duplicated += found.profiles - 1;
            self.complain(format!("{name} is there {} times", found.profiles));
        }
        if found.visits < least {
            self.lost += least - found.visits;
            self.complain(format!("{name}: {} records applied, {least} told of", found.visits));
        }
        if found.visits > most {
            self.duplicated += found.visits - most;
            self.complain(format!("{name}: {} records applied, {most} sent", found.visits));
        }
        for place in PLACES {
            if let Err(complaint) = account.written(person, place, found.marks.get(place)) {
                self.late += 1;
                self.complain(format!("{name}, {place}: {complaint}"));
            }
        }
    }
}

/// Where marks are.
const PLACES: [&str; 3] = ["city", NAME, "note"];
/// The one of them that not all requests set.
const NAME: &str = "_fname";

/// Values without a holder of ordinal 0; all values here are of one person each.
const UNCLAIMED: &str = "SELECT count(*) FROM (SELECT FROM identities GROUP BY db_id, kind, value \
    HAVING min(ordinal) <> 0 OR count(*) <> 1) AS wrong";

impl Account<'_> {
    /// How often somebody must and may have been written to.
    fn visits(&self, person: u16) -> (usize, usize) {
        let mut visits = (0, 0);
        for entry in self.entries.values() {
            let records = |people: &[u16]| people.iter().filter(|other| **other == person).count();
            visits.1 += records(entry.written());
            visits.0 += match entry.effect() {
                Effect::Sure(people) => records(people),
                Effect::Maybe(_) => 0,
            };
        }
        visits
    }

    /// Whether who wrote last may have: nobody was sent after it had been acknowledged.
    fn written(&self, person: u16, place: &str, mark: Option<&String>) -> Result<(), String> {
        let writers = self.entries.values().filter(|entry| {
            let sets_it = place != NAME || entry.request.has_names;
            sets_it && matches!(entry.effect(), Effect::Sure(people) if people.contains(&person))
        });
        let last_sent: Option<(Instant, u32)> = writers.map(|entry| (entry.sent, entry.request.number)).max();
        let Some((last_sent, number)) = last_sent else { return Ok(()) };
        let Some(mark) = mark else { return Err(format!("nothing is there, {number} wrote")) };
        let writer = mark.split_once('.').and_then(|(writer, _)| writer.parse::<u32>().ok());
        let Some(writer) = writer.and_then(|writer| self.entries.get(&writer)) else {
            return Err(format!("{mark} is there, which nobody wrote"));
        };
        // Of one request it is the last record.
        let last = writer.written().iter().rposition(|other| *other == person);
        let last = last.map(|index| writer.request.mark(index));
        if last.as_ref() != Some(mark) {
            return Err(format!("{mark} is there, but the last of its request was {last:?}"));
        }
        match &writer.acknowledged {
            Some((at, _)) if *at < last_sent => {
                let gap = last_sent.duration_since(*at);
                Err(format!("{mark} is there, {number} was sent {gap:?} after it was acknowledged"))
            }
            _ => Ok(()),
        }
    }
}

/// The people of an account's database, by e-mail.
fn people(database: &TestDatabase, account: usize) -> BTreeMap<String, Person> {
    let query = format!(
        "SELECT jsonb_build_object('fields', p.fields, 'note', s.custom_fields -> 'note') FROM profiles p \
         LEFT JOIN subscriptions s ON s.db_id = p.db_id AND s.profile_id = p.id WHERE p.db_id = {}",
        account + 1
    );
    let mut people = BTreeMap::<String, Person>::new();
    for row in database.texts(&query) {
        let row: Value = serde_json::from_str(&row).expect("PostgreSQL writes JSON");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let fields = &row["fields"];
        let person = people.entry(text(&fields["email"]).unwrap_or_default()).or_default();
        person.profiles += 1;
        let visits = fields["visits"].as_u64().and_then(|visits| usize::try_from(visits).ok());
        person.visits += visits.unwrap_or_default();
        for (place, value) in
            [("city", &fields["city"]), ("_fname", &fields["_fname"]), ("note", &row["note"])]
        {
            person.marks.extend(text(value).map(|mark| (place, mark)));
        }
    }
    people
}

impl Display for Reckoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in self.complaints.iter().take(SHOWN) {
            writeln!(f, "  wrong: {complaint}")?;
        }
        if self.complaints.len() > SHOWN {
            writeln!(f, "  wrong: and {} more", self.complaints.len() - SHOWN)?;
        }
        writeln!(f, "acknowledged   {} records in {} jobs", self.acknowledged, self.jobs)?;
        writeln!(f, "applied        {}, and {} skipped by a wish to cancel", self.applied, self.skipped)?;
        writeln!(f, "lost           {}", self.lost)?;
        writeln!(f, "duplicated     {}", self.duplicated)?;
        writeln!(f, "late           {}", self.late)?;
        write!(f, "longest stall  {:.1} s", self.longest_stall.as_secs_f64())
    }
}
