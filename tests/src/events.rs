//! Events, as one who has bound a queue to their exchange reads them.

use std::collections::{BTreeMap, HashSet};

use intake_broker::testing::{Tap, Tapped};
use serde_json::Value;

use crate::{World, until};

/// A queue of events of a world, and what was read from it.
pub struct Events<'a> {
    world: &'a World,
    tap: Tap,
    /// All events in the order in which they came, repeats left out.
    pub known: Vec<Value>,
    /// How many came again.
    pub repeats: usize,
    ids: HashSet<String>,
}

impl<'a> Events<'a> {
    /// Binds a queue by a pattern of routing keys; it refuses messages beyond `most`, if that is given.
    pub fn bind(world: &'a World, pattern: &str, most: Option<u32>) -> Self {
        let tap = world.runtime().block_on(Tap::bind(&world.queues, pattern, most)).expect("a queue");
        Self { world, tap, known: Vec::new(), repeats: 0, ids: HashSet::new() }
    }

    /// Reads until the world has told of this many things; then nothing more may be on its way.
    pub fn read(&mut self, count: usize) -> &[Value] {
        until(&format!("{count} events come"), || {
            while let Some(message) = self.take() {
                self.add(&message);
            }
            (self.known.len() >= count).then_some(())
        });
        until("the outbox is empty", || {
            (self.world.database.scalar("SELECT count(*) FROM outbox") == 0).then_some(())
        });
        while let Some(message) = self.take() {
            self.add(&message);
        }
        assert_eq!(self.known.len(), count, "{:#?}", self.known);
        &self.known
    }

    /// What was read of one type.
    pub fn of(&self, kind: &str) -> Vec<&Value> {
        self.known.iter().filter(|event| event["type"] == kind).collect()
    }

    /// The jobs that changed each profile, in the order in which that was told.
    pub fn jobs_by_profile(&self) -> BTreeMap<String, Vec<String>> {
        let mut jobs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in self.known.iter().filter(|event| event["type"] != "job.completed") {
            jobs.entry(text(&event["subject"])).or_default().push(text(&event["data"]["job_id"]));
        }
        jobs
    }

    fn take(&self) -> Option<Tapped> {
        self.world.runtime().block_on(self.tap.take()).expect("the broker answers")
    }

    fn add(&mut self, message: &Tapped) {
        assert_eq!(message.content_type, "application/cloudevents-batch+json");
        assert!(message.persistent, "{message:?}");
        let batch: Vec<Value> = serde_json::from_slice(&message.body).expect("an array of events");
        for event in batch {
            let topic = if event["type"] == "job.completed" { "jobs" } else { "profiles" };
            assert_eq!(message.routing_key, format!("db.{}.{topic}", event["data"]["db_id"]));
            if self.ids.insert(text(&event["id"])) {
                self.known.push(event);
            } else {
                self.repeats += 1;
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
