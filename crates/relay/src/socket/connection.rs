//! A client's WebSocket: message after message, each answered before the next is looked at.

use super::{
    ClientSocket, Greeting, Transport,
    turn::{Answer, Kept, Told, Turn},
    wire::{Bounds, Closing, Gone, Heard, Wire},
};
use crate::{relay::Relay, route::Call, spoken::Link};
use bytes::Bytes;
use domain::RequestId;
use http::{HeaderName, header, request, response};
use http_body_util::BodyExt;
use protocol::{
    openai::socket::{KEEPALIVE, connection_limit, document_message, error_message, event_message},
    sse,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long a connection lasts; the provider's own last as long, and clients know how to go on.
const LIFE_MAX: Duration = Duration::from_secs(60 * 60);

/// Headers of an answer that say nothing where there is no HTTP.
const OF_HTTP: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CACHE_CONTROL];

/// A client's connection.
pub(super) struct Connection {
    relay: Arc<Relay>,
    head: request::Parts,
    call: Call,
    wire: Wire<Transport>,
    /// What the last response came to.
    kept: Option<Arc<Kept>>,
    link: Arc<Link>,
    ends_at: Instant,
}

impl Connection {
    /// A connection whose messages each ask `call` with `head`.
    pub(super) fn new(
        relay: Arc<Relay>,
        Greeting { id, head, beta }: Greeting,
        call: Call,
        socket: ClientSocket,
    ) -> Self {
        let bounds =
            Bounds { message_bytes_max: relay.settings.body_bytes_max, message_time_max: relay.settings.body_timeout };
        let wire = Wire::new(socket, bounds);
        let link = Arc::new(Link::new(id.as_str().to_owned(), beta));
        Self { relay, head, call, wire, kept: None, link, ends_at: Instant::now() + LIFE_MAX }
    }

    /// Answers until the client has gone, the connection's time is over, or the process stops. Dropping it is the client's leaving.
    pub(super) async fn run(mut self) {
        loop {
            let heard = tokio::select! {
                biased;
                () = self.relay.leaving.cancelled() => return self.wire.close(Closing::Away).await,
                () = tokio::time::sleep_until(self.ends_at) => return self.end().await,
                heard = self.wire.next() => heard,
                () = self.link.idle() => continue,
            };
            let answered = match heard {
                Ok(heard) => self.respond(heard).await,
                Err(gone) => Err(gone),
            };
            if let Err(Gone) = answered {
                return self.wire.part().await;
            }
        }
    }

    async fn end(&mut self) {
        let last = connection_limit(LIFE_MAX.as_secs() / 60, &new_id());
        if self.wire.say([last]).await.is_ok() {
            self.wire.close(Closing::Away).await;
        }
    }

    async fn respond(&mut self, heard: Heard) -> Result<(), Gone> {
        let (head, call, kept) = (self.head.clone(), self.call.clone(), self.kept.clone());
        let turn = Turn { id: new_id(), head, call, heard, kept, link: Arc::clone(&self.link) };
        match self.wait_for(turn).await? {
            Told::Nothing => Ok(()),
            Told::Messages(messages, kept) => {
                if let Some(kept) = kept {
                    self.kept = Some(Arc::new(kept));
                }
                self.wire.say(messages).await
            }
            Told::Answer(answer) => self.pass_on(answer).await,
        }
    }

    /// Serves the turn; while nothing comes of it the client hears that it goes on.
    async fn wait_for(&mut self, turn: Turn) -> Result<Told, Gone> {
        let every = self.relay.settings.keepalive_every;
        let mut served = Box::pin(Arc::clone(&self.relay).turn(turn));
        loop {
            match self.wire.attend(tokio::time::timeout(every, &mut served)).await? {
                Ok(told) => return Ok(told),
                Err(_elapsed) => self.wire.say([Bytes::from_static(KEEPALIVE)]).await?,
            }
        }
    }

    /// Tells the client an answer as it comes, and keeps what the next message may go on from.
    async fn pass_on(&mut self, Answer { response, stem }: Answer) -> Result<(), Gone> {
        let (head, mut body) = response.into_parts();
        let mut items = self.relay.items_behind(stem.as_ref());
        if is_stream(&head) {
            let mut decoder = sse::Decoder::default();
            while let Some(piece) = self.wire.attend(body.frame()).await? {
                let Ok(Ok(piece)) = piece.map(http_body::Frame::into_data) else { continue };
                let mut messages = Vec::new();
                let decoded = decoder.push(&piece, |event| {
                    items.read(&event);
                    messages.extend(Some(event_message(&event)).filter(|message| !message.is_empty()));
                });
                decoded.expect("no event is larger than the corridor let pass");
                self.wire.say(messages).await?;
            }
        } else {
            let document = match self.wire.attend(body.collect()).await? {
                Ok(whole) => whole.to_bytes(),
                Err(never) => match never {},
            };
            let message = message_of(&head, &document);
            items.read(&sse::Event { name: b"", data: &message, start: 0 });
            self.wire.say([message]).await?;
        }
        let kept = match stem {
            Some(stem) => self.relay.keep(stem, items).await,
            None => None,
        };
        // One that failed may be asked for again, from where it was.
        if let Some(kept) = kept {
            self.kept = Some(Arc::new(kept));
        }
        Ok(())
    }
}

fn new_id() -> RequestId {
    RequestId::from_uuid(uuid::Uuid::now_v7())
}

fn is_stream(head: &response::Parts) -> bool {
    let media_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    head.status.is_success() && media_type.starts_with("text/event-stream")
}

/// An answer that is no stream, as a message: a response that is whole, or a refusal.
fn message_of(head: &response::Parts, document: &[u8]) -> Bytes {
    if head.status.is_success() {
        return document_message(document);
    }
    let headers = head.headers.iter().filter(|(name, _)| !OF_HTTP.contains(name));
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    error_message(head.status.as_u16(), headers, document)
}
