//! `claude-relay doctor`: what is looked at, how it is, and what to do. It looks at an installation that does not answer, too;
//! what it cannot look at is said and no guess.

mod files;
mod port;
mod served;

use crate::{
    cli::{
        CommandError, Verdict,
        api::Api,
        causes,
        console::{Console, Form, print, print_document},
        desk,
        place::Place,
        table::{Tone, harmless, paint},
        way::Way,
    },
    config::Loaded,
};
use serde::Serialize;
use std::fmt::Write;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    /// How it is, in a sentence.
    text: String,
    /// What to do; none where nothing is to do.
    #[serde(rename = "do")]
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
struct Report {
    state: State,
    checks: Vec<Finding>,
}

impl Finding {
    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, state: State::Ok, text: text.into(), remedy: None }
    }

    fn warn(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, state: State::Warn, text: text.into(), remedy: Some(remedy.into()) }
    }

    fn fail(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, state: State::Fail, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// A failure whose message says what to do.
    fn failed(check: &'static str, error: &CommandError) -> Self {
        let mut text = error.to_string();
        for cause in causes(&**error) {
            // Writing to a string does not fail.
            let _ = write!(text, "; because: {cause}");
        }
        Self { check, state: State::Fail, text, remedy: None }
    }
}

/// Looks at everything.
pub(crate) fn run(place: &Place) -> Result<Verdict, CommandError> {
    let console = Console::in_front(place.form());
    let checks = match place.settings() {
        Ok(loaded) => desk::runtime()?.block_on(Box::pin(look(&loaded))),
        Err(error) => vec![Finding::failed("settings", &error)],
    };
    let state = checks.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    let report = Report { state, checks };
    match console.form {
        Form::Json => print_document(serde_json::to_string(&report)?.as_bytes())?,
        Form::People => print(&text(&report, &console))?,
    }
    Ok(if report.state == State::Fail { Verdict::Failed } else { Verdict::Fine })
}

async fn look(loaded: &Loaded) -> Vec<Finding> {
    let mut findings = vec![settings(loaded)];
    findings.extend(files::check(&loaded.settings));
    match Way::find(loaded).await {
        Err(error) => findings.push(Finding::failed("relay", &error)),
        Ok(way) => {
            let api = Api(way);
            findings.extend(served::check(&api, loaded).await);
            api.0.close().await;
        }
    }
    findings
}

fn settings(loaded: &Loaded) -> Finding {
    let notes = loaded.notes.iter().filter(|note| note.severity == crate::note::Severity::Warning);
    let notes = notes.map(ToString::to_string).collect::<Vec<_>>();
    if notes.is_empty() {
        let file = loaded.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
        return Finding::ok("settings", format!("every setting is right ({file})"));
    }
    Finding::warn("settings", notes.join("; "), "see docs/configuration.md")
}

fn text(report: &Report, console: &Console) -> String {
    let mut text = String::new();
    for finding in &report.checks {
        let (word, tone) = match finding.state {
            State::Ok => ("ok  ", Tone::Good),
            State::Warn => ("warn", Tone::Doubtful),
            State::Fail => ("FAIL", Tone::Bad),
        };
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "{}  {:<9} {}", paint(word, tone, console.colour), finding.check, harmless(&finding.text));
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "                -> {}", harmless(remedy));
        }
    }
    let count = |state| report.checks.iter().filter(|finding| finding.state == state).count();
    let _ = writeln!(text, "{} ok, {} to look at, {} failed", count(State::Ok), count(State::Warn), count(State::Fail));
    text
}
