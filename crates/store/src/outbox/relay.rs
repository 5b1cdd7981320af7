//! Events out of the outbox: a strand is locked, its oldest rows are handed to whoever publishes, and what the broker has is
//! deleted.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, SmallInt, Text};
use intake_types::DatabaseId;
use intake_types::event::{Topic, join};

use crate::prepared::prepared;
use crate::{Error, Store};

// The strands after the last one come first, so that a busy strand does not starve the others. One probe of the index for each
// strand, whatever the planner knows of the table.
//
// What the transaction commits is that rows are gone which the broker has. Should a crash lose that commit, they are sent
// again, which is allowed at any time; so the commit need not wait for the disk.
// <https://www.postgresql.org/docs/15/wal-async-commit.html>
const LOCK: &str = "\
    SELECT l.strand, set_config('synchronous_commit', 'off', true) FROM outbox_strands AS l \
    CROSS JOIN LATERAL (SELECT 1 FROM outbox WHERE strand = l.strand LIMIT 1) AS waiting \
    ORDER BY l.strand <= $1, l.strand LIMIT 1 \
    FOR UPDATE OF l SKIP LOCKED";

// At least one row, however large.
const READ: &str = "\
    SELECT id, db_id, topic, events, body, waiting > position AS more FROM ( \
        SELECT *, count(*) OVER () AS waiting, row_number() OVER (ORDER BY id) AS position, \
            sum(octet_length(body)) OVER (ORDER BY id) AS bytes \
        FROM (SELECT * FROM outbox WHERE strand = $1 ORDER BY id LIMIT $2 + 1) AS oldest \
    ) AS counted \
    WHERE position = 1 OR position <= $2 AND bytes <= $3 \
    ORDER BY id";

// Exactly the rows that were read: one with a smaller id may have been committed since.
const DELETE: &str = "DELETE FROM outbox WHERE strand = $1 AND id = ANY ($2)";

// Counts no further than an operator needs, so that a long queue costs no long scan.
const BACKLOG: &str = "\
    SELECT \
        (SELECT count(*)::int FROM (SELECT 1 FROM outbox LIMIT 100000) AS waiting) AS rows, \
        (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(o.created_at)), 0)::float8 \
         FROM outbox_strands AS l CROSS JOIN LATERAL ( \
             SELECT created_at FROM outbox WHERE strand = l.strand ORDER BY id LIMIT 1 \
         ) AS o) AS age_seconds";

/// After this time no further message of a strand is begun: the transaction must commit before its idle limit ends it, or the
/// same messages would be sent for ever.
const HOLD: Duration = Duration::from_secs(5);

/// How much of a strand is sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most rows of the outbox.
    pub rows: u32,
    /// Most bytes of events, unless a single row has more.
    pub bytes: u32,
}

/// One message for the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Names the message: the first and the last row of the outbox in it.
    pub id: String,
    /// The database that the events tell of.
    pub db_id: DatabaseId,
    /// What they are about.
    pub topic: Topic,
    /// How many there are.
    pub events: u32,
    /// A JSON array of them.
    pub body: String,
}

/// What came of one strand.
#[derive(Debug)]
pub struct Relayed<E> {
    /// The strand, to go on after.
    pub strand: i16,
    /// Events that were published.
    pub events: u32,
    /// Whether rows that had been there were left for another time.
    pub more: bool,
    /// Why the publisher stopped, if it did.
    pub failure: Option<E>,
}

/// What waits in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, QueryableByName)]
pub struct Backlog {
    /// Rows; of very many, 100,000.
    #[diesel(sql_type = Integer)]
    pub rows: i32,
    /// Age of the oldest in seconds; 0 when none waits.
    #[diesel(sql_type = Double)]
    pub age_seconds: f64,
}

#[derive(QueryableByName)]
struct StrandRow {
    #[diesel(sql_type = SmallInt)]
    strand: i16,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Integer)]
    db_id: i32,
    #[diesel(sql_type = Text)]
    topic: String,
    #[diesel(sql_type = Integer)]
    events: i32,
    #[diesel(sql_type = Text)]
    body: String,
    #[diesel(sql_type = Bool)]
    more: bool,
}

impl Store {
    /// Sends the oldest events of one strand that nobody else is sending, one message after the other; `None` when there is
    /// no such strand. `after` is the strand that was served last.
    ///
    /// `publish` must return only when the broker has stored the message, or will not. It runs on a thread that may block,
    /// while the strand is locked: so it must be quicker than the idle limit of a transaction. After a failure the rest of
    /// the strand waits, so that nothing overtakes what was refused.
    pub async fn relay<E, P>(
        &self,
        after: i16,
        limits: Limits,
        publish: P,
    ) -> Result<Option<Relayed<E>>, Error>
    where
        E: Send + 'static,
        P: FnMut(Dispatch) -> Result<(), E> + Send + 'static,
    {
        self.run(move |connection| {
            connection.transaction(|connection| relay(connection, after, limits, publish))
        })
        .await
    }

    /// How much waits, and for how long.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        self.run(|connection| Ok(prepared(BACKLOG).get_result(connection)?)).await
    }
}

fn relay<E>(
    connection: &mut PgConnection,
    after: i16,
    limits: Limits,
    mut publish: impl FnMut(Dispatch) -> Result<(), E>,
) -> Result<Option<Relayed<E>>, Error> {
    let found: Option<StrandRow> =
        prepared(LOCK).bind::<SmallInt, _>(after).get_result(connection).optional()?;
    let Some(StrandRow { strand }) = found else { return Ok(None) };
    // A statement of its own, and so a snapshot taken under the lock: that of the first may still show rows which whoever
    // had the strand before has sent and deleted.
    let rows: Vec<Row> = prepared(READ)
        .bind::<SmallInt, _>(strand)
        .bind::<BigInt, _>(i64::from(limits.rows))
        .bind::<BigInt, _>(i64::from(limits.bytes))
        .load(connection)?;
    let mut relayed =
        Relayed { strand, events: 0, more: rows.last().is_some_and(|row| row.more), failure: None };
    let (started, mut sent) = (Instant::now(), Vec::with_capacity(rows.len()));
    for run in rows.chunk_by(|left, right| (left.db_id, &left.topic) == (right.db_id, &right.topic)) {
        if started.elapsed() > HOLD {
            relayed.more = true;
            break;
        }
        let dispatch = dispatch(strand, run)?;
        let events = dispatch.events;
        if let Err(failure) = publish(dispatch) {
            relayed.failure = Some(failure);
            break;
        }
        relayed.events = relayed.events.saturating_add(events);
        sent.extend(run.iter().map(|row| row.id));
    }
    if !sent.is_empty() {
        let delete = prepared(DELETE).bind::<SmallInt, _>(strand).bind::<Array<BigInt>, _>(sent);
        delete.execute(connection)?;
    }
    Ok(Some(relayed))
}

fn dispatch(strand: i16, run: &[Row]) -> Result<Dispatch, Error> {
    const UNREADABLE: Error = Error::Unreadable("a row of the outbox");
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return Err(UNREADABLE) };
    let events: i32 = run.iter().map(|row| row.events).sum();
    Ok(Dispatch {
        id: format!("{strand}:{}-{}", first.id, last.id),
        db_id: DatabaseId(first.db_id),
        topic: Topic::parse(&first.topic).ok_or(UNREADABLE)?,
        events: u32::try_from(events).map_err(|_range| UNREADABLE)?,
        body: join(run.iter().map(|row| row.body.as_str())),
    })
}
