//! What a client receives: bytes that are all there, a stream that is metered, or one that is still waited for.

use crate::{
    answer::Waiting,
    budget::{Budget, Hold},
    meter::Metered,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// The body of an answer. It never fails: a failure is an event in the client's dialect.
pub struct RelayBody(Inner);

enum Inner {
    Whole(Held),
    Metered(Box<Metered>),
    Waiting(Box<Waiting>),
}

/// Bytes that are all there, and the memory that they take.
struct Held {
    bytes: Option<Bytes>,
    _hold: Hold,
}

impl RelayBody {
    /// No bytes.
    pub(crate) const fn empty() -> Self {
        Self(Inner::Whole(Held { bytes: None, _hold: Budget::hold() }))
    }

    /// `whole`, and the memory that it takes, until the client has it.
    pub(crate) fn held(whole: Bytes, hold: Hold) -> Self {
        let bytes = Some(whole).filter(|bytes| !bytes.is_empty());
        Self(Inner::Whole(Held { bytes, _hold: hold }))
    }

    pub(crate) fn metered(metered: Metered) -> Self {
        Self(Inner::Metered(Box::new(metered)))
    }

    pub(crate) fn waiting(waiting: Waiting) -> Self {
        Self(Inner::Waiting(Box::new(waiting)))
    }

    /// The stream in it, if it is one that is metered.
    pub(crate) fn into_metered(self) -> Option<Box<Metered>> {
        match self.0 {
            Inner::Metered(metered) => Some(metered),
            Inner::Whole(_) | Inner::Waiting(_) => None,
        }
    }
}

impl From<Bytes> for RelayBody {
    fn from(whole: Bytes) -> Self {
        Self::held(whole, Budget::hold())
    }
}

impl Body for RelayBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.0 {
            Inner::Whole(whole) => Poll::Ready(whole.bytes.take()),
            Inner::Metered(metered) => metered.poll_next(cx),
            Inner::Waiting(waiting) => waiting.poll_next(cx),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(whole) => whole.bytes.is_none(),
            Inner::Metered(metered) => metered.is_done(),
            Inner::Waiting(waiting) => waiting.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(whole) => SizeHint::with_exact(whole.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Inner::Metered(_) | Inner::Waiting(_) => SizeHint::default(),
        }
    }
}
