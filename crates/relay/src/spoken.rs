//! A request that came over a WebSocket goes on over one, where the account's API has them: the socket stays with the client's
//! connection, so that its next request is answered by whoever still knows the last.

use crate::{directory::Seat, opening::Unsent, relay::Relay, settings::UpstreamSockets, socket::Heard};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use parking_lot::Mutex;
use protocol::{
    Operation, edited,
    openai::socket::{RefusedMessage, create_message, refused_message},
    scan_request,
};
use std::{
    sync::{Arc, Weak},
    task::Poll,
    time::Duration,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use upstream::{Handshake, SendError, Socket, SocketAnswer, UpstreamBody, client::Parts};

/// How long an upstream that has no WebSockets is not asked for one.
const NO_SOCKETS_FOR: Duration = Duration::from_secs(600);

/// The beta of the protocol, for clients that name none.
const BETA_USUAL: HeaderValue = HeaderValue::from_static("responses_websockets=2026-02-06");

const OPENAI_BETA: HeaderName = HeaderName::from_static("openai-beta");

/// What an upstream says of a socket on which nothing can be gone on from: its time is over, or it has forgotten.
const WORN_OUT: [&str; 2] = ["websocket_connection_limit_reached", "previous_response_not_found"];

/// What a client said on a WebSocket, and the socket to an account that its connection has.
pub(crate) struct Spoken {
    pub(crate) link: Arc<Link>,
    /// Its message, as it came.
    pub(crate) heard: Heard,
    /// The response that it goes on from.
    pub(crate) previous: Option<String>,
}

/// The socket to an account that a client's connection has, while it is not in use.
pub(crate) struct Link {
    /// The connection's name: requests that name no session belong to this one.
    pub(crate) session: String,
    beta: Option<HeaderValue>,
    free: Mutex<Option<Free>>,
}

struct Free {
    /// The account as it was then: one that was changed is another.
    seat: Weak<Seat>,
    socket: Socket,
    /// The response that was made on it last; none where it failed.
    last_response: Option<String>,
}

impl Link {
    /// A link without a socket yet, of the connection `session`, for a client that speaks this beta of the protocol.
    pub(crate) const fn new(session: String, beta: Option<HeaderValue>) -> Self {
        Self { session, beta, free: Mutex::new(None) }
    }

    /// Keeps the socket alive while nothing is asked; ready when it has ended, and for ever pending without one.
    pub(crate) async fn idle(&self) {
        std::future::poll_fn(|cx| {
            let mut free = self.free.lock();
            let ended = free.as_mut().map_or(Poll::Pending, |free| free.socket.poll_idle(cx));
            if ended.is_ready() {
                *free = None;
            }
            ended
        })
        .await;
    }

    /// The socket, where it is one to `seat`; one to another is closed.
    fn take(&self, seat: &Arc<Seat>) -> Option<Free> {
        self.free.lock().take().filter(|free| std::ptr::eq(free.seat.as_ptr(), Arc::as_ptr(seat)))
    }
}

impl Relay {
    /// Asks the account of `seat` over a WebSocket; none where it is to be asked `request` over HTTP.
    pub(crate) async fn send_spoken(
        &self,
        spoken: &Spoken,
        seat: &Arc<Seat>,
        request: &Request<Parts>,
    ) -> Option<Result<Response<UpstreamBody>, Unsent>> {
        let is_tried = self.settings.upstream_sockets == UpstreamSockets::Tried
            && seat.destination.has_socket(Operation::Responses)
            && seat.standing.may_have_sockets(self.clock.now());
        if !is_tried {
            return None;
        }
        let whole = create_message(&request.body().clone().into_whole()).ok().and_then(text)?;
        if let Some(free) = spoken.link.take(seat) {
            let message = go_on(spoken, &free, seat).unwrap_or_else(|| whole.clone());
            let answered = seat.line.ask(free.socket, message).await;
            match answered {
                Ok(answer) if !is_worn_out(&answer) => return Some(Ok(response(spoken, seat, answer))),
                // What was closed meanwhile, or cannot go on, says so before any answer.
                Ok(_) | Err(SendError::Socket(_)) => {}
                Err(error) => return Some(Err(error.into())),
            }
        }
        let socket = match self.open_upstream(spoken, seat, request).await? {
            Ok(socket) => socket,
            Err(error) => return Some(Err(error)),
        };
        let answered = seat.line.ask(socket, whole).await;
        Some(answered.map(|answer| response(spoken, seat, answer)).map_err(Unsent::Sent))
    }

    /// Opens a socket to the account; none where its upstream does not take the handshake: over HTTP it says why, or serves.
    async fn open_upstream(
        &self,
        spoken: &Spoken,
        seat: &Seat,
        request: &Request<Parts>,
    ) -> Option<Result<Socket, Unsent>> {
        let mut request = request.clone();
        let handshake = Handshake::begin(&mut request);
        request.headers_mut().append(OPENAI_BETA, spoken.link.beta.clone().unwrap_or(BETA_USUAL));
        let answer = match self.send(seat, request).await {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        let status = answer.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Some(handshake.finish(answer).await.map_err(Unsent::Sent));
        }
        if !may_be_passing(status) {
            tracing::info!(account.id = %seat.account.id, status = status.as_u16(), "no WebSocket: asked over HTTP for a while");
            seat.standing.has_no_sockets(self.clock.now().plus(NO_SOCKETS_FOR));
        }
        None
    }
}

/// Whether an upstream that refuses a handshake so may take one later: it speaks of the account, or of itself.
fn may_be_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS)
}

/// The client's own message, for an upstream that knows what it goes on from; none where it does not.
fn go_on(spoken: &Spoken, free: &Free, seat: &Seat) -> Option<Utf8Bytes> {
    let is_known = spoken.previous.is_some() && spoken.previous == free.last_response;
    let scan = is_known.then(|| scan_request(Operation::Responses, &spoken.heard.text, None).ok()).flatten()?;
    let model = seat.account.upstream_model(&scan.model);
    let edits = scan.model_edit(&spoken.heard.text, model).into_iter().collect();
    text(edited(&spoken.heard.text, edits).concat())
}

fn text(bytes: Vec<u8>) -> Option<Utf8Bytes> {
    String::from_utf8(bytes).ok().map(Utf8Bytes::from)
}

fn is_worn_out(answer: &SocketAnswer) -> bool {
    let refused = refused_message(answer.first()).and_then(|refused| refused.code);
    refused.is_some_and(|code| WORN_OUT.contains(&code.as_str()))
}

/// An answer as it would be over HTTP. Behind its end the socket is free again.
fn response(spoken: &Spoken, seat: &Arc<Seat>, answer: SocketAnswer) -> Response<UpstreamBody> {
    if let Some(RefusedMessage { status, headers, document, .. }) = refused_message(answer.first()) {
        let mut response = Response::new(UpstreamBody::Whole(Some(document)));
        *response.status_mut() = StatusCode::from_u16(status).expect("a status of three digits");
        let headers = headers.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
        response.headers_mut().extend(headers.collect::<Vec<(HeaderName, HeaderValue)>>());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().remove(header::CONTENT_ENCODING);
        return response;
    }
    let (link, seat) = (Arc::clone(&spoken.link), Arc::downgrade(seat));
    let answer = answer.giving_back(move |socket, last_response| {
        *link.free.lock() = Some(Free { seat, socket, last_response });
    });
    let mut response = Response::new(UpstreamBody::Socket(Box::new(answer)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}
