//! What is left of a job that was given up, on a real database: one new job, whole or not there, and never anything twice.

mod cancelled;
mod keys;

use std::sync::Arc;

use intake_types::{
    Fingerprint, Header, JobId, JobState, KeyScope, MatchRule, Message, PartV1, RequestKey, Stamp,
};
use serde_json::value::to_raw_value;

use crate::fixture::{account, catalog, email, header, import, job_id, reserve};
use crate::testing::TestDatabase;
use crate::{Error, GivenUp, JobFilter, Part, Redriven, Reserved, Store};

/// Parts in this crate's tests are not packed.
fn rest(payload: &[u8], from: u32, of: &Header) -> Result<Vec<u8>, Error> {
    let Ok(Message::PartV1(part)) = Message::from_bytes(payload) else {
        return Err(Error::Unreadable("a part"));
    };
    Ok(Message::PartV1(part.rest(from, of)).to_bytes())
}

fn streamed(number: u64, total: usize) -> Header {
    Header { streamed: true, ..header(number, MatchRule::Email, total) }
}

/// A part of a stream whose records are named by their positions.
fn part(number: u64, range: std::ops::Range<u32>) -> Part {
    let header = streamed(number, range.end.try_into().unwrap());
    let records =
        range.clone().map(|index| std::borrow::Cow::Owned(to_raw_value(&email(&index.to_string())).unwrap()));
    let part = PartV1 {
        header: header.clone(),
        first_index: range.start,
        open_until: 0,
        records: records.collect(),
        unreadable: [].into(),
    };
    Part { header, first_index: range.start, open_until: 0, payload: Message::PartV1(part).to_bytes() }
}

fn seal(header: &Header) -> GivenUp {
    GivenUp { header: header.clone(), parts: Vec::new(), from_start: false }
}

/// A stream of five records, of which two were applied when it was given up.
async fn given_up(store: &Store, number: u64) -> Header {
    let header = streamed(number, 5);
    for range in [0..1, 1..4, 4..5] {
        store.keep_part(Arc::new(part(number, range))).await.unwrap();
    }
    give_up(store, &header, 2).await;
    header
}

/// Registers a job, applies so many of its records and gives it up.
async fn give_up(store: &Store, header: &Header, applied: u32) {
    store.register(header).await.unwrap();
    let records: Vec<_> = (0..header.total).map(|index| email(&index.to_string())).collect();
    let import = import(0, MatchRule::Email, &records);
    let import = Arc::new(crate::Import { header: header.clone(), ..Arc::into_inner(import).unwrap() });
    if applied > 0 {
        store.apply(import, catalog(), 0..applied, None).await.unwrap();
    }
    assert!(store.fail(header, 500, "given up".to_owned()).await.unwrap().is_given_up());
}

fn made(redriven: Redriven) -> (Header, u32) {
    match redriven {
        Redriven::Made { header, from, .. } => (*header, from),
        other => panic!("no job was made: {other:?}"),
    }
}

/// The e-mails in the parts of a job, in order.
async fn kept(store: &Store, header: &Header) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < usize::try_from(header.total).unwrap() {
        let payload = store.part(header, u32::try_from(found.len()).unwrap()).await.unwrap();
        let Ok(Message::PartV1(part)) = Message::from_bytes(&payload) else { panic!("a part") };
        found.extend(
            part.records.iter().map(|record| record.get().split(['"', '@']).nth(3).unwrap().to_owned()),
        );
    }
    found
}

#[tokio::test]
async fn the_rest_of_a_stream_is_one_new_job_however_often_it_is_asked_for() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = given_up(&store, 1).await;
    let (first, second) = tokio::join!(store.redrive(seal(&old), rest), store.redrive(seal(&old), rest));
    let (new, from) = made(first.unwrap());
    assert_eq!((new.clone(), from), made(second.unwrap()));
    assert_eq!((new.job_id, new.total, from), (old.job_id.redriven(), 3, 2));
    assert_eq!((new.stamp(), new.retry_of, new.streamed), (Stamp::of(old.job_id), Some(old.job_id), true));
    assert_eq!(kept(&store, &new).await, ["2", "3", "4"]);
    assert_eq!(store.kept_records(&old).await.unwrap(), 0, "they are the new job's");
    let status = store.status(&account("demo"), new.job_id).await.unwrap().unwrap();
    assert_eq!((status.state, status.ledger), (JobState::Queued, None), "no worker has taken it");
    let listed = async || {
        let jobs = store.jobs(&account("demo"), JobFilter::default(), 10).await.unwrap();
        jobs.iter().map(|status| status.job_id).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [old.job_id]);
    database.execute("UPDATE jobs SET started_at = now() - interval '1 hour'");
    let registered = store.register(&new).await.unwrap();
    assert_eq!((registered.next_index, registered.stamp), (0, new.stamp()));
    let status = store.status(&account("demo"), new.job_id).await.unwrap().unwrap();
    let entry = status.ledger.unwrap();
    assert_eq!((status.state, entry.attempts, entry.retry_of), (JobState::Processing, 1, Some(old.job_id)));
    assert_eq!(entry.started_at, entry.taken.0, "it has waited until now");
    assert_eq!(listed().await.len(), 2);
    let status = store.status(&account("demo"), old.job_id).await.unwrap().unwrap();
    assert_eq!(status.state, JobState::Failed, "a state that is the last stays so");
}

#[tokio::test]
async fn what_was_applied_is_known_for_longer_than_its_results() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = given_up(&store, 1).await;
    database.execute("UPDATE jobs SET expires_at = now()");
    store.sweep(100).await.unwrap();
    assert_eq!(database.scalar("SELECT count(*) FROM job_chunks"), 0);
    let (new, from) = made(store.redrive(seal(&old), rest).await.unwrap());
    assert_eq!((from, kept(&store, &new).await), (2, vec!["2".to_owned(), "3".to_owned(), "4".to_owned()]));
}

#[tokio::test]
async fn what_is_left_of_a_redriven_job_that_was_given_up_in_turn_is_a_third() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = given_up(&store, 1).await;
    let (new, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    give_up(&store, &new, 1).await;
    // By the message of the one or of the other.
    let (third, from) = made(store.redrive(seal(&old), rest).await.unwrap());
    assert_eq!((third.clone(), from), made(store.redrive(seal(&new), rest).await.unwrap()));
    assert_eq!((third.total, from, third.retry_of), (2, 1, Some(new.job_id)));
    assert_eq!(
        (third.stamp(), kept(&store, &third).await),
        (Stamp::of(old.job_id), vec!["3".to_owned(), "4".to_owned()])
    );
    store.fail(&third, 403, "no database".to_owned()).await.unwrap();
    for message in [&old, &new, &third] {
        let ended = store.redrive(seal(message), rest).await.unwrap();
        let over = if *message == third {
            Redriven::Over(JobState::Failed)
        } else {
            Redriven::Ended(third.job_id, JobState::Failed)
        };
        assert_eq!(ended, over);
    }
}

#[tokio::test]
async fn a_whole_job_is_cut_where_it_ended() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = header(1, MatchRule::Email, 5);
    give_up(&store, &old, 3).await;
    let whole = GivenUp { parts: vec![part(1, 0..2), part(1, 2..5)], ..seal(&old) };
    let (new, from) = made(store.redrive(whole, rest).await.unwrap());
    assert_eq!((from, new.total, kept(&store, &new).await), (3, 2, vec!["3".to_owned(), "4".to_owned()]));
}

#[tokio::test]
async fn a_dry_run_begins_anew() {
    let database = TestDatabase::create();
    let store = database.store();
    store.keep_part(Arc::new(part(1, 0..5))).await.unwrap();
    let old = Header { validate_only: true, ..streamed(1, 5) };
    give_up(&store, &old, 2).await;
    let (new, from) = made(store.redrive(seal(&old), rest).await.unwrap());
    assert_eq!((from, new.total, new.validate_only), (0, 5, true));
}

#[tokio::test]
async fn a_stream_of_which_a_part_is_missing_is_left_as_it_is() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = given_up(&store, 1).await;
    database.execute("DELETE FROM job_parts WHERE first_index = 4");
    let error = store.redrive(seal(&old), rest).await.unwrap_err();
    assert!(error.to_string().starts_with("record 4 of the stream is missing"), "{error}");
    assert_eq!(database.scalar("SELECT count(*) FROM jobs"), 1);
    assert_eq!(store.kept_records(&old).await.unwrap(), 4);
    assert!(store.keep_part(Arc::new(part(1, 4..5))).await.unwrap());
    made(store.redrive(seal(&old), rest).await.unwrap());
}

#[tokio::test]
async fn what_is_not_known_any_more_is_made_only_when_that_is_asked_for() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = header(1, MatchRule::Email, 2);
    let whole = GivenUp { parts: vec![part(1, 0..2)], ..seal(&old) };
    assert_eq!(store.redrive(whole.clone(), rest).await, Ok(Redriven::Unknown));
    let (new, from) = made(store.redrive(GivenUp { from_start: true, ..whole.clone() }, rest).await.unwrap());
    assert_eq!((new.total, from), (2, 0));
    assert_eq!(made(store.redrive(whole, rest).await.unwrap()), (new, 0), "it was made");
    let stream = store.redrive(GivenUp { from_start: true, ..seal(&streamed(2, 2)) }, rest).await;
    assert!(stream.is_err(), "its records are gone: {stream:?}");
}

#[tokio::test]
async fn a_job_that_was_forgotten_after_it_was_redriven_is_not_made_again() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = given_up(&store, 1).await;
    let (new, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    database.execute(&format!("DELETE FROM jobs WHERE id = '{}'", old.job_id));
    assert_eq!(made(store.redrive(seal(&old), rest).await.unwrap()), (new, 2));
}

#[tokio::test]
async fn what_has_not_ended_or_has_ended_otherwise_is_told() {
    let database = TestDatabase::create();
    let store = database.store();
    store.register(&streamed(1, 2)).await.unwrap();
    assert_eq!(store.redrive(seal(&streamed(1, 2)), rest).await, Ok(Redriven::Open));
    store.fail(&streamed(2, 2), 403, "no database".to_owned()).await.unwrap();
    assert_eq!(store.redrive(seal(&streamed(2, 2)), rest).await, Ok(Redriven::Over(JobState::Failed)));
    store.drop_repeated(&streamed(3, 2), job_id(1)).await.unwrap();
    assert_eq!(store.redrive(seal(&streamed(3, 2)), rest).await, Ok(Redriven::SameAs(job_id(1))));
}

#[tokio::test]
async fn what_is_dropped_for_good_is_that_of_jobs_that_were_given_up() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = given_up(&store, 1).await;
    let dead = store.dead_job(&old).await.unwrap().unwrap();
    assert_eq!((dead.state, dead.processed, dead.kept, dead.redriven), (JobState::Failed, 2, 5, None));
    assert_eq!(dead.error, Some((500, "given up".to_owned())));
    let kept_for = dead.kept_until.unwrap() - dead.finished_at.unwrap();
    assert_eq!(kept_for.num_days(), 30);
    store.drop_given_up(&old).await.unwrap();
    assert_eq!(store.dead_job(&old).await.unwrap().unwrap().kept, 0);
    store.register(&streamed(2, 2)).await.unwrap();
    store.keep_part(Arc::new(part(2, 0..2))).await.unwrap();
    store.drop_given_up(&streamed(2, 2)).await.unwrap();
    assert_eq!(store.kept_records(&streamed(2, 2)).await.unwrap(), 2);
    assert_eq!(store.dead_job(&streamed(3, 2)).await.unwrap(), None);
}

#[tokio::test]
async fn it_may_wait_in_its_lane_for_as_long_as_any_other() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = given_up(&store, 1).await;
    let (new, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    let quiet = std::time::Duration::from_hours(6);
    let back = |hours: u32| {
        let back = format!("taken_at = taken_at - make_interval(hours => {hours})");
        database.execute(&format!("UPDATE jobs SET {back} WHERE id = '{}'", new.job_id));
    };
    back(7);
    assert_eq!(store.end_stalled(quiet, 10).await.unwrap(), []);
    // It would be forgotten by now, had it ended.
    back(720);
    assert_eq!(store.end_stalled(quiet, 10).await.unwrap(), [new.job_id]);
}

#[tokio::test]
async fn what_it_makes_is_younger_than_what_earlier_records_made() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = given_up(&store, 1).await;
    let (new, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    store.register(&new).await.unwrap();
    let records: Vec<_> = (2..5).map(|index| email(&index.to_string())).collect();
    let import = import(0, MatchRule::Email, &records);
    let import = Arc::new(crate::Import { header: new, ..Arc::into_inner(import).unwrap() });
    store.apply(import, catalog(), 0..3, None).await.unwrap();
    let people = database.texts("SELECT split_part(fields ->> 'email', '@', 1) FROM profiles ORDER BY id");
    assert_eq!(people, ["0", "1", "2", "3", "4"]);
}
