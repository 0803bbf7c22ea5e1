//! Events of the Anthropic dialect, turned into Bedrock's stream for clients that speak it.

use crate::{
    answer::{UpstreamError, UpstreamErrorKind},
    anthropic,
    bedrock::{
        error::{error_body, exception_name},
        frame,
    },
    sse::{Decoder, EventTooLarge},
};
use data_encoding::BASE64;

const JSON: (&str, &str) = (":content-type", "application/json");

/// Turns server-sent events into frames. Where the bytes are cut changes nothing.
///
/// An `error` event becomes an exception frame, and what follows it is dropped, because clients stop reading there. All others, `ping`
/// too, become a `chunk` with their data byte for byte. Comments are left out.
#[derive(Debug, Default)]
pub struct StreamEncoder {
    events: Decoder,
    has_failed: bool,
}

impl StreamEncoder {
    /// Reads `bytes` and appends the frames of the events that they complete to `frames`.
    ///
    /// # Errors
    ///
    /// When an event is too large: the frames of those before it stand in `frames`, and every later call fails.
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<u8>) -> Result<(), EventTooLarge> {
        let has_failed = &mut self.has_failed;
        self.events.push(bytes, |event| {
            if *has_failed {
                return;
            }
            if event.name == b"error" {
                *has_failed = true;
                let UpstreamError { kind, message, .. } = anthropic::read_error_event(event.data);
                write_exception(kind, &message, frames);
            } else {
                write_chunk(event.data, frames);
            }
        })
    }
}

/// The frame that ends a stream with a refusal.
#[must_use]
pub fn exception_frame(kind: UpstreamErrorKind, message: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    write_exception(kind, message, &mut frame);
    frame
}

fn write_exception(kind: UpstreamErrorKind, message: &str, frames: &mut Vec<u8>) {
    let headers = [(":exception-type", exception_name(kind)), JSON, (":message-type", "exception")];
    frame::write(&headers, &[&error_body(message)], frames);
}

fn write_chunk(data: &[u8], frames: &mut Vec<u8>) {
    let headers = [(":event-type", "chunk"), JSON, (":message-type", "event")];
    let document = BASE64.encode(data);
    frame::write(&headers, &[br#"{"bytes":""#, document.as_bytes(), br#""}"#], frames);
}
