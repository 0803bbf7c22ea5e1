//! Why a provider gave no answer: by phase, because the phase decides whether another try is safe.

use std::error::Error;

/// The upstream gave no answer head. No byte of an answer was seen.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection: the name did not resolve, nobody listened, or TLS failed. Nothing was sent.
    #[error("no connection to the upstream")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// The connection broke before an answer came. The request may have been taken.
    #[error("the connection to the upstream broke before an answer")]
    Broken(#[source] hyper_util::client::legacy::Error),
    /// No answer head in time. The request may have been taken.
    #[error("the upstream did not begin to answer in time")]
    HeadTimeout,
}

impl SendError {
    pub(crate) fn from_client(error: hyper_util::client::legacy::Error) -> Self {
        if error.is_connect() { Self::Connect(error) } else { Self::Broken(error) }
    }

    /// Whether a connection could not be made in time, rather than not at all.
    #[must_use]
    pub fn is_connect_timeout(&self) -> bool {
        let Self::Connect(error) = self else { return false };
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(error) = cause {
            if error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut) {
                return true;
            }
            cause = error.source();
        }
        false
    }
}
