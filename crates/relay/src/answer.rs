//! How a client waits: with keep-alives while nothing has come, and without being able to stop what it has set in motion.

use crate::{
    body::RelayBody,
    form::{Form, Framing},
    meter::Metered,
    presence::Presence,
    refuse::{Told, sign},
    relay::Relay,
};
use bytes::Bytes;
use domain::RequestId;
use http::{HeaderValue, Response, header};
use protocol::Refusal;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::{Interval, MissedTickBehavior};

/// What serving a request comes to.
pub(crate) type Served = Result<Response<RelayBody>, Told>;

/// Work that goes on for a while when nobody waits for it any more.
pub(crate) struct Unstoppable {
    work: Option<Pin<Box<dyn Future<Output = Served> + Send>>>,
    presence: Presence,
    relay: Arc<Relay>,
}

/// The body of a stream that began with keep-alives, because nothing else came.
pub(crate) struct Waiting {
    served: Option<Unstoppable>,
    ticks: Interval,
    answer: Option<Box<Metered>>,
    last: Option<Bytes>,
    id: RequestId,
    form: Form,
}

impl Relay {
    /// Waits for `work`. A client that asked for a stream hears keep-alives after a while.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        id: &RequestId,
        form: Form,
        presence: Presence,
        streamed: bool,
        work: impl Future<Output = Served> + Send + 'static,
    ) -> Response<RelayBody> {
        let mut served = Unstoppable { work: Some(Box::pin(work)), presence, relay: Arc::clone(self) };
        // An array that has begun with nothing in it would have to go on as one: its client waits without a word. On a socket the
        // socket says that it goes on, and a refusal keeps its status.
        if !streamed || form.framing != Framing::Events {
            return self.signed(id, form, (&mut served).await);
        }
        match tokio::time::timeout(self.settings.keepalive_every, &mut served).await {
            Ok(done) => self.signed(id, form, done),
            Err(_elapsed) => self.keep_alive(id, form, served),
        }
    }

    fn signed(&self, id: &RequestId, form: Form, served: Served) -> Response<RelayBody> {
        match served {
            Ok(mut response) => {
                sign(response.headers_mut(), id);
                response
            }
            Err(told) => self.refuse(id, form.dialect, told),
        }
    }

    fn keep_alive(&self, id: &RequestId, form: Form, served: Unstoppable) -> Response<RelayBody> {
        let mut ticks = tokio::time::interval(self.settings.keepalive_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let waiting = Waiting { served: Some(served), ticks, answer: None, last: None, id: id.clone(), form };
        let mut response = Response::new(RelayBody::waiting(waiting));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        sign(headers, id);
        response
    }
}

impl Future for Unstoppable {
    type Output = Served;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Served> {
        let work = self.work.as_mut().expect("a future is not polled after its end");
        let served = std::task::ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(served)
    }
}

impl Drop for Unstoppable {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.presence.leave();
            let relay = Arc::clone(&self.relay);
            self.relay.tasks.spawn(async move {
                // What is cut off here settles as it is dropped.
                drop(relay.unattended(work).await);
            });
        }
    }
}

impl Waiting {
    /// Whether the client has it all.
    pub(crate) fn is_done(&self) -> bool {
        self.served.is_none() && self.last.is_none() && self.answer.as_ref().is_none_or(|answer| answer.is_done())
    }

    /// The next bytes for the client.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(served) = &mut self.served {
            match Pin::new(served).poll(cx) {
                Poll::Ready(served) => self.take(served),
                Poll::Pending => {
                    std::task::ready!(self.ticks.poll_tick(cx));
                    return Poll::Ready(Some(self.form.keepalive()));
                }
            }
        }
        match &mut self.answer {
            Some(answer) => answer.poll_next(cx),
            None => Poll::Ready(self.last.take()),
        }
    }

    fn take(&mut self, served: Served) {
        self.served = None;
        match served {
            Ok(response) => {
                self.answer = response.into_body().into_metered();
                if self.answer.is_none() {
                    // A document where a stream has begun: it cannot be said any more.
                    self.last = Some(Told::from(Refusal::UpstreamFailed).as_event(self.form.dialect, &self.id));
                }
            }
            Err(told) => self.last = Some(told.as_event(self.form.dialect, &self.id)),
        }
    }
}
