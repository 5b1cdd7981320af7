//! What was measured, and where: rates of different machines, or of one machine on different days, do not compare.

use std::fs;

use intake_store::testing::TestDatabase;
use serde_json::{Value, json};

use crate::config::Config;

/// Commit and day, processor and memory, and the database's version.
pub(crate) fn describe(config: &Config) -> Value {
    let database = TestDatabase::create();
    let told = |statement: &str| database.texts(statement).into_iter().next();
    json!({
        "commit": config.commit,
        "day": told("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"),
        "processor": said("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": said("/proc/meminfo", "MemTotal"),
        "postgres": told("SELECT current_setting('server_version')"),
        "shared_buffers": told("SELECT current_setting('shared_buffers')"),
    })
}

/// What a file of lines `name: value` says first by a name.
fn said(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    value.map(|value| value.trim().to_owned())
}
