//! `intake import`: a file becomes a job.

mod upload;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::upload::{Parameters, Upload};
use crate::client::{self, Accepted, Answer, Config, Follow, Gateway, follow, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::input;
use crate::output::Output;
use crate::report::conclude;

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
        None => "/api/v1.1/profiles/import_batch?format=json",
        Some(Only::Create) => "/api/v1.1/profiles/add_batch?format=json",
        Some(Only::Update) => "/api/v1.1/profiles/update_batch?format=json",
    }
}

const MORE: &str = "\
Prints the id of the job and where its status is; with --wait also how the job ended, and each \
record that failed. Once the id is there, the batch is safe: the job goes on whether this command waits \
for it or not.

Examples:
  intake import people.json --wait
  intake import people.xml --wait --timeout 60
  intake import people.json --only update
  intake import records.json --db-id 1 --matching custom --field-name crm_id
  psql -AtXc 'select json_agg(p) from people p' | intake import - --db-id 1

Exit codes:
  0   accepted; with --wait: complete, and no record failed
  1   not accepted, or the job failed or was cancelled
  2   complete, but some records failed
";

/// Creates and updates profiles from a JSON or XML file
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Import {
    /// The body of a request, JSON or XML, which is sent as it is; or a JSON array of records; - for standard input
    file: PathBuf,

    /// Create profiles only, or update them only
    #[arg(long, value_name = "WHAT")]
    only: Option<Only>,

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
        let upload = Upload::new(input::read(&self.file)?, &self.file, &self.parameters);
        let upload = upload.map_err(|problem| Error::File { path: self.file, problem })?;
        let posted = gateway.post(path(self.only), upload.content_type, &upload.body);
        let Accepted { job_id } = posted.and_then(Answer::json).map_err(|error| match error {
            client::Error::Broken { .. } => Error::Uncertain(error),
            other => other.into(),
        })?;
        output.line(format_args!("job     {job_id}"))?;
        output.line(format_args!("status  {}", gateway.url(&status_path(job_id))))?;
        if !self.follow.wait {
            return Ok(Ending::Fine);
        }
        let status = follow(&gateway, job_id, self.follow.timeout)?;
        conclude(&gateway, &status, output)
    }
}
