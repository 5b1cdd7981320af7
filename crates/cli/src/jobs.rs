//! `intake jobs`: the jobs of an account.

use clap::{Args, value_parser};
use serde::Deserialize;

use crate::client::{Config, Gateway, Status};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;
use crate::report::row;

const MORE: &str = "\
The newest first. A job is listed once a worker has taken it.

Examples:
  intake jobs
  intake jobs --status failed --limit 20
  intake jobs --external-id night-42
";

/// Most jobs that the gateway gives at once.
const PAGE: u32 = 1000;

/// Lists the jobs of the token's account
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Jobs {
    /// Only jobs in this state
    #[arg(long, value_name = "STATE", value_parser = ["processing", "completed", "cancelled", "failed"])]
    status: Option<String>,

    /// Only jobs for this database
    #[arg(long, value_name = "ID")]
    db_id: Option<i32>,

    /// Only jobs that were sent under this name
    #[arg(long, value_name = "NAME")]
    external_id: Option<String>,

    /// Most jobs to list
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = value_parser!(u32).range(1..))]
    limit: u32,

    #[command(flatten)]
    gateway: Config,
}

#[derive(Debug, Deserialize)]
struct List {
    jobs: Vec<Status>,
    next_cursor: Option<String>,
}

impl Jobs {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let gateway = Gateway::new(&self.gateway)?;
        let mut left = self.limit;
        let mut cursor = None;
        while left > 0 {
            let List { jobs, next_cursor } = self.page(&gateway, left.min(PAGE), cursor.as_deref())?;
            jobs.iter().try_for_each(|status| output.line(row(status)))?;
            left = left.saturating_sub(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
            cursor = next_cursor;
            if cursor.is_none() {
                return Ok(Ending::Fine);
            }
        }
        crate::output::remark("there are older ones; --limit shows more");
        Ok(Ending::Fine)
    }

    fn page(&self, gateway: &Gateway, most: u32, cursor: Option<&str>) -> Result<List, Error> {
        let limit = most.to_string();
        let db_id = self.db_id.map(|id| id.to_string());
        let query = [
            ("limit", Some(limit.as_str())),
            ("cursor", cursor),
            ("status", self.status.as_deref()),
            ("db_id", db_id.as_deref()),
            ("external_id", self.external_id.as_deref()),
        ];
        let query = query.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(gateway.get_with("/api/v1.1/jobs", query)?.json()?)
    }
}
