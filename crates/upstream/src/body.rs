//! The body of a provider's answer, whichever way it came.

use crate::socket::SocketAnswer;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

/// A body that is being received from a provider.
#[derive(Debug)]
pub enum UpstreamBody {
    /// Over HTTP.
    Http(Incoming),
    /// Over a WebSocket: the events of the answer, as a stream over HTTP has them.
    Socket(Box<SocketAnswer>),
    /// All of it is there.
    Whole(Option<Bytes>),
}

/// A body that ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
pub struct BodyError(#[source] Box<dyn Error + Send + Sync>);

impl BodyError {
    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Http(body) => Pin::new(body).poll_frame(cx).map_err(BodyError::new),
            Self::Socket(answer) => answer.poll_next(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http(body) => body.is_end_stream(),
            Self::Socket(answer) => answer.is_over(),
            Self::Whole(bytes) => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http(body) => body.size_hint(),
            Self::Socket(_) => SizeHint::default(),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}
