//! The results of a job as a body that is made while it is sent, in flat memory however many there are.
//!
//! What had been processed when the request came is the bound, and does not change any more. Portions of it are read when
//! the client has taken the one before; so a client that stops reading holds one portion, and no connection to the database.

use actix_web::web::Bytes;
use futures_util::{Stream, stream};
use intake_store::{Excerpt, Portion, Store};
use intake_types::wire::results::{Around, Form, Writer};
use intake_types::{Action, LedgerEntry, Refusal, Status};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::cursor;
use crate::respond::{self, Answer};

/// Which results are asked for, and how.
pub(crate) struct Asked {
    pub(crate) form: Form,
    pub(crate) only: Vec<Action>,
    pub(crate) with_records: bool,
    /// None: all of them.
    pub(crate) page: Option<Page>,
}

/// A part of the results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// The record that it starts at.
    pub(crate) start: u32,
    /// Most entries.
    pub(crate) most: u32,
}

/// Results of which the first portion has been read, so that nothing is foreseen to stop the rest.
pub(crate) struct Found {
    store: Store,
    writer: Writer,
    /// What is still to be read; none where no worker has taken the job.
    excerpt: Option<Excerpt>,
    ahead: Option<Portion>,
}

/// Finds the results of a job.
pub(crate) async fn read(app: &App, status: &Status, asked: Asked) -> Result<Found, ApiError> {
    let ledger = status.ledger.as_ref();
    if let Some(entry) = ledger {
        check_kept(app, entry, &asked)?;
    }
    let start = asked.page.map_or(0, |page| page.start);
    let bound = ledger.map_or(0, |entry| entry.tally.processed());
    let mut excerpt = ledger.map(|entry| Excerpt {
        db_id: entry.db_id,
        job_id: status.job_id,
        range: start..bound,
        only: asked.only,
        with_records: asked.with_records,
    });
    let mut next = None;
    if let Some(page) = asked.page {
        let end = match &excerpt {
            Some(excerpt) => page_end(&app.store, excerpt, page.most).await?,
            None => None,
        };
        if let (Some(excerpt), Some(end)) = (&mut excerpt, end) {
            excerpt.range.end = end;
        }
        // More may come as long as the job has not ended.
        next = end.or_else(|| (!status.state.is_terminal()).then_some(bound.max(start)));
    }
    let around = Around::Job {
        state: status.state,
        total: ledger.map_or(0, |entry| entry.total),
        next_cursor: next.map(|index| cursor::of_record(status.job_id, index)),
    };
    let with_records = asked.with_records;
    let is_dry = ledger.is_some_and(|entry| entry.validate_only);
    let writer = Writer { form: asked.form, around, is_dry, with_records, begun: false };
    Found::begin(app.store.clone(), writer, excerpt).await
}

/// The results of a job that was waited for: all of them.
pub(crate) async fn waited(app: &App, status: &Status, form: Form) -> Result<Found, ApiError> {
    let ledger = status.ledger.as_ref();
    let excerpt = ledger.map(|entry| Excerpt {
        db_id: entry.db_id,
        job_id: status.job_id,
        range: 0..entry.tally.processed(),
        only: Action::ALL.to_vec(),
        with_records: false,
    });
    let warnings = ledger.map(|entry| entry.warnings.clone()).unwrap_or_default();
    let around = Around::Waited { job_id: status.job_id, warnings };
    let is_dry = ledger.is_some_and(|entry| entry.validate_only);
    let writer = Writer { form, around, is_dry, with_records: false, begun: false };
    Found::begin(app.store.clone(), writer, excerpt).await
}

/// Refuses what is no longer kept, also where it has not been removed yet.
fn check_kept(app: &App, entry: &LedgerEntry, asked: &Asked) -> Result<(), ApiError> {
    if entry.has_expired() {
        let until = entry.expires_at.map(|at| format!(" until {}", at.format("%FT%TZ"))).unwrap_or_default();
        return Err(ApiError::Gone(format!(
            "the results of this job were kept{until}; its status tells the counts"
        )));
    }
    if !asked.with_records {
        return Ok(());
    }
    if entry.validate_only {
        let problem = "a dry run keeps no records; send the same request again, put right";
        return Err(Refusal::parameter("payload", problem).into());
    }
    let until = entry.finished_at.map(|at| at + app.store.retention().failed_records);
    match until.filter(|until| *until <= entry.read_at) {
        Some(until) => Err(records_gone(&format!(" until {}", until.format("%FT%TZ")))),
        None => Ok(()),
    }
}

fn records_gone(until: &str) -> ApiError {
    ApiError::Gone(format!(
        "the failed records of this job were kept{until}; leave payload out for their errors"
    ))
}

/// The first record after a page; none: it is the last one.
async fn page_end(store: &Store, excerpt: &Excerpt, most: u32) -> Result<Option<u32>, ApiError> {
    if Action::ALL.iter().all(|action| excerpt.only.contains(action)) {
        let end = excerpt.range.start.saturating_add(most);
        return Ok((end < excerpt.range.end).then_some(end));
    }
    Ok(store.results_end(excerpt.clone(), most).await?)
}

async fn portion(store: &Store, excerpt: &Excerpt) -> Result<Portion, ApiError> {
    let gone = || ApiError::Gone("the results of this job are no longer kept".to_owned());
    let portion = store.results(excerpt.clone()).await?.ok_or_else(gone)?;
    if excerpt.with_records && portion.entries.iter().any(|entry| entry.record.is_none()) {
        return Err(records_gone(""));
    }
    Ok(portion)
}

impl Found {
    async fn begin(store: Store, writer: Writer, excerpt: Option<Excerpt>) -> Result<Self, ApiError> {
        let ahead = match &excerpt {
            Some(excerpt) => Some(portion(&store, excerpt).await?),
            None => None,
        };
        Ok(Self { store, writer, excerpt, ahead })
    }

    /// Where the next page begins.
    pub(crate) fn next_cursor(&self) -> Option<&str> {
        match &self.writer.around {
            Around::Job { next_cursor, .. } => next_cursor.as_deref(),
            Around::Waited { .. } => None,
        }
    }

    pub(crate) fn answer(self) -> Answer {
        Answer::streamed(self.writer.form.content_type(), self.body())
    }

    fn body(self) -> impl Stream<Item = Result<Bytes, ApiError>> {
        let head = self.writer.head();
        stream::try_unfold(Some((head, self)), async |step| {
            let Some((head, found)) = step else { return Ok(None) };
            let made = found.step(head).await;
            made.map(Some).inspect_err(|error| {
                tracing::warn!(cause = respond::cause(error), "results broke off: the connection is closed");
            })
        })
    }

    /// One portion of the body, and what is left to be done; none: that was all.
    async fn step(mut self, head: Vec<u8>) -> Result<(Bytes, Option<(Vec<u8>, Self)>), ApiError> {
        let read = match (self.ahead.take(), &self.excerpt) {
            (None, Some(excerpt)) => Some(portion(&self.store, excerpt).await?),
            (ahead, _) => ahead,
        };
        let Self { store, mut writer, mut excerpt, .. } = self;
        let Portion { entries, next_index } =
            read.unwrap_or(Portion { entries: Vec::new(), next_index: None });
        if let (Some(excerpt), Some(next)) = (&mut excerpt, next_index) {
            excerpt.range.start = next;
        }
        let (body, writer) = respond::off_thread(move || {
            let mut body = head;
            body.extend(writer.entries(&entries));
            if next_index.is_none() {
                body.extend(writer.tail());
            }
            (body, writer)
        })
        .await?;
        let left = next_index.is_some().then(|| (Vec::new(), Self { store, writer, excerpt, ahead: None }));
        Ok((body.into(), left))
    }
}
