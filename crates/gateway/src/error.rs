//! Why a request is not answered with a success: the only place where an error becomes an HTTP status.

use std::io;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use intake_broker::Error as BrokerError;
use intake_store::Error as StoreError;
use intake_types::{JobId, JobState, Refusal};

/// Why a request is not answered with a success. The text is what the client is told, so it names no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("no such path: {0}")]
    UnknownPath(String),
    #[error("no such job")]
    UnknownJob,
    #[error("{0}")]
    Gone(String),
    #[error("the method is not allowed here; allowed: {allow}")]
    Method { allow: &'static str },
    #[error(
        "Content-Type: must be application/json, application/xml or text/xml, of a batch also application/x-ndjson or \
         text/csv; got {0}"
    )]
    ContentType(String),
    #[error("Content-Type: the charset must be utf-8")]
    Charset,
    #[error("Content-Encoding: must be gzip, zstd or identity, and only one of them")]
    ContentEncoding,
    #[error("{name}: {problem}")]
    Header { name: &'static str, problem: &'static str },
    #[error(
        "the body is too large: {}{sent} bytes{} sent, {limit} allowed per request; send the rest in further requests",
        if *.exactly { "" } else { "more than " },
        if *.exactly { "" } else { " of decoded body" }
    )]
    TooLarge { sent: usize, limit: usize, exactly: bool },
    #[error(
        "{what}: more than {limit} sent, {limit} allowed per stream; nothing was accepted; send it in several requests"
    )]
    StreamTooLarge { what: &'static str, limit: u64 },
    #[error("Idempotency-Key: used before for another request; send that one again, or take another key")]
    KeyReused,
    #[error("the job has ended as {}; there is nothing left to cancel", .0.word())]
    JobEnded(JobState),
    #[error("the job has not ended; what failed can be retried then")]
    JobRuns,
    #[error("no record of the job failed; there is nothing to retry")]
    NothingFailed,
    #[error("the job has ended as {}, and no record failed by itself; {}", .state.word(), .instead.text())]
    EndedAsWhole { state: JobState, instead: Instead },
    #[error("the records that failed are not kept, or no longer; send them again")]
    FailedGone,
    #[error("the body is not readable {encoding}")]
    Undecodable { encoding: &'static str, source: io::Error },
    #[error("the body ended before its end")]
    BodyCut,
    #[error("the body did not arrive in time")]
    BodyLate,
    #[error("the service is being stopped; send it again")]
    Stopping,
    #[error("what the Idempotency-Key stood for has been given up meanwhile; send the stream again")]
    KeyFreed,
    #[error("the records that failed are being sent again already; ask again")]
    RetryUnderWay,
    #[error(
        "too many streams of this account are under way, {share} are allowed at a time; send it when one has ended"
    )]
    TooManyStreams { share: usize },
    #[error(
        "the requests of this account that are under way hold all that one account may have, {share} bytes; try again when \
         some are answered"
    )]
    TooMuchInHand { share: usize },
    #[error("too many requests are under way; try again")]
    Overloaded,
    #[error("the service is starting and has not read its catalogue yet; try again")]
    NotReady,
    #[error("{}", broker_text(.0))]
    Broker(#[from] BrokerError),
    #[error("{}", store_text(.0))]
    Store(#[from] StoreError),
    #[error("the request could not be processed: an error of the service")]
    Internal(&'static str),
}

/// Seconds after which a client may try again, by what has to pass first.
const SOON: u8 = 1;
const LATER: u8 = 5;

impl ApiError {
    /// Whether what was to be published may be stored in spite of the error.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Broker(error) if error.is_unknown())
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => of_refusal(refusal),
            Self::UnknownPath(_) | Self::UnknownJob => StatusCode::NOT_FOUND,
            Self::Gone(_) | Self::FailedGone => StatusCode::GONE,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType(_) | Self::Charset | Self::ContentEncoding => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Header { .. } | Self::Undecodable { .. } | Self::BodyCut => StatusCode::BAD_REQUEST,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::JobEnded(_) | Self::JobRuns | Self::NothingFailed | Self::EndedAsWhole { .. } => {
                StatusCode::CONFLICT
            }
            Self::BodyLate => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } | Self::StreamTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyStreams { .. } | Self::TooMuchInHand { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Stopping | Self::KeyFreed | Self::RetryUnderWay | Self::Overloaded | Self::NotReady => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Broker(error) => of_broker(error),
            Self::Store(error) => of_store(error),
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What else the status calls for.
    pub(crate) fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let status = self.status();
        let mut headers = Vec::new();
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            let seconds =
                if matches!(self, Self::Overloaded | Self::TooMuchInHand { .. }) { SOON } else { LATER };
            headers.push((RETRY_AFTER, HeaderValue::from(u16::from(seconds))));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if let Self::Method { allow } = self {
            headers.push((ALLOW, HeaderValue::from_static(allow)));
        }
        if matches!(self, Self::ContentEncoding) {
            headers.push((ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd")));
        }
        headers
    }
}

/// What a client can do instead of a retry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Instead {
    /// A retry that came to nothing leaves the job that it retried to be retried again.
    Retry(JobId),
    /// The operator may have the rest applied, so who sends it again as well has it applied twice.
    Cancel,
    Send,
}

impl Instead {
    fn text(self) -> String {
        match self {
            Self::Retry(job_id) => format!("retry job {job_id} again"),
            Self::Cancel => {
                "what was not applied is kept, and the operator may have it applied; to send it again \
                             instead, cancel this job first"
                    .to_owned()
            }
            Self::Send => "send again what was not applied".to_owned(),
        }
    }
}

fn of_refusal(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Unreadable { .. } | Refusal::Parameter { .. } => StatusCode::BAD_REQUEST,
        Refusal::NoToken | Refusal::UnknownToken => StatusCode::UNAUTHORIZED,
        Refusal::NoAccess(_) | Refusal::NoResource(_) => StatusCode::FORBIDDEN,
        Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
    }
}

fn of_broker(error: &BrokerError) -> StatusCode {
    if matches!(error, BrokerError::TooLarge { .. }) {
        StatusCode::PAYLOAD_TOO_LARGE
    } else if error.is_transient() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

fn broker_text(error: &BrokerError) -> &'static str {
    if error.is_unknown() {
        "the message broker did not confirm the batch in time: it may be processed or not; sending it again with the \
         same Idempotency-Key is safe, without one as far as its records say what a profile is to become"
    } else if matches!(error, BrokerError::TooLarge { .. }) {
        "the batch is too large for the message broker; send it in several requests"
    } else if error.is_transient() {
        "the message broker did not take the batch, nothing of it was accepted; try again"
    } else {
        "the batch could not be handed to the message broker: an error of the service"
    }
}

fn of_store(error: &StoreError) -> StatusCode {
    match error {
        StoreError::Unreachable(_)
        | StoreError::Interrupted(_)
        | StoreError::Contention
        | StoreError::Schema(_)
        | StoreError::Unmigrated(_) => StatusCode::SERVICE_UNAVAILABLE,
        StoreError::Unstorable(_)
        | StoreError::Panicked
        | StoreError::Declaration(_)
        | StoreError::Unknown(_)
        | StoreError::Unreadable(_)
        | StoreError::Unexpected(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn store_text(error: &StoreError) -> &'static str {
    if of_store(error) == StatusCode::SERVICE_UNAVAILABLE {
        "the database is not available just now; accepted jobs are safe, try again"
    } else {
        "the database could not answer: an error of the service"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_says_when_to_try_again() {
        let errors = [
            ApiError::Overloaded,
            ApiError::NotReady,
            BrokerError::Unavailable("not connected").into(),
            BrokerError::Refused.into(),
            StoreError::Unreachable("host db.internal".to_owned()).into(),
        ];
        for error in errors {
            assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE, "{error}");
            assert!(error.headers().iter().any(|(name, _)| name == RETRY_AFTER), "{error}");
            assert!(!error.to_string().contains("internal"), "{error}");
        }
    }

    #[test]
    fn the_number_in_the_body_is_the_status() {
        let refusals = [
            Refusal::parameter("data", "missing"),
            Refusal::NoToken,
            Refusal::UnknownToken,
            Refusal::NoAccess(intake_types::DatabaseId(7)),
            Refusal::NoResource(intake_types::ResourceId(7)),
            Refusal::TooLarge { what: "records", sent: 2, limit: 1 },
        ];
        for refusal in refusals {
            assert_eq!(of_refusal(&refusal).as_u16(), refusal.number(), "{refusal}");
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_told_with_what_was_sent() {
        let exact = ApiError::TooLarge { sent: 12, limit: 10, exactly: true };
        assert!(exact.to_string().starts_with("the body is too large: 12 bytes sent, 10 allowed"), "{exact}");
        let open = ApiError::TooLarge { sent: 10, limit: 10, exactly: false };
        assert!(open.to_string().contains("more than 10 bytes of decoded body sent"), "{open}");
    }
}
