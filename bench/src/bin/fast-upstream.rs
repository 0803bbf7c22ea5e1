//! The synthetic upstream: answers at once, or at a set pace, whatever it is asked. It checks nothing.
#![expect(clippy::print_stdout, reason = "says where it listens")]

use bench::answers::{self, ANSWER_HEADER, AnswerKind, PACE, PACE_HEADER};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io,
    net::Ipv4Addr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, Interval, interval_at},
};

/// The answers, made once.
struct Stock {
    document: Bytes,
    stream: Bytes,
    events: Arc<[Bytes]>,
}

/// Frames of a stream: with a pause between them, or all at once as a single one without a known length.
struct Frames {
    queue: Arc<[Bytes]>,
    next: usize,
    pause: Option<Interval>,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.next;
        if let Some(pause) = self.pause.as_mut().filter(|_| next > 0) {
            ready!(pause.poll_tick(cx));
        }
        let frame = self.queue.get(next).cloned();
        self.next += 1;
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.next >= self.queue.len()
    }
}

fn pace(headers: &HeaderMap) -> Duration {
    let asked = headers.get(PACE_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
    asked.map_or(PACE, Duration::from_millis)
}

async fn answer(stock: &Stock, request: Request<Incoming>) -> Response<Either<Full<Bytes>, Frames>> {
    let (head, mut body) = request.into_parts();
    // A body that breaks off ends the connection anyway.
    while let Some(Ok(_)) = body.frame().await {}
    let kind = AnswerKind::of_header(head.headers.get(ANSWER_HEADER).map(HeaderValue::as_bytes));
    let (content_type, body) = match kind {
        AnswerKind::Document => ("application/json", Either::Left(Full::new(stock.document.clone()))),
        AnswerKind::Stream => {
            let queue = Arc::from([stock.stream.clone()]);
            ("text/event-stream; charset=utf-8", Either::Right(Frames { queue, next: 0, pause: None }))
        }
        AnswerKind::PacedStream => {
            let pace = pace(&head.headers);
            let pause = Some(interval_at(Instant::now() + pace, pace));
            let queue = Arc::clone(&stock.events);
            ("text/event-stream; charset=utf-8", Either::Right(Frames { queue, next: 0, pause }))
        }
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert("request-id", HeaderValue::from_static("req_01BenchBenchBenchBench"));
    response
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let events: Arc<[Bytes]> = answers::events().into();
    let stock = Arc::new(Stock { document: answers::document(), stream: events.concat().into(), events });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            Some(_) = connections.join_next() => continue,
        };
        stream.set_nodelay(true)?;
        let stock = Arc::clone(&stock);
        connections.spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(answer(&stock, request).await) });
            // A client that leaves in between is how every run ends.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
