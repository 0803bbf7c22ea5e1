//! What a client receives: bytes that are all there, a stream that is metered, or one that is still waited for.

use crate::{
    answer::Waiting,
    budget::{Budget, Hold},
    meter::Metered,
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use protocol::bedrock::StreamEncoder;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// The body of an answer. It never fails: a failure is an event in the client's dialect.
pub struct RelayBody {
    inner: Inner,
    /// What puts a stream's events into AWS's frames, for clients that speak Bedrock.
    frames: Option<Box<StreamEncoder>>,
}

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
        Self::of(Inner::Whole(Held { bytes: None, _hold: Budget::hold() }))
    }

    /// `whole`, and the memory that it takes, until the client has it.
    pub(crate) fn held(whole: Bytes, hold: Hold) -> Self {
        let bytes = Some(whole).filter(|bytes| !bytes.is_empty());
        Self::of(Inner::Whole(Held { bytes, _hold: hold }))
    }

    const fn of(inner: Inner) -> Self {
        Self { inner, frames: None }
    }

    /// The same stream, its events in AWS's frames.
    pub(crate) fn in_frames(self) -> Self {
        Self { inner: self.inner, frames: Some(Box::default()) }
    }

    /// What `change` makes of bytes that are all there; a stream stays as it is.
    pub(crate) fn map_whole(self, change: impl FnOnce(Bytes) -> Bytes) -> Self {
        match self.inner {
            Inner::Whole(mut held) => {
                held.bytes = held.bytes.map(change);
                Self { inner: Inner::Whole(held), frames: self.frames }
            }
            inner @ (Inner::Metered(_) | Inner::Waiting(_)) => Self { inner, frames: self.frames },
        }
    }

    pub(crate) fn metered(metered: Metered) -> Self {
        Self::of(Inner::Metered(Box::new(metered)))
    }

    pub(crate) fn waiting(waiting: Waiting) -> Self {
        Self::of(Inner::Waiting(Box::new(waiting)))
    }

    /// The stream in it, if it is one that is metered.
    pub(crate) fn into_metered(self) -> Option<Box<Metered>> {
        match self.inner {
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
        let Self { inner, frames } = &mut *self;
        let next = match inner {
            Inner::Whole(whole) => Poll::Ready(whole.bytes.take()),
            Inner::Metered(metered) => metered.poll_next(cx),
            Inner::Waiting(waiting) => waiting.poll_next(cx),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(framed(frames.as_deref_mut(), bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Whole(whole) => whole.bytes.is_none(),
            Inner::Metered(metered) => metered.is_done(),
            Inner::Waiting(waiting) => waiting.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Whole(whole) => SizeHint::with_exact(whole.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Inner::Metered(_) | Inner::Waiting(_) => SizeHint::default(),
        }
    }
}

/// The events of a stream as they are sent: in frames, where the client takes them so. An event that is too large for any frame was
/// too large for the stream before.
fn framed(frames: Option<&mut StreamEncoder>, events: Bytes) -> Bytes {
    let Some(encoder) = frames else { return events };
    let mut framed = Vec::with_capacity(events.len() * 2);
    if let Err(error) = encoder.push(&events, &mut framed) {
        tracing::error!(error = %error, "a stream cannot be put into frames");
    }
    framed.into()
}
