//! All commands, and what `intake --help` says.

use clap::{Parser, Subcommand};

use crate::cancel::Cancel;
use crate::catalog::Catalog;
use crate::dead::Dead;
use crate::ending::Ending;
use crate::error::Error;
use crate::import::Import;
use crate::job::Job;
use crate::jobs::Jobs;
use crate::migrate::Migrate;
use crate::output::Output;
use crate::results::Results;
use crate::retry::Retry;
use crate::token::Token;

const MORE: &str = "\
Environment:
  INTAKE_URL     address of the gateway, for import, jobs, job, results, retry and cancel
  INTAKE_TOKEN   API token, for the same
  DATABASE_URL   PostgreSQL, for migrate, catalog, token and dead
  AMQP_URL       RabbitMQ, for dead; it takes the other settings of the services, too

Exit codes:
  0   done; with a job: it is complete and no record failed, or it is still under way
  1   the command, the request or the job as a whole failed, or the job was cancelled; of cancel: it was not
  2   the job is complete, but some of its records failed
  3   the job was still under way when --timeout ran out

Examples:
  Set up an installation:
    intake migrate
    intake catalog apply catalog.yaml
    export INTAKE_TOKEN=$(intake token create --account shop --label nightly)
  Import a file, and see what became of it:
    intake import people.json --wait
";

/// Imports profiles into Intake, follows the jobs that it makes of them, and sets up an installation
#[derive(Debug, Parser)]
#[command(name = "intake", version, after_help = MORE, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Import(Import),
    Jobs(Jobs),
    Job(Job),
    Results(Results),
    Retry(Retry),
    Cancel(Cancel),
    Migrate(Migrate),
    Catalog(Catalog),
    Token(Token),
    Dead(Dead),
}

impl Command {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        match self {
            Self::Import(import) => import.run(output),
            Self::Jobs(jobs) => jobs.run(output),
            Self::Job(job) => job.run(output),
            Self::Results(results) => results.run(output),
            Self::Retry(retry) => retry.run(output),
            Self::Cancel(cancel) => cancel.run(output),
            Self::Migrate(migrate) => migrate.run(output),
            Self::Catalog(catalog) => catalog.run(output),
            Self::Token(token) => token.run(output),
            Self::Dead(dead) => dead.run(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const TOKEN: &str = "a-token-that-nobody-may-see";

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_token_is_not_shown() {
        let cli = Cli::parse_from(["intake", "import", "-", "--token", TOKEN]);
        assert!(!format!("{cli:?}").contains(TOKEN));
    }

    #[test]
    fn every_command_explains_itself() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let leaf = !command.has_subcommands();
            let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(!leaf || !more.is_empty(), "{} has no example", command.get_name());
            let codes = more.split_once("Exit codes:").map(|(_, codes)| codes).unwrap_or_default();
            let waits = command.get_arguments().any(|argument| argument.get_id() == "timeout");
            assert!(!waits || codes.contains("  3   still under way"), "{} hides codes", command.get_name());
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |line: &str| Cli::try_parse_from(line.split(' ')).is_err();
        for line in ["intake job nope --token t", "intake results nope --token t"] {
            let told = Cli::try_parse_from(line.split(' ')).unwrap_err().to_string();
            assert!(
                told.contains("'nope'") && told.contains("not a job id, as `intake import` prints it"),
                "{told}"
            );
        }
        assert!(refused("intake import - --token t --timeout 5"));
        assert!(refused("intake import - --token t --url ftp://example.com"));
        assert!(refused("intake token create --database-url x"));
        let at = "--database-url x --amqp-url y";
        for line in ["redrive", "redrive --all m", "drop", "drop --all", "show", "show m --records=some"] {
            assert!(refused(&format!("intake dead {line} {at}")), "{line}");
        }
        for line in [
            "list --json",
            "redrive m n",
            "redrive --all --from-start",
            "drop m",
            "drop --all --yes",
            "show m --records",
        ] {
            assert!(!refused(&format!("intake dead {line} {at}")), "{line}");
        }
        assert!(!refused("intake import - --token t --wait --timeout 5 --url https://example.com/intake/"));
    }
}
