//! The front desk: which plane a request belongs to. Knows paths, and nothing of what happens behind them.

use crate::{
    telemetry::{Exchange, HttpDebug, Plane, Tapped},
    vitals::Vitals,
};
use axum::{Router, extract::ConnectInfo};
use bytes::Bytes;
use domain::RequestId;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use relay::{Relay, RelayBody, Route};
use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::ServiceExt;

/// What a person sees who opens the relay's address in a browser.
const GREETING: &str = "claude-relay is running.\n\nClients: use this address as their base URL, with a key of this relay.\n\
    Administrators: the API is described at /admin/openapi.json.\n";

/// What stands behind the front desk.
pub(crate) struct Front {
    pub(crate) relay: Arc<Relay>,
    pub(crate) admin: Router,
    pub(crate) vitals: Vitals,
    /// Where the traffic is written down, if it is.
    pub(crate) http_debug: Option<HttpDebug>,
}

/// A body of either plane.
pub(crate) enum FrontBody {
    Relay(RelayBody),
    Admin(axum::body::Body),
}

impl Front {
    /// Answers any request.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Tapped<FrontBody>> {
        let id = RequestId::from_uuid(uuid::Uuid::now_v7());
        let Some(http_debug) = &self.http_debug else {
            let response = self.route(id, request.map(Tapped::untapped), peer).await;
            return response.map(Tapped::untapped);
        };
        let plane = if is_admin(request.uri().path()) { Plane::Admin } else { Plane::Data };
        let exchange = Exchange { request_id: id.as_str(), plane };
        let request = http_debug.wrap_request(exchange, request);
        let response = self.route(id.clone(), request, peer).await;
        http_debug.wrap_response(exchange, response)
    }

    async fn route(&self, id: RequestId, request: Request<Tapped<Incoming>>, peer: SocketAddr) -> Response<FrontBody> {
        let path = request.uri().path();
        if let Some(route) = Route::of(request.method(), path, request.uri().query(), request.headers()) {
            return self.relay.respond(id, route, peer.ip(), request).await.map(FrontBody::Relay);
        }
        if is_admin(path) {
            return self.administer(id, request, peer).await;
        }
        if let Some(vital) = self.vitals.answer(&request, peer).await {
            return vital.map(whole);
        }
        match (request.method(), path) {
            (&Method::GET, "/") => text(StatusCode::OK, GREETING).map(whole),
            _ => self.relay.respond(id, Route::Nowhere, peer.ip(), request).await.map(FrontBody::Relay),
        }
    }

    async fn administer(
        &self,
        id: RequestId,
        mut request: Request<Tapped<Incoming>>,
        peer: SocketAddr,
    ) -> Response<FrontBody> {
        request.extensions_mut().insert(id);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answered: Result<_, Infallible> = self.admin.clone().oneshot(request.map(axum::body::Body::new)).await;
        match answered {
            Ok(response) => response.map(FrontBody::Admin),
            Err(never) => match never {},
        }
    }
}

fn is_admin(path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below("/admin") || below("/user") || path == admin::CALLBACK_PATH
}

/// A text for people.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn whole(bytes: Bytes) -> FrontBody {
    FrontBody::Admin(axum::body::Body::new(
        http_body_util::Full::new(bytes).map_err(|never: Infallible| match never {}),
    ))
}

impl Body for FrontBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut *self {
            Self::Relay(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Admin(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Relay(body) => body.is_end_stream(),
            Self::Admin(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Relay(body) => body.size_hint(),
            Self::Admin(body) => body.size_hint(),
        }
    }
}
