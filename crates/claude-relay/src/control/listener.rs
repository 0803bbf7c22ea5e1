//! The server's side of the socket: made anew at each start, private from its first moment, removed at the end.

use super::address::{Address, SOCKET_FILE};
use crate::{data_dir::LockedDataDir, durable_file::PRIVATE_FILE_MODE, server};
use axum::Router;
use hyper::service::service_fn;
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use std::{
    convert::Infallible,
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// Connections at once: commands of a few operators and of scripts beside each other.
const CONNECTIONS_MAX: usize = 64;

/// How long is waited after an accept failed (no more file handles), so that others can end.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(100);

/// Where the socket is made before it gets its name: a directory that nobody else can look into.
const CRADLE: &str = "control.new";

/// A socket that listens. Dropping it removes its name.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Makes the socket of a directory that this process owns: whatever stands at its place was left by one that is gone.
    ///
    /// # Errors
    ///
    /// When the file system knows no sockets, or the path is too long for one.
    pub(crate) fn bind(dir: &LockedDataDir) -> io::Result<Self> {
        let dir = dir.dir().path();
        let (path, cradle) = (dir.join(SOCKET_FILE), dir.join(CRADLE));
        remove_if_there(&cradle.join(SOCKET_FILE))?;
        match fs::remove_dir(&cradle) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => DirBuilder::new().mode(0o700).create(&cradle)?,
        }
        let bound = bind_in(&cradle).and_then(|listener| {
            // A rename takes the place of what stands there, in one step.
            fs::rename(cradle.join(SOCKET_FILE), &path)?;
            Ok(Self { listener, path })
        });
        fs::remove_dir(&cradle).and(bound)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // What is left behind is replaced by the next start.
        let _ = fs::remove_file(&self.path);
    }
}

fn bind_in(cradle: &Path) -> io::Result<UnixListener> {
    let address = Address::of(cradle, SOCKET_FILE)?;
    let listener = UnixListener::bind(address.path())?;
    fs::set_permissions(address.path(), Permissions::from_mode(PRIVATE_FILE_MODE))?;
    Ok(listener)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Serves `router` on the socket until `stop`, then lets what runs end within `grace`. Without a socket it waits for `stop`.
pub(crate) async fn serve(socket: Option<ControlSocket>, router: Router, stop: CancellationToken, grace: Duration) {
    let Some(socket) = socket else { return stop.cancelled().await };
    let (tasks, graceful, cut) = (TaskTracker::new(), GracefulShutdown::new(), CancellationToken::new());
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some(accepted) = stop.run_until_cancelled(accept(&socket.listener, &places)).await {
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(error = %error, "a connection to the control socket could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY_AFTER).await;
                continue;
            }
        };
        let router = router.clone();
        let service = service_fn(move |request| {
            let answered = router.clone().oneshot(request);
            async move { Ok::<_, Infallible>(answered.await.unwrap_or_else(|never| match never {})) }
        });
        let connection = server::builder().serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = cut.clone().run_until_cancelled_owned(Box::pin(graceful.watch(connection)));
        tasks.spawn(async move {
            if let Some(Err(error)) = connection.await {
                tracing::debug!(error = &*error, "a connection to the control socket ended with an error");
            }
            drop(place);
        });
    }
    drop(socket);
    tasks.close();
    // Past the grace they are cut.
    let _ = tokio::time::timeout(grace, graceful.shutdown()).await;
    cut.cancel();
    tasks.wait().await;
}

async fn accept(listener: &UnixListener, places: &Arc<Semaphore>) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_dir::DataDir;
    use tempfile::{TempDir, tempdir};

    fn locked() -> (TempDir, LockedDataDir) {
        let parent = tempdir().expect("a directory");
        let (dir, _) = DataDir::open(&parent.path().join("data")).expect("made");
        (parent, dir.lock().expect("free"))
    }

    #[tokio::test]
    async fn the_socket_is_for_its_owner_alone_and_goes_with_the_relay() {
        let (_parent, dir) = locked();
        let path = dir.dir().path().join(SOCKET_FILE);
        let socket = ControlSocket::bind(&dir).expect("bound");
        let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(!dir.dir().path().join(CRADLE).exists());
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_relay_left_behind_is_replaced() {
        let (_parent, dir) = locked();
        let path = dir.dir().path().join(SOCKET_FILE);
        for left in ["a socket", "a file", "a cradle"] {
            match left {
                "a socket" => drop(std::os::unix::net::UnixListener::bind(&path).expect("bound")),
                "a file" => fs::write(&path, "").expect("written"),
                _ => {
                    fs::create_dir(dir.dir().path().join(CRADLE)).expect("made");
                    fs::write(dir.dir().path().join(CRADLE).join(SOCKET_FILE), "").expect("written");
                }
            }
            drop(ControlSocket::bind(&dir).expect(left));
        }
    }
}
