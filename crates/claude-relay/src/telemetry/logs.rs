//! Starts logging and holds what can be changed and read while it runs. Formats nothing, writes nothing.

use super::{
    day_file::DayFile,
    http_debug::HttpDebug,
    layer::{LogLayer, TerminalLines, Threshold},
    line::{Colour, Style},
    queue::{LineQueue, QUEUE_BYTES_MAX},
    refresh_errors::RefreshErrorFile,
    retention::{Family, Keep},
    writer::{Pace, Place, Running, Sink, Witness, Writer},
};
use crate::config::{LogFormat, LogLevel, LogSettings};
use domain::Timestamp;
use parking_lot::Mutex;
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use store::Clock;
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// How long a shutdown waits for one output. A disk takes a full queue in less; a stopped terminal takes for ever.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// Logging that runs. Clones are the same; dropping them stops nothing, only [`shutdown`](Self::shutdown) does.
#[derive(Debug, Clone)]
pub struct Telemetry(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    threshold: Threshold,
    file: LineQueue,
    terminal: LineQueue,
    refresh_errors: LineQueue,
    http_debug: Option<(LineQueue, HttpDebug)>,
    /// Empty after the shutdown. In the order of ending: the terminal hears of the others' trouble.
    writers: Mutex<Vec<(LineQueue, Running)>>,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// `claude-relay-*.log`.
    File,
    /// The terminal, or what standard error is instead.
    Terminal,
    /// `http-debug-*.log`.
    HttpDebug,
    /// `token-refresh-error.log`.
    RefreshErrors,
}

/// Logging that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directory cannot be made, or no file in it written.
    #[error(
        "cannot write log files in {}; let the user that runs the relay write there, or name another directory with --log-dir",
        path.display()
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Standard error cannot be used.
    #[error("cannot write to standard error")]
    Terminal(#[source] io::Error),
    /// There is no thread to be had.
    #[error("cannot start the thread that writes the log")]
    Thread(#[source] io::Error),
    /// This process logs already.
    #[error("logging was started before in this process")]
    Twice,
}

/// Starts logging for the whole process: to standard error and to `claude-relay-YYYY-MM-DD.log` (UTC days) in the directory.
///
/// Events are lines of JSON in the file and, on the terminal, as `settings.format` says; colours there unless the variable
/// `NO_COLOR` is set to something.
///
/// # Errors
///
/// When no log file can be written, no thread started, or it was started before.
pub fn start(settings: &LogSettings, clock: Arc<dyn Clock>) -> Result<Telemetry, LogError> {
    let style = style(settings.format, Screen::standard_error(), wants_colour());
    let terminal = Terminal::standard_error().map_err(LogError::Terminal)?;
    let (telemetry, layer) = build(settings, clock, (terminal, style))?;
    tracing::subscriber::set_global_default(Registry::default().with(layer)).map_err(|_| LogError::Twice)?;
    Ok(telemetry)
}

impl Output {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::File, Self::Terminal, Self::HttpDebug, Self::RefreshErrors];

    /// `file`, `terminal`, `http_debug` or `refresh_errors`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Terminal => "terminal",
            Self::HttpDebug => "http_debug",
            Self::RefreshErrors => "refresh_errors",
        }
    }
}

impl Telemetry {
    /// What is logged now.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        self.0.threshold.get()
    }

    /// Logs this and everything graver from now on.
    pub fn set_level(&self, level: LogLevel) {
        self.0.threshold.set(level);
    }

    /// Lines that were dropped since the start, because they did not fit in memory or could not be written.
    #[must_use]
    pub fn dropped_lines(&self, output: Output) -> u64 {
        match output {
            Output::File => self.0.file.dropped_lines(),
            Output::Terminal => self.0.terminal.dropped_lines(),
            Output::RefreshErrors => self.0.refresh_errors.dropped_lines(),
            Output::HttpDebug => self.0.http_debug.as_ref().map_or(0, |(queue, _)| queue.dropped_lines()),
        }
    }

    /// Where requests and answers are written to; none unless the settings ask for it.
    #[must_use]
    pub fn http_debug(&self) -> Option<&HttpDebug> {
        self.0.http_debug.as_ref().map(|(_, http_debug)| http_debug)
    }

    /// Writes what waits and ends the threads; waits at most two seconds for each output. Lines that come later are dropped
    /// and counted. Once is enough; a second call does nothing. Blocks: not for the thread of an async runtime.
    pub fn shutdown(&self) {
        let writers = std::mem::take(&mut *self.0.writers.lock());
        for (queue, running) in writers {
            queue.close();
            running.join(FLUSH_TIME_MAX);
        }
    }
}

fn build(
    settings: &LogSettings,
    clock: Arc<dyn Clock>,
    (terminal, style): (impl Sink, Style),
) -> Result<(Telemetry, LogLayer), LogError> {
    let queues = [(); 4].map(|()| LineQueue::new(QUEUE_BYTES_MAX));
    let [file, shown, traffic, refresh_errors] = queues;
    let keep = Keep { days: settings.retention_days, bytes_max: settings.bytes_max };
    let begin = |name, queue: &LineQueue, family| {
        let sink = DayFile::open(&settings.dir, family, keep, clock.now())?;
        let witness = Some(Witness { queue: shown.clone(), style });
        let (queue, clock) = (queue.clone(), Arc::clone(&clock));
        let writer = Writer { name, queue: queue.clone(), sink, style: Style::Json, clock, pace: Pace::USUAL, witness };
        Ok((queue, writer.start().map_err(LogError::Thread)?))
    };
    let mut writers = vec![begin("log-file", &file, Family::Relay)?];
    if settings.http_traffic {
        writers.push(begin("log-http-debug", &traffic, Family::HttpDebug)?);
    }
    writers.push(begin_refresh_errors(settings, &refresh_errors, &clock, Witness { queue: shown.clone(), style })?);
    let writer = Writer {
        name: "log-terminal",
        queue: shown.clone(),
        sink: terminal,
        style,
        clock: Arc::clone(&clock),
        pace: Pace::USUAL,
        witness: None,
    };
    writers.push((shown.clone(), writer.start().map_err(LogError::Thread)?));
    let threshold = Threshold::new(settings.level);
    let http_debug = settings.http_traffic.then(|| (traffic.clone(), HttpDebug::new(traffic, Arc::clone(&clock))));
    let parts = Parts {
        threshold: threshold.clone(),
        file: file.clone(),
        terminal: shown.clone(),
        refresh_errors: refresh_errors.clone(),
        http_debug,
        writers: Mutex::new(writers),
    };
    let terminal = TerminalLines { queue: shown, style };
    let layer = LogLayer { threshold, clock, file, terminal, refresh_errors };
    Ok((Telemetry(Arc::new(parts)), layer))
}

/// The output of what fails at refreshing tokens.
fn begin_refresh_errors(
    settings: &LogSettings,
    queue: &LineQueue,
    clock: &Arc<dyn Clock>,
    witness: Witness,
) -> Result<(LineQueue, Running), LogError> {
    let writer = Writer {
        name: "log-refresh",
        queue: queue.clone(),
        sink: RefreshErrorFile::new(&settings.dir),
        style: Style::Json,
        clock: Arc::clone(clock),
        pace: Pace::USUAL,
        witness: Some(witness),
    };
    Ok((queue.clone(), writer.start().map_err(LogError::Thread)?))
}

/// Standard error, past the lock that the standard library puts before it: who waits for a stopped terminal holds up nobody.
struct Terminal(File);

impl Terminal {
    fn standard_error() -> io::Result<Self> {
        Ok(Self(File::from(io::stderr().as_fd().try_clone_to_owned()?)))
    }
}

impl Sink for Terminal {
    fn prepare(&mut self, _now: Timestamp) -> io::Result<Place> {
        Ok(Place::Same)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
}

/// What standard error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    Terminal,
    Other,
}

impl Screen {
    fn standard_error() -> Self {
        if io::stderr().is_terminal() { Self::Terminal } else { Self::Other }
    }
}

const fn style(format: LogFormat, screen: Screen, colour: Colour) -> Style {
    match (format, screen) {
        (LogFormat::Json, _) | (LogFormat::Auto, Screen::Other) => Style::Json,
        (LogFormat::Text, Screen::Other) => Style::Text(Colour::Off),
        (LogFormat::Text | LogFormat::Auto, Screen::Terminal) => Style::Text(colour),
    }
}

#[expect(clippy::disallowed_methods, reason = "NO_COLOR is a convention for all programs, no setting of this one")]
fn wants_colour() -> Colour {
    match std::env::var_os("NO_COLOR") {
        Some(value) if !value.is_empty() => Colour::Off,
        _ => Colour::On,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};
    use tempfile::{TempDir, tempdir};

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").expect("RFC 3339")
        }
    }

    #[derive(Clone, Default)]
    struct Shown(Arc<Mutex<Vec<u8>>>);

    impl Sink for Shown {
        fn prepare(&mut self, _now: Timestamp) -> io::Result<Place> {
            Ok(Place::Same)
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
    }

    fn settings(dir: &Path) -> LogSettings {
        LogSettings {
            dir: dir.join("logs"),
            level: LogLevel::Info,
            format: LogFormat::Json,
            retention_days: 14,
            bytes_max: 1 << 20,
            http_traffic: false,
        }
    }

    /// Logs `work`, shuts down; the file's and the terminal's lines.
    fn logged(work: impl FnOnce(&Telemetry)) -> (TempDir, Telemetry, [String; 2]) {
        let dir = tempdir().expect("a directory");
        let shown = Shown::default();
        let built = build(&settings(dir.path()), Arc::new(Noon), (shown.clone(), Style::Json));
        let (telemetry, layer) = built.map_err(|error| error.to_string()).expect("started");
        tracing::subscriber::with_default(Registry::default().with(layer), || work(&telemetry));
        telemetry.shutdown();
        let file = fs::read_to_string(dir.path().join("logs/claude-relay-2026-11-23.log")).expect("written");
        let shown = String::from_utf8(shown.0.lock().clone()).expect("text");
        (dir, telemetry, [file, shown])
    }

    #[test]
    fn a_shutdown_writes_what_waits() {
        let (_dir, telemetry, [file, shown]) = logged(|_| {
            for number in 0..500 {
                tracing::info!(number, "said");
            }
        });
        assert_eq!(file.lines().count(), 500);
        assert_eq!(file, shown);
        assert_eq!(Output::ALL.map(|output| telemetry.dropped_lines(output)), [0, 0, 0, 0]);
    }

    #[test]
    fn lines_after_the_shutdown_are_counted() {
        let (_dir, telemetry, _) = logged(|telemetry| {
            telemetry.shutdown();
            tracing::info!("late");
        });
        assert_eq!(Output::ALL.map(|output| telemetry.dropped_lines(output)), [1, 1, 0, 0]);
    }

    #[test]
    fn the_level_can_be_read_and_changed() {
        let (_dir, telemetry, [file, _]) = logged(|telemetry| {
            telemetry.set_level(LogLevel::Warn);
            tracing::info!("not said");
        });
        assert_eq!((telemetry.level(), file.as_str()), (LogLevel::Warn, ""));
    }

    #[test]
    fn no_traffic_is_written_unless_asked_for() {
        let (dir, telemetry, _) = logged(|_| {});
        assert!(telemetry.http_debug().is_none());
        assert_eq!(fs::read_dir(dir.path().join("logs")).expect("read").count(), 1);
    }

    #[test]
    fn only_a_terminal_gets_colours_and_only_if_they_are_wanted() {
        let text = |screen, colour| style(LogFormat::Text, screen, colour);
        assert_eq!(text(Screen::Terminal, Colour::On), Style::Text(Colour::On));
        assert_eq!(text(Screen::Terminal, Colour::Off), Style::Text(Colour::Off));
        assert_eq!(text(Screen::Other, Colour::On), Style::Text(Colour::Off));
    }

    #[test]
    fn auto_is_text_on_a_terminal_and_json_elsewhere() {
        assert_eq!(style(LogFormat::Auto, Screen::Terminal, Colour::On), Style::Text(Colour::On));
        assert_eq!(style(LogFormat::Auto, Screen::Other, Colour::On), Style::Json);
        assert_eq!(style(LogFormat::Json, Screen::Terminal, Colour::On), Style::Json);
    }
}
