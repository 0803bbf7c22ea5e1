//! Responses over a WebSocket: the handshake. Each message that asks for a response is a request of its own, and passes the
//! corridor as any other; the connection keeps nothing but what the last response came to, so that the next can go on from it.

mod connection;
mod intake;
mod places;
mod turn;
mod wire;

pub(crate) use places::Places;
pub(crate) use wire::Heard;

use crate::{authenticate::Caller, body::RelayBody, refuse::sign, relay::Relay, route::Call};
use bytes::Bytes;
use connection::Connection;
use domain::RequestId;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request};
use http_body::Body;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use intake::Intake;
use protocol::{Operation, Refusal, headers::is_connection_option};
use std::{sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

/// How long a client may take to take up the connection after it was told that it may.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// The one version of the protocol (RFC 6455, 4.1).
const VERSION: &str = "13";

/// Bytes that are read at once; a message of a turn has some thousands.
const READ_BYTES: usize = 16 << 10;

/// What the beta of this protocol is called, with a date behind it: nothing that a request over HTTP asks for.
const BETA: &str = "responses_websockets=";

const OPENAI_BETA: &str = "openai-beta";

/// A client's connection behind its handshake.
type Transport = TokioIo<Upgraded>;

/// The WebSocket on it.
type ClientSocket = WebSocketStream<Intake<Transport>>;

impl Relay {
    /// Answers a client that wants to make `call` over a WebSocket. Who may not, or cannot, is told so over HTTP.
    pub(crate) async fn shake_hands<B>(
        self: &Arc<Self>,
        id: &RequestId,
        call: Call,
        request: Request<B>,
    ) -> Response<RelayBody>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let dialect = call.operation.dialect();
        match self.open_socket(id, call, request).await {
            Ok(response) => response,
            Err(refusal) => self.refuse(id, dialect, refusal.into()),
        }
    }

    async fn open_socket<B>(
        self: &Arc<Self>,
        id: &RequestId,
        call: Call,
        mut request: Request<B>,
    ) -> Result<Response<RelayBody>, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        if call.operation != Operation::Responses {
            return Err(Refusal::NoWebSocket);
        }
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let arrival = self.accept(id.clone(), call, request);
        let Caller { key, arrival } = self.authenticate(arrival).await?;
        let accepted = accept_key(&arrival.head.headers).ok_or(Refusal::NoWebSocket)?;
        let upgrade = upgrade.ok_or(Refusal::NoWebSocket)?;
        let place = self.places.take(&key.id, &self.metrics)?;
        let (greeting, call) = (Greeting::of(arrival.id, arrival.head), arrival.call);
        let relay = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Ok(Ok(upgraded)) = tokio::time::timeout(HANDSHAKE_MAX, upgrade).await {
                let transport = Intake::new(TokioIo::new(upgraded), relay.buffers.clone());
                let socket = socket(transport, relay.settings.body_bytes_max).await;
                let cut = relay.cut.clone();
                cut.run_until_cancelled(Connection::new(relay, greeting, call, socket).run()).await;
            }
            drop(place);
        });
        Ok(switching(id, &accepted))
    }
}

/// The answer to a handshake that keeps to RFC 6455 (4.2.1); none where it does not.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let options = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let is_upgrade = options.into_iter().any(|line| is_connection_option(line, header::UPGRADE.as_str()));
    let is_websocket = text(header::UPGRADE).is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    let is_known = is_upgrade && is_websocket && text(header::SEC_WEBSOCKET_VERSION) == Some(VERSION);
    let key = text(header::SEC_WEBSOCKET_KEY).filter(|_| is_known)?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()
}

fn switching(id: &RequestId, accepted: &HeaderValue) -> Response<RelayBody> {
    let mut response = Response::new(RelayBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accepted.clone());
    sign(headers, id);
    response
}

async fn socket<S: AsyncRead + AsyncWrite + Unpin>(
    transport: Intake<S>,
    message_bytes_max: u64,
) -> WebSocketStream<Intake<S>> {
    let bytes_max = usize::try_from(message_bytes_max).ok();
    let config =
        WebSocketConfig::default().read_buffer_size(READ_BYTES).max_message_size(bytes_max).max_frame_size(bytes_max);
    WebSocketStream::from_raw_socket(transport, Role::Server, Some(config)).await
}

/// What a client said when it opened its connection.
struct Greeting {
    /// The handshake's id, which no other connection has.
    id: RequestId,
    /// The head that each request of the connection has: the handshake's, as the client would have sent it over HTTP.
    head: request::Parts,
    /// The beta of this protocol that it speaks.
    beta: Option<HeaderValue>,
}

impl Greeting {
    fn of(id: RequestId, mut head: request::Parts) -> Self {
        head.method = Method::POST;
        head.extensions = Extensions::new();
        for name in [
            header::CONNECTION,
            header::UPGRADE,
            header::SEC_WEBSOCKET_KEY,
            header::SEC_WEBSOCKET_VERSION,
            header::SEC_WEBSOCKET_EXTENSIONS,
            header::SEC_WEBSOCKET_PROTOCOL,
            header::CONTENT_LENGTH,
            header::CONTENT_ENCODING,
        ] {
            head.headers.remove(name);
        }
        head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        head.headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let lines: Vec<_> = head.headers.get_all(OPENAI_BETA).iter().filter_map(|line| line.to_str().ok()).collect();
        let betas = lines.iter().flat_map(|line| line.split(',')).map(str::trim).filter(|beta| !beta.is_empty());
        let (own, others): (Vec<_>, Vec<_>) = betas.partition(|beta| beta.starts_with(BETA));
        let beta = own.first().and_then(|beta| HeaderValue::from_str(beta).ok());
        let others = HeaderValue::try_from(others.join(",")).ok().filter(|others| !others.is_empty());
        head.headers.remove(OPENAI_BETA);
        if let Some(others) = others {
            head.headers.insert(OPENAI_BETA, others);
        }
        Self { id, head, beta }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_handshake_is_accepted_as_the_rfc_has_it() {
        // RFC 6455, 1.3.
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let upgrade = ("upgrade", "WebSocket");
        let whole = [("connection", "keep-alive, Upgrade"), upgrade, ("sec-websocket-version", "13"), key];
        assert_eq!(accept_key(&headers(&whole)), Some(HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        assert_eq!(
            accept_key(&headers(&[("connection", "upgrade"), upgrade, ("sec-websocket-version", "8"), key])),
            None
        );
        for left_out in 0..whole.len() {
            let mut lines = whole.to_vec();
            lines.remove(left_out);
            assert_eq!(accept_key(&headers(&lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn a_request_s_head_has_nothing_of_the_socket_in_it() {
        let lines = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
            ("openai-beta", "a=1, responses_websockets=2026-02-06"),
            ("session-id", "s"),
        ];
        let mut request = Request::get("/v1/responses").body(()).expect("a request");
        *request.headers_mut() = headers(&lines);
        let id = RequestId::parse("r1").expect("an id");
        let Greeting { head, beta, .. } = Greeting::of(id, request.into_parts().0);
        assert_eq!(beta, Some(HeaderValue::from_static("responses_websockets=2026-02-06")));
        assert_eq!((head.method, &head.headers["openai-beta"]), (Method::POST, &HeaderValue::from_static("a=1")));
        let names: Vec<_> = head.headers.keys().map(header::HeaderName::as_str).collect();
        assert!(
            names.contains(&"session-id") && !names.iter().any(|name| name.contains("websocket") || *name == "upgrade")
        );
    }
}
