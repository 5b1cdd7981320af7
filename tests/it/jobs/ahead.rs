//! Of an import that is applied alone the records of each chunk are read while the one before is applied.

use std::fs;
use std::path::PathBuf;

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Small ones first: a chunk of them is a thousand; of the others it is as many as are one MiB, and then what is left of the
/// thousand.
fn people() -> Vec<Value> {
    let heavy = "x".repeat(1500);
    let city = |n: usize| if n < 1500 { "Riga" } else { heavy.as_str() };
    (0..4000).map(|n| json!({"email": format!("p{n}@example.com"), "city": city(n)})).collect()
}

/// What workers write, and how often it says something.
struct Log(TempDir);

impl Log {
    fn start(world: &World) -> (Self, WorkerProcess) {
        let log = Self(tempfile::tempdir().unwrap());
        let worker = WorkerProcess::start_telling(world, &log.path());
        (log, worker)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("worker.log")
    }

    fn chunks_read_ahead(&self) -> i64 {
        let log = fs::read_to_string(self.path()).unwrap();
        i64::try_from(log.matches("the records were read ahead").count()).unwrap()
    }
}

fn chunks(world: &World) -> i64 {
    world.database.scalar("SELECT count(*) FROM job_chunks")
}

#[test]
fn each_chunk_but_the_first_is_read_ahead_whatever_its_records_weigh() {
    let world = World::builder().workers(0).start();
    let job = world.import(&json!({"db_id": 1, "data": people()})).job_id();
    let (log, _worker) = Log::start(&world);
    assert_eq!(world.completed(&job)["created"], 4000);
    assert!(chunks(&world) > 4, "{}", chunks(&world));
    assert_eq!(log.chunks_read_ahead(), chunks(&world) - 1);
}

#[test]
fn nothing_is_read_ahead_of_a_message_that_came_back() {
    let world = World::builder().workers(0).start();
    let job = world.import(&json!({"db_id": 1, "data": people()})).job_id();
    world.while_locked("LOCK TABLE profiles IN EXCLUSIVE MODE", || {
        let worker = WorkerProcess::start(&world, &[]);
        until("it is at it", || (world.status(&job)["status"] == "processing").then_some(()));
        worker.kill();
    });
    let (log, _worker) = Log::start(&world);
    assert_eq!(world.completed(&job)["created"], 4000);
    assert_eq!(log.chunks_read_ahead(), 0, "its records may be what stops a process");
}
