//! Why a command stopped, as one text for the person at the terminal; nobody branches on it.

use std::fmt;

/// The reason a command failed: which operation, for what, and the way out where there is one.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure that reads as `text`.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For `map_err`: names the operation that failed in front of its cause.
    pub(crate) fn during<E: fmt::Display>(operation: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |cause| Self(format!("{operation}: {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
