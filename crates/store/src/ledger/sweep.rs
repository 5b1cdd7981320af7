//! What is kept no longer: taken away in small steps, by one process at a time.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Integer};

use crate::prepared::prepared;
use crate::{Error, Retention, Store};

/// The advisory lock of whoever takes a step; the number says nothing, it only must stay the same.
pub(super) const LOCK: i64 = 0x0073_7765_6570_6572;

// The table holds what is not swept yet, so it is walked from here and not from the jobs, most of which have none.
const FAILURES: &str = "\
    DELETE FROM job_failures WHERE (db_id, job_id, first_index) IN ( \
        SELECT f.db_id, f.job_id, f.first_index FROM job_failures f \
        JOIN jobs j ON j.db_id = f.db_id AND j.id = f.job_id \
        WHERE j.results_kept AND j.finished_at < now() - make_interval(secs => $1) LIMIT $2 \
    )";

// Parts go when their job ends, but for those of a job that was given up: its seal waits in the dead queue, and an operator
// may redrive it for as long as it is known what was applied. What came after the end counts from when it came.
const PARTS: &str = "\
    DELETE FROM job_parts WHERE (db_id, job_id, first_index) IN ( \
        SELECT p.db_id, p.job_id, p.first_index FROM job_parts p \
        LEFT JOIN jobs j ON j.db_id = p.db_id AND j.id = p.job_id \
        WHERE j.finished_at IS NOT NULL AND (j.error IS DISTINCT FROM 500 \
            OR greatest(j.finished_at, p.stored_at) < now() - make_interval(secs => $1)) \
        OR EXISTS (SELECT FROM job_aliases a WHERE a.id = p.job_id) LIMIT $2 \
    )";

// A job whose chunks are gone is marked, so that it is not looked at again; a long one takes several steps.
const CHUNKS: &str = "\
    WITH over AS ( \
        SELECT db_id, id FROM jobs WHERE expires_at < now() AND results_kept ORDER BY expires_at LIMIT 100 \
    ), gone AS ( \
        DELETE FROM job_chunks WHERE (db_id, job_id, first_index) IN ( \
            SELECT c.db_id, c.job_id, c.first_index FROM over o \
            JOIN job_chunks c ON c.db_id = o.db_id AND c.job_id = o.id LIMIT $1 \
        ) RETURNING 1 \
    ), marked AS ( \
        UPDATE jobs j SET results_kept = false FROM over o \
        WHERE j.db_id = o.db_id AND j.id = o.id AND (SELECT count(*) FROM gone) < $1 RETURNING 1 \
    ) \
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM marked) AS rows";

// Its callback goes with a job. Its parts go before it: without it they would be taken for those of a stream that has lost
// its end, and be made a job once more.
const JOBS: &str = "\
    DELETE FROM jobs WHERE (db_id, id) IN ( \
        SELECT db_id, id FROM jobs j WHERE finished_at < now() - make_interval(secs => $1) AND NOT results_kept \
        AND NOT EXISTS (SELECT FROM job_parts p WHERE p.db_id = j.db_id AND p.job_id = j.id) \
        ORDER BY finished_at LIMIT $2 \
    )";

// What is known of a job beside its row stays as long as the row does, and of one that never came for as long as a status.
// The time is asked of again: a key that was too old may be another request's since.
const KEYS: &str = "\
    DELETE FROM request_keys WHERE created_at < now() - make_interval(secs => $1) AND (account, scope, key) IN ( \
        SELECT account, scope, key FROM request_keys k WHERE created_at < now() - make_interval(secs => $1) \
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = k.job_id) ORDER BY created_at LIMIT $2 \
    )";
const ALIASES: &str = "\
    DELETE FROM job_aliases WHERE id IN ( \
        SELECT id FROM job_aliases a WHERE created_at < now() - make_interval(secs => $1) \
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = a.same_as) LIMIT $2 \
    )";
const CANCELLATIONS: &str = "\
    DELETE FROM cancellations WHERE job_id IN ( \
        SELECT job_id FROM cancellations c WHERE asked_at < now() - make_interval(secs => $1) \
        AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = c.job_id) LIMIT $2 \
    )";

/// What one step took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows of failed records, one per chunk.
    pub failures: u64,
    /// Parts of streams.
    pub parts: u64,
    /// Chunks of results, and jobs that have none any more.
    pub chunks: u64,
    /// Jobs.
    pub jobs: u64,
    /// Keys of requests, aliases and wishes to cancel.
    pub marks: u64,
}

impl Swept {
    /// Whether there was nothing to do.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

impl Store {
    /// Takes away what is kept no longer: of each sort at most `rows`, in one short transaction. Where something was, there
    /// may be more. `None` when another process is at it.
    pub async fn sweep(&self, rows: u32) -> Result<Option<Swept>, Error> {
        let keep = self.retention();
        self.run(move |connection| connection.transaction(|connection| sweep(connection, keep, rows))).await
    }
}

fn sweep(connection: &mut PgConnection, keep: Retention, rows: u32) -> Result<Option<Swept>, Error> {
    let lock = sql::<Bool>("pg_try_advisory_xact_lock(").bind::<BigInt, _>(LOCK).sql(")");
    if !diesel::select(lock).get_result::<bool>(connection)? {
        return Ok(None);
    }
    let most = i32::try_from(rows).unwrap_or(i32::MAX);
    let status = keep.status.as_secs_f64();
    let mut delete = |statement: &str, seconds: f64| {
        let delete = prepared(statement).bind::<Double, _>(seconds).bind::<Integer, _>(most);
        delete.execute(connection).map(|rows| u64::try_from(rows).unwrap_or(u64::MAX))
    };
    let failures = delete(FAILURES, keep.failed_records.as_secs_f64())?;
    let parts = delete(PARTS, status)?;
    let jobs = delete(JOBS, status)?;
    let marks = delete(KEYS, status)? + delete(ALIASES, status)? + delete(CANCELLATIONS, status)?;
    let Count { rows } = prepared(CHUNKS).bind::<Integer, _>(most).get_result(connection)?;
    Ok(Some(Swept { failures, parts, chunks: u64::try_from(rows).unwrap_or_default(), jobs, marks }))
}
