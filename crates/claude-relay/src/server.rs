//! The listener: accepts connections, bounds them, and lets streams finish when it is told to stop. What is answered stands in `front`.

use crate::{
    front::{Front, FrontBody},
    socket::ClientSocket,
    telemetry::Tapped,
    tls::ServerTls,
};
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at once: far more than the streams of a large team, far fewer than would exhaust a small machine.
const CONNECTIONS_MAX: usize = 16_384;

/// How long a client may take to send the head of a request, and how long a connection is kept without one: longer than the
/// clients' own pools keep theirs, so that none is closed under a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// How often a silent HTTP/2 connection is asked whether its client is still there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 128 << 10;

/// How long is waited after an accept failed (no more file handles), so that others can end.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(100);

/// Serves `listener`, over `tls` where there is one, until `stop`, then lets what runs end within `grace`; gives what is left of it.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    front: Arc<Front>,
    stop: CancellationToken,
    grace: Duration,
) -> Duration {
    let (tasks, graceful, cut) = (TaskTracker::new(), GracefulShutdown::new(), CancellationToken::new());
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (socket, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::error!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY_AFTER).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let served = converse(socket, tls.clone(), peer, Arc::clone(&front), graceful.watcher());
        let served = cut.clone().run_until_cancelled_owned(served);
        tasks.spawn(async move {
            served.await;
            drop(place);
        });
    }
    let stopped_at = Instant::now();
    drop(listener);
    tasks.close();
    tracing::info!(
        connections = tasks.len(),
        grace_s = grace.as_secs(),
        "no new connections; running answers may finish"
    );
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "connections are cut at the end of the grace");
    }
    cut.cancel();
    tasks.wait().await;
    grace.saturating_sub(stopped_at.elapsed())
}

/// Shakes hands where that is wanted, and serves the connection to its end.
async fn converse(
    socket: TcpStream,
    tls: Option<Arc<ServerTls>>,
    peer: SocketAddr,
    front: Arc<Front>,
    watcher: Watcher,
) {
    let Some(tls) = tls else { return serve_connection(socket, peer, front, watcher).await };
    // Boxed: the room that a handshake takes is given back behind it.
    match Box::pin(tls.accept(socket)).await {
        Ok(stream) => serve_connection(stream, peer, front, watcher).await,
        Err(error) => tracing::debug!(peer = %peer, error = %error, "a handshake failed"),
    }
}

async fn serve_connection(
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: SocketAddr,
    front: Arc<Front>,
    watcher: Watcher,
) {
    // Boxed: the connection keeps room for a running answer, and an open stream needs that room no more.
    let service = service_fn(move |request| Box::pin(answer(Arc::clone(&front), request, peer)));
    let socket = TokioIo::new(ClientSocket::new(socket));
    let connection = builder().serve_connection_with_upgrades(socket, service).into_owned();
    if let Err(error) = Box::pin(watcher.watch(connection)).await {
        tracing::debug!(peer = %peer, error = &*error, "a connection ended with an error");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (socket, peer) = listener.accept().await?;
    socket.set_nodelay(true)?;
    Ok((socket, peer, place))
}

/// HTTP/1.1 and HTTP/2 with prior knowledge on one port.
pub(crate) fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_EVERY);
    builder
}

async fn answer(
    front: Arc<Front>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Tapped<FrontBody>>, Infallible> {
    Ok(front.answer(request, peer).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body_util::Full;
    use std::error::Error;
    use tokio::{
        io::{AsyncWriteExt, duplex},
        time::timeout,
    };

    /// Longer than anyone is waited for.
    const A_WHILE: Duration = Duration::from_secs(3600);

    /// Serves a client that sends `words`, keeps the connection, and never reads.
    async fn serve_silent(words: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (mut client, socket) = duplex(64);
        client.write_all(words).await?;
        let service =
            service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(&[0; 4096])))) });
        let builder = builder();
        timeout(A_WHILE, builder.serve_connection(TokioIo::new(ClientSocket::new(socket)), service)).await?
    }

    // Both held their place, and the second its answer's upstream, until the client's end of the connection was gone.
    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_though_its_client_keeps_it() {
        for words in ["", "GET / HTTP/1.1\r\nhost: relay\r\n\r\n"] {
            let ended = serve_silent(words.as_bytes()).await.expect_err(words);
            let timed_out = std::iter::successors(Some(&*ended as &(dyn Error + 'static)), |&error| error.source())
                .any(|error| {
                    error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut)
                });
            assert!(timed_out, "{words:?}: {ended:?}");
        }
    }
}
