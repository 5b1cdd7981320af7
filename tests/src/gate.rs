//! A gate in the database, before which work on chosen records waits, and a turnstile, through which chunks of records go
//! one by one: so a story is sure of where a job stands.

use intake_types::Header;

use crate::{World, until};

/// The transactions that wait at the gate: each has an advisory lock of this number.
const HELD: &str = "pg_locks WHERE locktype = 'advisory' AND objid = 7411 \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Whoever holds a lock for a story.
const LOCKED: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7412 AND granted \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Has the lock released, also by a story that fails: else it would never end.
struct Released<'a>(&'a World);

impl Drop for Released<'_> {
    fn drop(&mut self) {
        self.0.database.execute("INSERT INTO released DEFAULT VALUES");
    }
}

impl World {
    /// Has whoever writes a new profile of the city `Slow` wait until the gate is opened.
    pub fn close_gate(&self) {
        self.close_gate_for("BEFORE INSERT ON profiles FOR EACH ROW WHEN (NEW.fields ->> 'city' = 'Slow')");
    }

    /// Has whoever begins a statement, such as `DELETE ON outbox`, wait until the gate is opened.
    pub fn close_gate_before(&self, statement: &str) {
        self.close_gate_for(&format!("BEFORE {statement} FOR EACH STATEMENT"));
    }

    fn close_gate_for(&self, what: &str) {
        self.database.execute("CREATE TABLE gate ()");
        self.database.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM pg_advisory_xact_lock_shared(7411); \
             WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NEW; END $$",
        );
        self.database.execute(&format!("CREATE TRIGGER wait {what} EXECUTE FUNCTION wait()"));
    }

    /// Has another session hold a lock, taken by this statement, while something is done.
    pub fn while_locked<T>(&self, lock: &str, work: impl FnOnce() -> T) -> T {
        self.database.execute("CREATE TABLE released ()");
        let hold = format!(
            "DO $$ BEGIN {lock}; \
             PERFORM pg_advisory_xact_lock_shared(7412); \
             WHILE NOT EXISTS (SELECT FROM released) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"
        );
        std::thread::scope(|scope| {
            let holding = scope.spawn(|| self.database.execute(&hold));
            until("the lock is held", || (self.database.scalar(LOCKED) > 0).then_some(()));
            let released = Released(self);
            let done = work();
            drop(released);
            holding.join().expect("the lock is released");
            done
        })
    }

    /// Has whoever registers a new job wait at the closed gate, too, as long as that is on.
    pub fn hold_registrations(&self, on: bool) {
        self.database.execute(if on {
            "CREATE TRIGGER wait BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION wait()"
        } else {
            "DROP TRIGGER wait ON jobs"
        });
    }

    /// Lets all go on who wait, and all who come.
    pub fn open_gate(&self) {
        self.database.execute("INSERT INTO gate DEFAULT VALUES");
    }

    /// Waits until somebody waits at the gate.
    pub fn until_held(&self) {
        until("somebody waits at the gate", || (self.held() > 0).then_some(()));
    }

    /// Ends the transactions that wait at the gate: their workers are gone, which the database does not notice as long as
    /// nothing is sent.
    pub fn end_held(&self) {
        self.database.scalar(&format!("SELECT count(pg_terminate_backend(pid)) FROM {HELD}"));
        until("nobody waits at the gate", || (self.held() == 0).then_some(()));
    }

    /// Has the one job that is under way given up while its worker waits at the gate: before that worker can try again.
    pub fn give_up_held(&self) {
        let header = self.database.texts("SELECT header FROM jobs WHERE state = 'processing'").pop();
        let header: Header = serde_json::from_str(&header.expect("a job is under way")).expect("a header");
        let store = self.database.store();
        let ending =
            self.runtime().spawn(async move { store.fail(&header, 500, "given up".to_owned()).await });
        until("it waits for its turn", || {
            // For the worker that is held, and not for anything else that may be locked just now.
            let waiting = format!(
                "SELECT count(*) FROM pg_stat_activity a WHERE datname = current_database() \
                 AND EXISTS (SELECT pid FROM {HELD} AND granted AND pid = ANY (pg_blocking_pids(a.pid)))"
            );
            (self.database.scalar(&waiting) > 0).then_some(())
        });
        self.end_held();
        let ending = self.runtime().block_on(ending).expect("it is asked").expect("the job is ended");
        assert!(ending.is_new && ending.is_given_up(), "{ending:?}");
    }

    /// How many wait at the gate.
    pub fn held(&self) -> i64 {
        self.database.scalar(&format!("SELECT count(*) FROM {HELD}"))
    }

    /// Has each statement that writes new profiles, of which a chunk has one, wait until it is let through.
    pub fn close_turnstile(&self) {
        self.database.execute("CREATE SEQUENCE begun");
        self.database.execute("CREATE TABLE passes ()");
        self.database.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE turn bigint := nextval('begun'); BEGIN \
             WHILE (SELECT count(*) FROM passes) < turn LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END $$",
        );
        self.database.execute(
            "CREATE TRIGGER wait BEFORE INSERT ON profiles FOR EACH STATEMENT EXECUTE FUNCTION wait()",
        );
    }

    /// Lets so many more statements through the turnstile.
    pub fn let_through(&self, statements: u32) {
        self.database.execute(&format!("INSERT INTO passes SELECT FROM generate_series(1, {statements})"));
    }

    /// Waits until so many statements have come to the turnstile.
    pub fn until_at_turnstile(&self, statements: i64) {
        let begun = "SELECT last_value FROM begun WHERE is_called";
        until("a chunk is begun", || {
            (self.database.scalar(&format!("SELECT coalesce(({begun}), 0)")) == statements).then_some(())
        });
    }
}
