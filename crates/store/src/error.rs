//! The one error of a store that could not do its work; it says nothing about the request itself.

use std::{borrow::Cow, error::Error, sync::Arc};

/// A store failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store could not {operation}: {kind}")]
pub struct StoreError {
    /// What was tried, `read an API key`.
    pub operation: Cow<'static, str>,
    /// What kind of failure.
    pub kind: StoreFailure,
    /// The engine's own error.
    #[source]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Kinds of failure, by what may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// Out of reach for now; the same call may succeed later. Whether a write took effect is not known.
    #[error("it is out of reach")]
    Unavailable,
    /// No space, or another condition that an operator must mend.
    #[error("it has no space left")]
    Full,
    /// What is stored does not parse. Restoring a backup helps.
    #[error("what is stored there is damaged")]
    Damaged,
    /// The call itself is wrong: an unlisted column, a page over the limit. A bug of the caller.
    #[error("the call is not one that it takes")]
    Unsupported,
}

impl StoreError {
    /// A failure of `operation`.
    #[must_use]
    pub fn new(operation: impl Into<Cow<'static, str>>, kind: StoreFailure) -> Self {
        Self { operation: operation.into(), kind, source: None }
    }

    /// The same, with the engine's error as its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}
