//! The control plane's refusals: the only file that turns an error into a status and a body. A cause is logged, never sent.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use serde::Serialize;
use std::{borrow::Cow, error::Error, sync::Arc, time::Duration};
use store::{RecordError, StoreError, error::StoreFailure};
use utoipa::ToSchema;

/// The closed set of error types. A client decides by these, never by a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefusalType {
    /// 400: the request is not one that can be read.
    InvalidRequest,
    /// 401: nobody is signed in.
    Unauthenticated,
    /// 401: the password is right, and a code of the second factor is needed as well.
    CodeRequired,
    /// 403: whoever is signed in may not do this.
    Forbidden,
    /// 404: there is no such thing.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    RequestTimeout,
    /// 409: what exists stands against it.
    Conflict,
    /// 412: the version in `If-Match` is not the current one.
    PreconditionFailed,
    /// 413: the body is longer than is read.
    PayloadTooLarge,
    /// 422: the body was read, and `details` names the fields that cannot be taken.
    Unprocessable,
    /// 429: wait for `Retry-After` seconds.
    TooManyRequests,
    /// 500: a fault of the relay.
    Internal,
    /// 503: the same request may succeed later.
    Unavailable,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// Where: the field's name, with a dot or a place in brackets below it.
    #[schema(value_type = String, example = "expires_at")]
    pub(crate) field: Cow<'static, str>,
    /// What is wrong, and what to do.
    #[schema(value_type = String, example = "write an instant such as 2026-11-23T09:30:00Z")]
    pub(crate) message: Cow<'static, str>,
}

/// The body of every answer that is a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorContent,
}

/// Type, message and details of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorContent {
    /// What kind of refusal.
    r#type: RefusalType,
    /// What happened and what to do next, for people.
    #[schema(value_type = String, example = "There is no such API key. List the keys to find its id.")]
    message: Cow<'static, str>,
    /// The fields that are wrong; empty where no field is.
    details: Vec<Fault>,
}

/// An answer that is a refusal.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) r#type: RefusalType,
    message: Cow<'static, str>,
    details: Vec<Fault>,
    retry_after: Option<Duration>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl RefusalType {
    /// The HTTP status (RFC 9110, 15).
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::CodeRequired => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl RefusalType {
    /// As it stands in answers.
    pub(crate) fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

impl Fault {
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Refusal {
    pub(crate) fn new(r#type: RefusalType, message: impl Into<Cow<'static, str>>) -> Self {
        Self { r#type, message: message.into(), details: Vec::new(), retry_after: None, cause: None }
    }

    /// 422 with what is wrong, field by field.
    pub(crate) fn unprocessable(details: Vec<Fault>) -> Self {
        let message = "The request cannot be taken: see `details`, correct the fields, and send it again.";
        Self { details, ..Self::new(RefusalType::Unprocessable, message) }
    }

    /// 422 for one field.
    pub(crate) fn field(name: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::unprocessable(vec![Fault::new(name, reason)])
    }

    /// 400 for one parameter of the query.
    pub(crate) fn parameter(name: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        let details = vec![Fault::new(name, message.clone())];
        let whole = format!("The query parameter `{name}` cannot be taken: {message}.");
        Self { details, ..Self::new(RefusalType::InvalidRequest, whole) }
    }

    /// 404 for a thing such as `API key`.
    pub(crate) fn missing(what: &str, list: &str) -> Self {
        Self::new(RefusalType::NotFound, format!("There is no such {what}. `GET {list}` lists those that exist."))
    }

    /// 429, to be tried again after `wait`.
    pub(crate) fn wait(wait: Duration, message: impl Into<Cow<'static, str>>) -> Self {
        Self { retry_after: Some(wait), ..Self::new(RefusalType::TooManyRequests, message) }
    }

    /// 409, to be tried again after `wait`.
    pub(crate) fn busy(wait: Duration, message: impl Into<Cow<'static, str>>) -> Self {
        Self { retry_after: Some(wait), ..Self::new(RefusalType::Conflict, message) }
    }

    /// 400 for a header.
    pub(crate) fn header(name: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        let whole = format!("The header `{name}` cannot be taken: {message}.");
        Self::new(RefusalType::InvalidRequest, whole).naming(Fault::new(name, message))
    }

    /// 500 with a cause for the log.
    pub(crate) fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        let message = "The relay failed; its log says why. Trying again may not help.";
        Self::new(RefusalType::Internal, message).caused_by(cause)
    }

    /// The same, naming a field.
    pub(crate) fn naming(mut self, fault: Fault) -> Self {
        self.details.push(fault);
        self
    }

    /// The same with a cause for the log.
    pub(crate) fn caused_by(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// What is sent of it; its cause is logged.
    pub(crate) fn into_content(self) -> ErrorContent {
        self.log();
        ErrorContent { r#type: self.r#type, message: self.message, details: self.details }
    }

    fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let cause = chain(cause.as_ref());
        if self.r#type == RefusalType::Internal {
            tracing::error!(error = cause, "an administrator's request failed");
        } else {
            tracing::warn!(error = cause, "an administrator's request was put off");
        }
    }
}

/// An error and its causes, one behind the other.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error.kind {
            StoreFailure::Unavailable => {
                let message = "The store is out of reach; send the request again in a moment.";
                Self { retry_after: Some(Duration::from_secs(1)), ..Self::new(RefusalType::Unavailable, message) }
                    .caused_by(error)
            }
            StoreFailure::Full => {
                let message = "The store has no space left: make room on its disk, then send the request again.";
                Self::new(RefusalType::Unavailable, message).caused_by(error)
            }
            StoreFailure::Damaged => {
                let message = "What is stored there is damaged: restore a backup of the data directory.";
                Self::new(RefusalType::Internal, message).caused_by(error)
            }
            StoreFailure::Unsupported => Self::internal(error),
        }
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Missing => Self::new(RefusalType::NotFound, "It has been deleted in the meantime."),
            RecordError::Conflict { .. } => Self::new(
                RefusalType::Conflict,
                "It was changed by somebody else at the same time: read it again, then change it.",
            ),
            RecordError::Duplicate { index } => {
                // A name that is compared without regard to case stands once more in a column for that.
                let name = |column: &'static str| column.strip_suffix("_folded").unwrap_or(column);
                let field = index.indexed().map(|(_, column)| Fault::new(name(column), "is another's; choose another"));
                let message = "Another one has this value already: choose another.";
                Self { details: field.into_iter().collect(), ..Self::new(RefusalType::Conflict, message) }
            }
            RecordError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (kind, retry_after) = (self.r#type, self.retry_after);
        let mut response = (kind.status(), Json(ErrorBody { error: self.into_content() })).into_response();
        response.extensions_mut().insert(kind);
        if let Some(wait) = retry_after {
            // Rounded up: who comes back a fraction of a second early is refused again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if kind.status() == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_failure_does_not_leave_the_relay() {
        let cause = StoreError::new("read the secret of 10.0.0.7", StoreFailure::Damaged);
        let refusal = Refusal::from(cause);
        let content =
            ErrorContent { r#type: refusal.r#type, message: refusal.message.clone(), details: refusal.details.clone() };
        let body = serde_json::to_string(&ErrorBody { error: content }).expect("serialises");
        assert!(!body.contains("10.0.0.7"), "{body}");
        assert!(refusal.cause.is_some());
    }

    #[test]
    fn a_store_s_failure_says_whether_another_try_may_help() {
        for (kind, r#type, waits) in [
            (StoreFailure::Unavailable, RefusalType::Unavailable, true),
            (StoreFailure::Full, RefusalType::Unavailable, false),
            (StoreFailure::Damaged, RefusalType::Internal, false),
            (StoreFailure::Unsupported, RefusalType::Internal, false),
        ] {
            let refusal = Refusal::from(StoreError::new("read", kind));
            assert_eq!((refusal.r#type, refusal.retry_after.is_some()), (r#type, waits), "{kind}");
        }
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let response = Refusal::wait(Duration::from_millis(1200), "Wait.").into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }
}
