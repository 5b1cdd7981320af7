//! `intake import`: a file becomes a job.

mod upload;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::upload::{Format, Parameters, Upload};
use crate::client::{self, Config, Follow, Gateway, Post};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;
use crate::report::submitted;

/// What an import may do, where it may not do all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    /// Make new profiles: a record that matches one fails
    Create,
    /// Change known profiles: a record that matches none fails
    Update,
}

fn path(only: Option<Only>) -> &'static str {
    match only {
        None => "/api/v1.1/profiles/import_batch",
        Some(Only::Create) => "/api/v1.1/profiles/add_batch",
        Some(Only::Update) => "/api/v1.1/profiles/update_batch",
    }
}

const MORE: &str = "\
Prints the id of the job and where its status is; with --wait also how the job ended, and each \
record that failed. Once the id is there, the import is safe: the job goes on whether this command waits \
for it or not. Where the connection breaks, the same request is sent again under one key, so that it is \
applied once; what comes from standard input as a stream can be sent only once.

NDJSON and CSV files can hold a million records, and may be packed (.gz, .zst); they are never read as a \
whole.

Examples:
  intake import people.json --wait
  intake import people.xml --wait --timeout 60
  intake import people.json --only update
  intake import people.csv.gz --db-id 1 --matching phone --wait
  intake import people.ndjson --db-id 1 --set nulls=clear --set external_id=night-42
  intake import people.json --validate-only --wait
  intake import records.json --db-id 1 --matching custom --field-name crm_id
  psql -AtXc 'select json_agg(p) from people p' | intake import - --db-id 1

Exit codes:
  0   accepted; with --wait: complete, and no record failed
  1   not accepted, or the job failed or was cancelled
  2   complete, but some records failed
  3   still under way when --timeout ran out
";

/// Creates and updates profiles from a JSON, XML, NDJSON or CSV file
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Import {
    /// The body of a request, JSON or XML, which is sent as it is; a JSON array of records; or NDJSON or CSV; - for
    /// standard input
    file: PathBuf,

    /// What the file is written in, where its name (.json, .xml, .ndjson, .jsonl, .csv) does not say
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Create profiles only, or update them only
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,

    /// Key under which the import is done once, however often this command is called with the same file; without one,
    /// each call has a key of its own
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,

    /// Only say what would be done, and write nothing
    #[arg(long)]
    validate_only: bool,

    #[command(flatten)]
    follow: Follow,

    #[command(flatten)]
    parameters: Parameters,

    #[command(flatten)]
    gateway: Config,
}

impl Import {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let gateway = Gateway::new(&self.gateway)?;
        let Upload { content_type, encoding, mut query, body } =
            Upload::of(&self.file, self.format, &self.parameters)?;
        // There it serves every kind of file, also a request that is sent as it is.
        query.extend(self.validate_only.then(|| ("validate_only".to_owned(), "true".to_owned())));
        let post = Post {
            query,
            content_type: Some(content_type),
            encoding,
            key: Some(self.idempotency_key.map_or_else(client::fresh_key, Ok)?),
            body,
            ..Post::empty(path(self.only).to_owned())
        };
        submitted(&gateway, &post, self.follow, output)
    }
}
