//! Messages in the hands of the test, as of a worker that comes to grief with them.

use std::cell::Cell;
use std::time::Duration;

use intake_broker::{Class, Consumer, Delivery, Lane, Outgoing, Prefetch, Publisher};
use intake_types::{Header, JOB_HEADER, KIND_HEADER, Message};
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{World, until};

/// One message of each lane at a time.
const ONE: Prefetch = Prefetch { small: 1, bulk: 1 };
/// Longest that a message is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

impl World {
    /// Publishes a message in its account's lane of bulk, as a gateway would a piece of a large stream.
    pub fn publish(&self, message: &Message<'_>) {
        self.publish_as(message.header(), message.kind().word(), &message.to_bytes());
    }

    /// Publishes any payload as a message of this job and kind, in the same lane.
    fn publish_as(&self, header: &Header, kind: &str, payload: &[u8]) {
        let lane = Lane::of(Class::Bulk, &header.account);
        let mut message = Outgoing::compress(&header.job_id.to_string(), payload).expect("it can be packed");
        for (name, value) in [(JOB_HEADER, header.brief()), (KIND_HEADER, Some(kind.to_owned()))] {
            if let Some(value) = value {
                message = message.header(name, &value).expect("it can be said beside it");
            }
        }
        self.publish_all(lane, [message]);
    }

    /// Publishes what is no message, under a name.
    pub fn publish_bytes(&self, payloads: impl IntoIterator<Item = (String, String)>) {
        let packed = |(name, payload): (String, String)| {
            Outgoing::compress(&name, payload.as_bytes()).expect("it can be packed")
        };
        self.publish_all(Lane::of(Class::Bulk, "demo"), payloads.into_iter().map(packed));
    }

    fn publish_all(&self, lane: Lane, messages: impl IntoIterator<Item = Outgoing>) {
        let _inside = self.runtime().enter();
        let stop = CancellationToken::new();
        let publisher = Publisher::start(&self.queues, "a story", stop.clone());
        for message in messages {
            self.runtime().block_on(publisher.publish(lane, message)).expect("the broker takes it");
        }
        stop.cancel();
        self.runtime().block_on(publisher.closed());
    }

    /// Takes the next message that no worker has in hand, and publishes it again with another payload, as of another
    /// version; how often it had come back.
    pub fn translate(&self, translation: impl FnOnce(&str) -> String) -> u64 {
        let taken = Cell::new(None);
        self.consume(async |consumer, _| {
            let delivery = take(consumer).await;
            let payload = String::from_utf8(delivery.payload().expect("a payload")).expect("text");
            let said = |name| delivery.header(name).expect("it is said beside it").to_owned();
            let beside = (said(JOB_HEADER), said(KIND_HEADER));
            taken.set(Some((beside, payload, delivery.delivery_count)));
            delivery.ack().await.expect("the broker forgets it");
        });
        let ((job, kind), payload, count) = taken.take().expect("it was taken");
        let header = Header::from_brief(&job).expect("the header of a job");
        self.publish_as(&header, &kind, translation(&payload).as_bytes());
        count
    }

    /// Gives the one message that waits back as failed until the broker has had enough of it.
    pub fn reject_until_given_up(&self) {
        self.reject_all(async |_| {});
    }

    /// Ends the job of the one message that waits with an error, then does the same.
    pub fn end_and_reject_until_given_up(&self, error: u16) {
        let store = self.database.store();
        self.reject_all(async |header| {
            store.fail(header, error, "ended".to_owned()).await.expect("the job is ended");
        });
    }

    fn reject_all(&self, first: impl AsyncFnOnce(&Header)) {
        let before = self.queued().undelivered;
        self.consume(async |consumer, most| {
            let delivery = take(consumer).await;
            first(&header(&delivery)).await;
            delivery.reject_for_retry().await.expect("the broker takes it back");
            for _ in 0..most {
                take(consumer).await.reject_for_retry().await.expect("the broker takes it back");
            }
        });
        until("the message is given up", || (self.queued().undelivered == before + 1).then_some(()));
    }

    /// Puts the message that came back too often back in its lane, as a worker does that takes it to be innocent.
    pub fn spare(&self) {
        let shutdown = CancellationToken::new();
        self.runtime().block_on(async {
            let mut consumer = Consumer::start_undelivered(&self.queues, "test", 1, shutdown.clone());
            take(&mut consumer).await.spare().await.expect("the broker takes it back");
            shutdown.cancel();
            consumer.closed().await;
        });
    }

    /// Waits for the oldest message in the dead queue, and leaves it there; the job that it is of.
    pub fn buried_job(&self) -> String {
        let shutdown = CancellationToken::new();
        self.runtime().block_on(async {
            let mut consumer = Consumer::start_dead(&self.queues, "test", 1, shutdown.clone());
            let delivery = take(&mut consumer).await;
            let job = header(&delivery).job_id.to_string();
            delivery.release().await.expect("the broker takes it back");
            shutdown.cancel();
            consumer.closed().await;
            job
        })
    }

    /// Keeps the message that waits longest in hand while something else is done, and gives it back then.
    pub fn hold_first(&self, meanwhile: impl FnOnce()) {
        let shutdown = CancellationToken::new();
        let (consumer, delivery) = self.runtime().block_on(async {
            let mut consumer = Consumer::start(&self.queues, "test", ONE, shutdown.clone());
            let delivery = take(&mut consumer).await;
            (consumer, delivery)
        });
        meanwhile();
        self.runtime().block_on(async {
            delivery.release().await.expect("the broker takes it back");
            shutdown.cancel();
            consumer.closed().await;
        });
    }

    /// Has all of so many messages that wait come back so often, as from workers that die; the small ones only after something
    /// else was done.
    pub fn wear(&self, messages: usize, times: u32, before_small: impl FnOnce()) {
        let shutdown = CancellationToken::new();
        let (consumer, small) = self.runtime().block_on(async {
            let many = Prefetch { small: 100, bulk: 100 };
            let mut consumer = Consumer::start(&self.queues, "test", many, shutdown.clone());
            for _ in 1..times {
                reject(take_all(&mut consumer, messages).await).await;
            }
            let taken = take_all(&mut consumer, messages).await;
            shutdown.cancel();
            let of_bulk = |delivery: &Delivery| delivery.lane.class() == Class::Bulk;
            let (bulk, small): (Vec<_>, Vec<_>) = taken.into_iter().partition(of_bulk);
            reject(bulk).await;
            (consumer, small)
        });
        before_small();
        self.runtime().block_on(async {
            reject(small).await;
            consumer.closed().await;
        });
    }

    /// Registers the job of the one message that waits, as a worker does, and loses the message.
    pub fn lose_message(&self) {
        let store = self.database.store();
        self.consume(async |consumer, _| {
            let delivery = take(consumer).await;
            store.register(&header(&delivery)).await.expect("the job is registered");
            delivery.ack().await.expect("the broker forgets the message");
        });
    }

    /// Gives up the job of the one message that waits, which stays.
    pub fn give_up(&self) {
        let store = self.database.store();
        self.consume(async |consumer, _| {
            let delivery = take(consumer).await;
            store.fail(&header(&delivery), 500, "given up".to_owned()).await.expect("the job is ended");
            delivery.release().await.expect("the broker takes it back");
        });
    }

    /// The records of the one message in the dead queue, which stays there.
    pub fn buried_records(&self) -> Vec<Value> {
        let shutdown = CancellationToken::new();
        let payload = self.runtime().block_on(async {
            let mut consumer = Consumer::start_dead(&self.queues, "test", 1, shutdown.clone());
            let delivery = take(&mut consumer).await;
            let payload = delivery.payload().expect("a payload");
            delivery.release().await.expect("the broker takes it back");
            shutdown.cancel();
            consumer.closed().await;
            payload
        });
        until("it is back", || (self.queued().dead == 1).then_some(()));
        let Ok(Message::V1(message)) = Message::from_bytes(&payload) else { panic!("not a job") };
        message.records.iter().map(|record| serde_json::from_str(record.get()).expect("a record")).collect()
    }

    /// Runs something with a consumer of all lanes, and tells how often a message may come back.
    fn consume(&self, work: impl AsyncFnOnce(&mut Consumer, i32)) {
        let shutdown = CancellationToken::new();
        self.runtime().block_on(async {
            let mut consumer = Consumer::start(&self.queues, "test", ONE, shutdown.clone());
            work(&mut consumer, self.queues.queue_delivery_limit).await;
            shutdown.cancel();
            consumer.closed().await;
        });
    }
}

async fn take(consumer: &mut Consumer) -> Delivery {
    timeout(PATIENCE, consumer.next()).await.expect("a message comes").expect("the consumer runs")
}

async fn take_all(consumer: &mut Consumer, messages: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    for _ in 0..messages {
        taken.push(take(consumer).await);
    }
    taken
}

async fn reject(deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        delivery.reject_for_retry().await.expect("the broker takes it back");
    }
}

fn header(delivery: &Delivery) -> Header {
    let payload = delivery.payload().expect("a payload");
    Message::from_bytes(&payload).expect("a message").header().clone()
}
