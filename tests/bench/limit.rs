//! The limit: one connection that copies the same final rows into the same tables and indexes, a thousand profiles in a
//! transaction.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use intake_store::testing::TestDatabase;
use secrecy::ExposeSecret as _;
use tempfile::NamedTempFile;

use crate::copies::TABLES;

/// Profiles in a transaction.
const CHUNK: u32 = 1000;

/// Profiles per second at which what is in a database can be copied into another one.
pub(crate) fn measure(psql: &Path, from: &TestDatabase) -> f64 {
    from.execute(&format!(
        "CREATE TABLE chunks AS SELECT id, (row_number() OVER (ORDER BY id) - 1) / {CHUNK} AS chunk FROM profiles"
    ));
    from.execute("CREATE INDEX ON chunks (chunk)");
    from.execute("ANALYZE chunks");
    let (profiles, script) = (from.scalar("SELECT count(*) FROM chunks"), script(psql, from));
    from.execute("DROP TABLE chunks");
    let into = TestDatabase::create();
    let mut copy = client(psql, &into);
    let start = Instant::now();
    let status = copy.arg("-f").arg(script.path()).status().expect("psql runs");
    let seconds = start.elapsed().as_secs_f64();
    assert!(status.success(), "psql: {status}");
    assert_eq!(into.scalar("SELECT count(*) FROM profiles"), profiles, "all is copied");
    f64::from(u32::try_from(profiles).expect("few enough")) / seconds
}

/// A script for `psql` with all rows in it.
fn script(psql: &Path, from: &TestDatabase) -> NamedTempFile {
    let script = NamedTempFile::new().expect("a file");
    let mut write = String::new();
    for chunk in 0..=from.scalar("SELECT max(chunk) FROM chunks") {
        write.push_str("\\qecho BEGIN;\n");
        for (table, id) in TABLES {
            let rows =
                format!("SELECT t.* FROM {table} t JOIN chunks ON chunks.id = t.{id} AND chunk = {chunk}");
            let copy = format!("COPY ({rows} ORDER BY t.{id}) TO STDOUT;\n");
            write.extend(["\\qecho COPY ", table, " FROM STDIN;\n", &copy]);
            write.push_str("\\qecho '\\\\.'\n");
        }
        write.push_str("\\qecho COMMIT;\n");
    }
    let commands = NamedTempFile::new().expect("a file");
    std::fs::write(commands.path(), write).expect("a file can be written");
    let mut dump = client(psql, from);
    dump.arg("-f").arg(commands.path()).arg("-o").arg(script.path());
    let status = dump.status().expect("psql runs");
    assert!(status.success(), "psql: {status}");
    script
}

fn client(psql: &Path, database: &TestDatabase) -> Command {
    let mut command = Command::new(psql);
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url().expose_secret()]);
    command
        .stdin(Stdio::null())
        .stdout(File::create("/dev/null").map_or_else(|_| Stdio::null(), Stdio::from));
    command
}
