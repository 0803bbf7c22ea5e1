//! One log line, field by field, as JSON or as text. It writes into a buffer that is used again; nothing is sent from here.

use super::escape::{Escaped, Quotes};
use std::{
    error::Error,
    fmt::{self, Debug, Write as _},
    io::Write as _,
};
use tracing::{
    Level,
    field::{Field, Visit},
};

/// Causes below an error that are shown: more is a loop or a mistake.
const CAUSES_MAX: usize = 8;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// One JSON object.
    Json,
    /// For people.
    Text(Colour),
}

/// Whether a terminal's colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    /// They are.
    On,
    /// They are not.
    Off,
}

/// A line that is being written.
#[derive(Debug)]
pub(super) struct Line<'a> {
    style: Style,
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    /// Begins a line at the end of `out`.
    pub(super) fn begin(style: Style, out: &'a mut Vec<u8>, at: &[u8], level: Level, target: &str) -> Self {
        match style {
            Style::Json => {
                out.extend_from_slice(b"{\"timestamp\":\"");
                out.extend_from_slice(at);
                out.extend_from_slice(b"\",\"level\":\"");
                out.extend_from_slice(level.as_str().as_bytes());
                out.extend_from_slice(b"\",\"target\":\"");
                push_text(out, target, Quotes::Escaped);
                out.push(b'"');
            }
            Style::Text(colour) => {
                painted(out, colour, FAINT, |out| out.extend_from_slice(at));
                out.push(b' ');
                painted(out, colour, level_colour(level), |out| push(out, format_args!("{:>5}", level.as_str())));
                out.push(b' ');
                painted(out, colour, FAINT, |out| push_text(out, target, Quotes::Plain));
            }
        }
        Self { style, out }
    }

    /// The event in words.
    pub(super) fn message(&mut self, message: &str) {
        self.message_of(format_args!("{message}"));
    }

    /// A field that is a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.quoted(|out| push_text(out, text, Quotes::Escaped));
    }

    /// A field that is a number.
    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.bare(name, format_args!("{number}"));
    }

    /// Ends the line.
    pub(super) fn end(self) {
        self.out.extend_from_slice(match self.style {
            Style::Json => b"}\n",
            Style::Text(_) => b"\n",
        });
    }

    fn message_of(&mut self, message: fmt::Arguments<'_>) {
        match self.style {
            Style::Json => {
                self.out.extend_from_slice(b",\"message\":\"");
                push_escaped(self.out, message, Quotes::Escaped);
                self.out.push(b'"');
            }
            Style::Text(_) => {
                self.out.push(b' ');
                push_escaped(self.out, message, Quotes::Plain);
            }
        }
    }

    /// A value that needs no quotation marks in JSON.
    fn bare(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.name(name);
        push(self.out, value);
    }

    fn name(&mut self, name: &str) {
        match self.style {
            Style::Json => {
                self.out.extend_from_slice(b",\"");
                self.out.extend_from_slice(if is_taken(name) { b"event." } else { b"" });
                push_text(self.out, name, Quotes::Escaped);
                self.out.extend_from_slice(b"\":");
            }
            Style::Text(colour) => {
                self.out.push(b' ');
                painted(self.out, colour, FAINT, |out| {
                    push_text(out, name, Quotes::Plain);
                    out.push(b'=');
                });
            }
        }
    }

    /// What `push` appends, in quotation marks; in text only where it would not be one word without them.
    fn quoted(&mut self, push: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        if self.style == Style::Json {
            self.out.push(b'"');
            push(self.out);
            self.out.push(b'"');
            return;
        }
        push(self.out);
        let value = &self.out[start..];
        if value.is_empty() || value.iter().any(|byte| b" =\\\"".contains(byte)) {
            self.out.insert(start, b'"');
            self.out.push(b'"');
        }
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            return self.message_of(format_args!("{value:?}"));
        }
        self.name(field.name());
        self.quoted(|out| push_escaped(out, format_args!("{value:?}"), Quotes::Escaped));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message(value),
            name => self.text(name, value),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity.
        if value.is_finite() {
            self.bare(field.name(), format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        self.name(field.name());
        self.quoted(|out| push_escaped(out, format_args!("{}", Causes(error)), Quotes::Escaped));
    }
}

/// An error with what caused it.
struct Causes<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        for _ in 0..CAUSES_MAX {
            let Some(error) = cause else { break };
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Names that every JSON line has already; a program that reads it must not find them twice.
fn is_taken(name: &str) -> bool {
    matches!(name, "timestamp" | "level" | "target")
}

fn push_text(out: &mut Vec<u8>, text: &str, quotes: Quotes) {
    // Cut, which shows.
    let _ = Escaped::new(out, quotes).write_str(text);
}

fn push_escaped(out: &mut Vec<u8>, value: fmt::Arguments<'_>, quotes: Quotes) {
    // Cut, which shows; or a `Display` that fails, of which the beginning is logged.
    let _ = Escaped::new(out, quotes).write_fmt(value);
}

fn push(out: &mut Vec<u8>, value: fmt::Arguments<'_>) {
    out.write_fmt(value).expect("memory takes every write");
}

/// Codes of ECMA-48, "select graphic rendition".
const FAINT: &str = "2";

const fn level_colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        Level::TRACE => "35",
    }
}

fn painted(out: &mut Vec<u8>, colour: Colour, code: &str, push_inner: impl FnOnce(&mut Vec<u8>)) {
    match colour {
        Colour::Off => push_inner(out),
        Colour::On => {
            push(out, format_args!("\x1b[{code}m"));
            push_inner(out);
            out.extend_from_slice(b"\x1b[0m");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(style: Style) -> String {
        let mut out = Vec::new();
        let mut line = Line::begin(style, &mut out, b"2026-11-23T09:30:00.000Z", Level::WARN, "relay::meter");
        line.message("it is \"late\"\n");
        line.text("account.name", "one two");
        line.text("model", "claude");
        line.text("level", "high");
        line.number("wait_ms", 5);
        line.end();
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_line_of_json_is_one_object_with_flat_fields() {
        let expected = concat!(
            r#"{"timestamp":"2026-11-23T09:30:00.000Z","level":"WARN","target":"relay::meter","message":"it is \"late\"\n","#,
            r#""account.name":"one two","model":"claude","event.level":"high","wait_ms":5}"#,
            "\n"
        );
        assert_eq!(line(Style::Json), expected);
    }

    #[test]
    fn a_line_of_text_reads_as_a_sentence_with_fields() {
        let expected = concat!(
            "2026-11-23T09:30:00.000Z  WARN relay::meter it is \"late\"\\n ",
            "account.name=\"one two\" model=claude level=high wait_ms=5\n"
        );
        assert_eq!(line(Style::Text(Colour::Off)), expected);
    }

    #[test]
    fn a_warning_is_yellow() {
        assert!(line(Style::Text(Colour::On)).contains("\x1b[33m WARN\x1b[0m"));
    }

    #[test]
    fn an_error_is_shown_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] fmt::Error);
        let expected = format!("outer: {}", fmt::Error);
        assert_eq!(Causes(&Outer(fmt::Error)).to_string(), expected);
    }
}
