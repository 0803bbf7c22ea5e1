//! What is said of a refresh that failed: one event each. No secrets.
//!
//! The module's name is the target of its events, by which the log file `token-refresh-error.log` has them too.

use crate::{error::CredentialError, known::Subject};
use domain::Timestamp;
use std::error::Error;

/// Errors below an error that are told.
const CAUSES_MAX: usize = 4;

/// Tells that a refresh failed and when it is tried again.
pub(crate) fn failed(subject: &Subject, error: &CredentialError, retry_at: Timestamp) {
    tracing::warn!(
        account.id = %subject.id,
        platform = %subject.platform,
        failure = error.kind().as_str(),
        error = told(error),
        retry_at = %retry_at,
        "a token could not be refreshed"
    );
}

/// Tells that an account serves no more until somebody signs in.
pub(crate) fn sign_in_needed(subject: &Subject, reason: &str) {
    tracing::error!(
        account.id = %subject.id,
        platform = %subject.platform,
        failure = crate::FailureKind::SignInNeeded.as_str(),
        error = reason,
        "an account needs a new sign-in"
    );
}

/// An error with its causes, in one line.
fn told(error: &CredentialError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..CAUSES_MAX {
        let Some(error) = cause else { break };
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
