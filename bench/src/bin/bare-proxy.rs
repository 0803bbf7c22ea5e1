//! The bare pass-through proxy: what any proxy in the relay's place costs. It parses no body and keeps no books.
#![expect(clippy::print_stdout, reason = "says where it listens")]

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http_body_util::{Either, Empty};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{CONNECTION, HOST, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use std::{convert::Infallible, io, net::Ipv4Addr, sync::Arc};
use tokio::{net::TcpListener, task::JoinSet};

/// Where to, and over which connections.
struct Onward {
    authority: Authority,
    host: HeaderValue,
    client: Client<HttpConnector, Incoming>,
}

impl Onward {
    fn new(authority: Authority) -> Option<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        Some(Self { authority, host, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    fn uri(&self, request: &Request<Incoming>) -> Option<Uri> {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.authority.clone());
        uri.path_and_query(path).build().ok()
    }

    async fn pass(&self, mut request: Request<Incoming>) -> Response<Either<Incoming, Empty<Bytes>>> {
        let Some(uri) = self.uri(&request) else { return refusal(StatusCode::BAD_REQUEST) };
        *request.uri_mut() = uri;
        request.headers_mut().remove(CONNECTION);
        request.headers_mut().insert(HOST, self.host.clone());
        match self.client.request(request).await {
            Ok(mut response) => {
                response.headers_mut().remove(CONNECTION);
                response.map(Either::Left)
            }
            Err(_) => refusal(StatusCode::BAD_GATEWAY),
        }
    }
}

fn refusal(status: StatusCode) -> Response<Either<Incoming, Empty<Bytes>>> {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let authority = std::env::args().nth(1).and_then(|text| text.parse().ok()).and_then(Onward::new);
    let onward = Arc::new(authority.ok_or_else(|| io::Error::other("usage: bare-proxy HOST:PORT"))?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            Some(_) = connections.join_next() => continue,
        };
        stream.set_nodelay(true)?;
        let onward = Arc::clone(&onward);
        connections.spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(onward.pass(request).await) });
            // A client that leaves in between is how every run ends.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
