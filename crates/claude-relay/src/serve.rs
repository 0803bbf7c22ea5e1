//! `claude-relay serve`: the order of a start, and of an end.

use crate::{
    cli::{CommandError, tell},
    clock::SystemClock,
    compose::{Ground, compose},
    config::{Loaded, Settings},
    control::{self, ControlSocket},
    data_dir::{DataDir, LockedDataDir},
    first_start,
    note::{Note, Severity},
    server,
    store_engine::{OpenStore, REDIS_START_MAX},
    telemetry,
    tls::ServerTls,
};
use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};
use store::Clock;
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long blocking work may go on after everything has ended.
const LAST_WORK_MAX: Duration = Duration::from_secs(2);

/// Runs the relay until it is told to stop.
pub(crate) fn serve(loaded: Loaded) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = run(&runtime, loaded);
    runtime.shutdown_timeout(LAST_WORK_MAX);
    result
}

fn run(runtime: &Runtime, mut loaded: Loaded) -> Result<(), CommandError> {
    let mut notes = std::mem::take(&mut loaded.notes);
    let settings = &loaded.settings;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (dir, dir_notes) = DataDir::open(&settings.data_dir)?;
    let dir = dir.lock()?;
    let tls = settings.listen.tls.clone().map(ServerTls::load).transpose().map_err(|error| error.to_string())?;
    let tls = tls.map(Arc::new);
    // Bound before anything is made: an address in use is no start, and leaves nothing behind.
    let listener = runtime.block_on(listen(settings))?;
    let telemetry = telemetry::start(&settings.log, Arc::clone(&clock))?;
    // A shared store is looked at first: where other nodes have filled it, nothing is made behind their backs.
    let shared =
        runtime.block_on(OpenStore::open_shared(&settings.store.engine, &dir, REDIS_START_MAX, clock.now()))?;
    let prepared = first_start::prepare(&dir, settings, clock.now())?;
    notes.extend(dir_notes);
    notes.extend(prepared.notes.iter().cloned());
    notes.iter().for_each(log_note);
    tell(&prepared.report)?;
    let served = runtime.block_on(async {
        let stop = CancellationToken::new();
        // Heard from here on: who stops the relay as soon as it is ready gets an orderly end too.
        let signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let engine = match shared {
            Some(engine) => engine,
            None => OpenStore::open_embedded(dir.dir(), clock.now())?,
        };
        let ground = Ground { dir: &dir, loaded: &loaded, engine, prepared, node_clock: clock };
        let house = compose(ground, telemetry.clone(), stop.clone()).await?;
        let socket = control_socket(&dir);
        announce(&listener, tls.is_some())?;
        let hangup = tls.as_ref().map(|_| signal(SignalKind::hangup())).transpose()?;
        let watching = watch_certificate(tls.clone().zip(hangup), stop.clone());
        let grace = settings.shutdown_grace;
        let serving = server::serve(listener, tls, Arc::clone(&house.front), stop.clone(), grace);
        let controlling = control::serve(socket, house.operator.clone(), stop.clone(), grace);
        let (grace_left, (), (), ()) = tokio::join!(serving, controlling, watching, stop_on_signal(signals, stop));
        house.close(grace_left).await;
        tracing::info!("stopped");
        Ok(())
    });
    telemetry.shutdown();
    served
}

async fn listen(settings: &Settings) -> Result<TcpListener, CommandError> {
    let endpoint = settings.listen.endpoint;
    let bound = TcpListener::bind(endpoint).await;
    bound.map_err(|error| format!("cannot listen on {endpoint}: {error}; name another address with --listen").into())
}

/// Takes up a certificate that was renewed, where there is one.
async fn watch_certificate(watched: Option<(Arc<ServerTls>, Signal)>, stop: CancellationToken) {
    if let Some((tls, hangup)) = watched {
        tls.watch(hangup, stop).await;
    }
}

/// Clients are served also where the file system knows no sockets.
fn control_socket(dir: &LockedDataDir) -> Option<ControlSocket> {
    let bound = ControlSocket::bind(dir);
    let path = dir.dir().path().join(control::SOCKET_FILE);
    let warn = |error: &io::Error| {
        tracing::warn!(error = %error, "the control socket {} cannot be made: commands reach this relay only when it is stopped", path.display());
    };
    bound.inspect_err(warn).ok()
}

/// The line that scripts wait for.
fn announce(listener: &TcpListener, speaks_tls: bool) -> Result<(), CommandError> {
    let address = listener.local_addr()?;
    tracing::info!(address = %address, version = env!("CARGO_PKG_VERSION"), "ready");
    let mut out = io::stdout().lock();
    let scheme = if speaks_tls { "https" } else { "http" };
    writeln!(out, "listening on {scheme}://{address}")?;
    out.flush()?;
    Ok(())
}

/// Begins the end at SIGTERM or SIGINT. A second one changes nothing: the end is bounded by the grace.
async fn stop_on_signal((mut terminate, mut interrupt): (Signal, Signal), stop: CancellationToken) {
    tokio::select! {
        _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
        _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "stopping"),
    }
    stop.cancel();
}

fn log_note(note: &Note) {
    match note.severity {
        Severity::Hint => tracing::info!("{note}"),
        Severity::Warning => tracing::warn!("{note}"),
    }
}
