//! Turns events into lines for the file and the terminal. It formats into a buffer of the thread and never waits.
//!
//! Written for this service: the JSON layer of `tracing-subscriber` allocates per line and formats twice where the terminal wants JSON as
//! well. Spans are not looked at; an event carries its own fields.

use super::{
    line::{Line, Style},
    queue::LineQueue,
    refresh_errors,
    stamp::Stamp,
};
use crate::config::LogLevel;
use domain::Timestamp;
use parking_lot::RwLock;
use std::{cell::RefCell, sync::Arc};
use store::Clock;
use tracing::{Event, Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::layer::{Context, Layer};

/// Our crates, as targets name them: the level is theirs. Everything else speaks when something is wrong, or at `trace`.
const OURS: [&str; 15] = [
    "accounting",
    "admin",
    "claude_relay",
    "credentials",
    "domain",
    "jobs",
    "journal",
    "protocol",
    "relay",
    "scheduling",
    "store",
    "store_redis",
    "store_sqlite",
    "upstream",
    "vault",
];

/// Bytes of a thread's buffer that are kept for the next line.
const LINE_BYTES_KEPT: usize = 16 << 10;

/// What is logged: this and everything graver. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Threshold(Arc<RwLock<LogLevel>>);

/// The terminal's queue, and how lines look there.
#[derive(Debug, Clone)]
pub(super) struct TerminalLines {
    pub(super) queue: LineQueue,
    pub(super) style: Style,
}

/// The layer.
pub(super) struct LogLayer {
    pub(super) threshold: Threshold,
    pub(super) clock: Arc<dyn Clock>,
    /// Lines of JSON.
    pub(super) file: LineQueue,
    pub(super) terminal: TerminalLines,
    /// Lines of JSON about tokens that could not be refreshed, whatever the level.
    pub(super) refresh_errors: LineQueue,
}

/// A thread's buffers.
#[derive(Debug, Default)]
struct Scratch {
    stamp: Stamp,
    line: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Threshold {
    pub(super) fn new(level: LogLevel) -> Self {
        Self(Arc::new(RwLock::new(level)))
    }

    pub(super) fn get(&self) -> LogLevel {
        *self.0.read()
    }

    /// Sets it for every event from now on.
    pub(super) fn set(&self, level: LogLevel) {
        *self.0.write() = level;
        tracing::callsite::rebuild_interest_cache();
    }

    /// Whether an event goes anywhere at all.
    fn lets_in(&self, metadata: &Metadata<'_>) -> bool {
        self.admits(metadata) || (metadata.is_event() && metadata.target() == refresh_errors::TARGET)
    }

    fn admits(&self, metadata: &Metadata<'_>) -> bool {
        let level = self.get();
        let limit = if is_ours(metadata.target()) { filter(level) } else { foreign_filter(level) };
        metadata.is_event() && *metadata.level() <= limit
    }
}

impl LogLayer {
    fn write(&self, event: &Event<'_>, scratch: &mut Scratch) {
        let now = self.clock.now();
        scratch.render(Style::Json, now, event);
        if event.metadata().target() == refresh_errors::TARGET {
            self.refresh_errors.push(&scratch.line);
        }
        if self.threshold.admits(event.metadata()) {
            self.file.push(&scratch.line);
            if self.terminal.style != Style::Json {
                scratch.render(self.terminal.style, now, event);
            }
            self.terminal.queue.push(&scratch.line);
        }
        scratch.line.clear();
        scratch.line.shrink_to(LINE_BYTES_KEPT);
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.threshold.lets_in(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.threshold.lets_in(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // What fails at a token's refresh is a warning, and let in at every level.
        Some(filter(self.threshold.get()).max(LevelFilter::WARN))
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let written =
            SCRATCH.try_with(|scratch| scratch.try_borrow_mut().map(|mut scratch| self.write(event, &mut scratch)));
        // The thread ends, or a value logs while it is written.
        if !matches!(written, Ok(Ok(()))) {
            self.write(event, &mut Scratch::default());
        }
    }
}

impl Scratch {
    fn render(&mut self, style: Style, now: Timestamp, event: &Event<'_>) {
        self.line.clear();
        let metadata = event.metadata();
        let at = self.stamp.at(now);
        let mut line = Line::begin(style, &mut self.line, at, *metadata.level(), metadata.target());
        event.record(&mut line);
        line.end();
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

const fn foreign_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn | LogLevel::Info | LogLevel::Debug => LevelFilter::WARN,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn is_ours(target: &str) -> bool {
    OURS.contains(&target.split("::").next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::{fmt, fs, path::Path, time::Duration};
    use tracing_subscriber::{Registry, layer::SubscriberExt};

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").expect("RFC 3339")
        }
    }

    /// What `work` has logged, in the file and on the terminal.
    fn logged(level: LogLevel, style: Style, work: impl FnOnce(&Threshold)) -> [String; 2] {
        let queues = [LineQueue::new(1 << 20), LineQueue::new(1 << 20)];
        let [file, queue] = queues.clone();
        let refresh_errors = LineQueue::new(1 << 20);
        let threshold = Threshold::new(level);
        let terminal = TerminalLines { queue, style };
        let layer = LogLayer { threshold: threshold.clone(), clock: Arc::new(Noon), file, terminal, refresh_errors };
        tracing::subscriber::with_default(Registry::default().with(layer), || work(&threshold));
        queues.map(|queue| {
            queue.close();
            let mut lines = Vec::new();
            queue.take(&mut lines, Duration::ZERO);
            String::from_utf8(lines).expect("text")
        })
    }

    fn objects(lines: &str) -> Vec<Value> {
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn an_event_is_one_object_with_its_fields_in_order() {
        let [file, terminal] = logged(LogLevel::Info, Style::Json, |_| {
            let error = fmt::Error;
            tracing::info!(
                account.id = "a1", attempt = 2, waited = true, share = 0.5, none = f64::NAN, key = ?Some("x"), %error,
                missing = Option::<u64>::None, signed = -3, "settled in {} ms", 7
            );
        });
        let expected = format!(
            concat!(
                r#"{{"timestamp":"2026-11-23T12:00:00.000Z","level":"INFO","target":"{}","message":"settled in 7 ms","#,
                r#""account.id":"a1","attempt":2,"waited":true,"share":0.5,"none":"NaN","key":"Some(\"x\")","#,
                r#""error":"{}","signed":-3}}"#,
                "\n"
            ),
            module_path!(),
            fmt::Error
        );
        assert_eq!(file, expected);
        assert_eq!(terminal, expected);
    }

    #[test]
    fn the_terminal_can_have_text_while_the_file_has_json() {
        let [file, terminal] = logged(LogLevel::Info, Style::Text(super::super::line::Colour::Off), |_| {
            tracing::info!(model = "one two", "settled");
        });
        assert_eq!(objects(&file)[0]["model"], "one two");
        assert!(terminal.ends_with("settled model=\"one two\"\n"), "{terminal}");
    }

    #[test]
    fn the_level_is_for_our_crates_and_others_are_heard_when_something_is_wrong() {
        let [file, _] = logged(LogLevel::Debug, Style::Json, |_| {
            tracing::debug!(target: "relay::meter", "ours");
            tracing::trace!(target: "relay::meter", "too much");
            tracing::info!(target: "hyper::client", "noise");
            tracing::warn!(target: "h2", "wrong");
            tracing::info!(target: "relayed", "another crate's");
        });
        let messages: Vec<_> = objects(&file).iter().map(|line| line["message"].clone()).collect();
        assert_eq!(messages, ["ours", "wrong"]);
    }

    #[test]
    fn at_trace_everybody_is_heard() {
        let [file, _] = logged(LogLevel::Trace, Style::Json, |_| tracing::trace!(target: "h2", "frame"));
        assert_eq!(objects(&file).len(), 1);
    }

    #[test]
    fn a_level_changes_while_running() {
        let say = || tracing::debug!("said");
        let [file, _] = logged(LogLevel::Info, Style::Json, |threshold| {
            say();
            threshold.set(LogLevel::Debug);
            say();
            threshold.set(LogLevel::Error);
            say();
        });
        assert_eq!(objects(&file).len(), 1);
    }

    #[test]
    fn what_fails_at_a_refresh_has_a_file_of_its_own_at_every_level() {
        let queues = [(); 3].map(|()| LineQueue::new(1 << 20));
        let [file, queue, refresh_errors] = queues.clone();
        let terminal = TerminalLines { queue, style: Style::Json };
        let threshold = Threshold::new(LogLevel::Error);
        let layer = LogLayer { threshold, clock: Arc::new(Noon), file, terminal, refresh_errors };
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            tracing::warn!(target: "credentials::refresh_error", failure = "network", "not refreshed");
            tracing::error!(target: "credentials::refresh_error", failure = "sign-in-needed", "not refreshed");
            tracing::warn!(target: "credentials::grant", "another module's");
            tracing::error!(target: "credentials::grant", "another module's");
        });
        let lines = queues.map(|queue| {
            queue.close();
            let mut lines = Vec::new();
            queue.take(&mut lines, Duration::ZERO);
            String::from_utf8(lines).expect("text")
        });
        let failures: Vec<_> = objects(&lines[2]).iter().map(|line| line["failure"].clone()).collect();
        assert_eq!(failures, ["network", "sign-in-needed"]);
        assert_eq!(objects(&lines[0]).len(), 2);
        assert_eq!(lines[0], lines[1]);
    }

    #[test]
    fn an_event_within_an_event_is_a_line_of_its_own() {
        let [file, _] = logged(LogLevel::Info, Style::Json, |_| {
            // As while a value is formatted whose `Debug` logs: the thread's buffer is taken.
            SCRATCH.with_borrow_mut(|_outer| tracing::info!("inner"));
        });
        assert_eq!(objects(&file)[0]["message"], json!("inner"));
    }

    #[test]
    fn every_crate_that_ships_is_one_of_ours() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of the crates");
        let names = fs::read_dir(crates).expect("read").map(|entry| entry.expect("an entry").file_name());
        let unknown = names.filter_map(|it| it.into_string().ok()).filter(|it| !is_ours(&it.replace('-', "_")));
        assert_eq!(unknown.collect::<Vec<_>>(), ["testkit"]);
    }
}
