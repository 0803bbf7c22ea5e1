//! Conversions between dialects: golden files for every pair, streams against documents, and what holds for all input.

mod captures;
mod folding;
mod golden;
mod properties;
mod quirks;
mod refusals;
mod rules;
mod said;

use domain::{Dialect, Timestamp};
use protocol::{
    convert::{self, AnswerConverter, Step},
    sse::{Decoder, Event},
};
use std::path::PathBuf;

const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

/// The folder of the golden files.
fn golden_files() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/convert")
}

/// The pairs of a client's and an upstream's dialect between which there are conversions.
fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    let all = Dialect::ALL.iter().flat_map(|from| Dialect::ALL.iter().map(|to| (*from, *to)));
    all.filter(|(from, to)| convert::exists(*from, *to))
}

/// A model's name that the upstream would have.
fn model_of(to: Dialect) -> &'static str {
    match to {
        Dialect::Anthropic => "claude-opus-5-5",
        Dialect::OpenAiChat | Dialect::OpenAiResponses => "gpt-5.2",
        Dialect::Gemini => "gemini-3.8-flash",
    }
}

/// The smallest request of `from` that asks for a stream, with usage.
fn small_request(from: Dialect) -> &'static str {
    match from {
        Dialect::OpenAiChat => {
            r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true}}"#
        }
        Dialect::Anthropic => {
            r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"stream":true}"#
        }
        Dialect::OpenAiResponses => r#"{"model":"m","input":"Hi","stream":true}"#,
        Dialect::Gemini => "{}",
    }
}

/// The way back of a small request.
fn way_back(from: Dialect, to: Dialect) -> AnswerConverter {
    let converted = convert::request(from, to, small_request(from).as_bytes(), model_of(to), NOW);
    converted.expect("a request that can be expressed").answer
}

/// A stream, converted event by event; and how it failed, if it did. One that did not is finished.
fn convert_stream(mut converter: AnswerConverter, stream: &[u8]) -> (Vec<u8>, Option<protocol::UpstreamError>) {
    let (mut out, mut failure) = (Vec::new(), None);
    let on_event = |event: Event<'_>| match converter.event(&event, &mut out).expect("an event of the dialect") {
        Step::On => {}
        Step::Failed(error) => failure = Some(error),
    };
    Decoder::default().push(stream, on_event).expect("small events");
    converter.finish(&mut out);
    (out, failure)
}
