//! The way to the control plane: through the socket of the relay that runs, else with the directory's lock in this process.
//! Both lead to the same router; no command knows which it took.

use crate::{
    cli::CommandError,
    clock::SystemClock,
    compose::{Ground, Office, compose_office},
    config::{Loaded, StoreEngine},
    control,
    data_dir::{DataDir, DataDirError, LockedDataDir},
    first_start,
    store_engine::OpenStore,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use store::Clock;
use tokio::{
    net::UnixStream,
    time::{Instant, sleep},
};

/// How long a command waits for a relay that starts or stops, for another command, and for Redis: longer than they take, no longer
/// than somebody waits who typed it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it tries meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// A way to the control plane.
pub(crate) enum Way {
    /// Through the socket of the relay that runs on this directory.
    Socket(PathBuf),
    /// In this process, which owns the directory until this value is closed.
    Here(Box<Here>),
}

/// The control plane in this process.
pub(crate) struct Here {
    pub(crate) office: Office,
    /// Held until the office is closed.
    _dir: LockedDataDir,
}

/// No way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoWay {
    /// There is no installation.
    #[error(
        "no relay has been set up in {}; name its directory with --data-dir or DATA_DIR, or make one with `claude-relay setup`",
        dir.display()
    )]
    NotSetUp { dir: PathBuf },
    /// The settings of this shell name another engine than the directory's.
    #[error(
        "the records that belong to {} are not in it; give this command the settings of the relay: --config, or REDIS_URL in the environment",
        dir.display()
    )]
    StoreElsewhere { dir: PathBuf },
    /// Somebody has the directory and does not listen.
    #[error(
        "the data directory {} is in use by {holder}, which cannot be reached through {}; if it starts or stops, try again",
        dir.display(), control::SOCKET_FILE
    )]
    InUse { dir: PathBuf, holder: String, source: io::Error },
}

impl Way {
    /// Finds the way to the installation that `loaded` names.
    pub(crate) async fn find(loaded: &Loaded) -> Result<Self, CommandError> {
        let dir = &loaded.settings.data_dir;
        if !dir.is_dir() {
            return Err(NoWay::NotSetUp { dir: dir.clone() }.into());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let unreached = match connect(dir).await {
                Ok(_reached) => return Ok(Self::Socket(dir.clone())),
                Err(error) => error,
            };
            match DataDir::open(dir)?.0.lock() {
                Ok(locked) => return Ok(Self::Here(Box::new(open(locked, loaded).await?))),
                Err(DataDirError::InUse { .. }) if Instant::now() < deadline => sleep(TRY_EVERY).await,
                Err(DataDirError::InUse { holder, .. }) => {
                    return Err(NoWay::InUse { dir: dir.clone(), holder, source: unreached }.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends what was opened for it.
    pub(crate) async fn close(self) {
        if let Self::Here(here) = self {
            here.office.close().await;
        }
    }
}

/// Connects to the relay that runs on `dir`.
pub(crate) async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let address = control::Address::of(dir, control::SOCKET_FILE)?;
    UnixStream::connect(address.path()).await
}

async fn open(dir: LockedDataDir, loaded: &Loaded) -> Result<Here, CommandError> {
    let (settings, path) = (&loaded.settings, dir.dir().path().to_owned());
    if !first_start::is_set_up(dir.dir()) {
        return Err(NoWay::NotSetUp { dir: path }.into());
    }
    let is_embedded = matches!(settings.store.engine, StoreEngine::Sqlite);
    if is_embedded && dir.dir().had_store() && !dir.dir().store_file().exists() {
        return Err(NoWay::StoreElsewhere { dir: path }.into());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let shared = OpenStore::open_shared(&settings.store.engine, &dir, PATIENCE, clock.now()).await?;
    let prepared = first_start::prepare(&dir, settings, clock.now())?;
    let engine = match shared {
        Some(engine) => engine,
        None => OpenStore::open_embedded(dir.dir(), clock.now())?,
    };
    let office = compose_office(Ground { dir: &dir, loaded, engine, prepared, node_clock: clock }).await?;
    Ok(Here { office, _dir: dir })
}
