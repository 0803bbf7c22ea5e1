//! Bedrock's stream, turned into the events of the Anthropic dialect as it comes.

use crate::{
    answer::UpstreamError,
    bedrock::{
        error,
        frame::{Frame, FrameDecoder, FrameFault},
    },
    skim::Members,
};
use data_encoding::BASE64;
use memchr::{memchr, memchr2};

/// Memory that is kept between events, in bytes; what a rare large event needed is given back.
const KEPT_BYTES_MAX: usize = 16 << 10;

/// Longest name of an event, in bytes; the longest in use (`content_block_delta`) has 19.
const NAME_BYTES_MAX: usize = 64;

/// Why a stream of Bedrock goes on no further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// The provider gave up, in its own words.
    #[error("the provider ended the stream with an error")]
    Refused(UpstreamError),
    /// The bytes are not the frames that they should be.
    #[error("the provider's stream cannot be read")]
    Frame(#[from] FrameFault),
    /// A `chunk` has no document in base64 in it.
    #[error("an event of the provider's stream has no document in it")]
    Chunk,
}

/// Turns frames of `InvokeModelWithResponseStream` into server-sent events. Where the bytes are cut changes nothing.
///
/// What a `chunk` carries stands in its event byte for byte. Frames of unknown types are read over: clients do so, too.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    frames: FrameDecoder,
    document: Vec<u8>,
    ended: Option<StreamFault>,
}

impl StreamDecoder {
    /// Reads `bytes` and appends the events that they complete to `events`.
    ///
    /// # Errors
    ///
    /// When the stream goes on no further: the events before stand in `events`, and every later call says the same.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<u8>) -> Result<(), StreamFault> {
        if let Some(fault) = &self.ended {
            return Err(fault.clone());
        }
        let document = &mut self.document;
        let pushed = self.frames.push(bytes, |frame| read_frame(&frame, document, events));
        self.document.shrink_to(KEPT_BYTES_MAX);
        if let Err(fault) = &pushed {
            self.ended = Some(fault.clone());
        }
        pushed
    }

    /// Whether the stream stands inside a frame: if it ends here, it was cut. A cut between frames shows only by the missing
    /// `message_stop`.
    #[must_use]
    pub const fn is_inside_frame(&self) -> bool {
        self.frames.is_inside()
    }
}

/// The `error` event of the Anthropic dialect for an error that Bedrock told.
#[must_use]
pub fn error_event(error: &UpstreamError) -> Vec<u8> {
    let (name, message) = (error.kind.name(), serde_json::Value::from(error.message.as_str()));
    format!("event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{name}\",\"message\":{message}}}}}\n\n")
        .into_bytes()
}

fn read_frame(frame: &Frame<'_>, document: &mut Vec<u8>, events: &mut Vec<u8>) -> Result<(), StreamFault> {
    match frame.text(":message-type") {
        Some("exception") => {
            let name = frame.text(":exception-type").unwrap_or_default();
            Err(StreamFault::Refused(error::in_frame(name, frame.payload)))
        }
        Some("error") => {
            // The form for errors that no service has modelled: all in headers.
            let text = |header| frame.text(header).unwrap_or_default();
            let body = error::error_body(text(":error-message"));
            Err(StreamFault::Refused(error::in_frame(text(":error-code"), &body)))
        }
        _ if frame.text(":event-type") == Some("chunk") => {
            read_chunk(frame.payload, document).ok_or(StreamFault::Chunk)?;
            write_event(document, events);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Decodes the `bytes` of a chunk's payload into `document`.
fn read_chunk(payload: &[u8], document: &mut Vec<u8>) -> Option<()> {
    let mut members = Members::of(payload);
    let bytes = members.find_map(|member| member.map(|it| (*it.key == *b"bytes").then_some(it.value)).transpose())?;
    let text = bytes.ok()?.text()?;
    document.clear();
    document.resize(BASE64.decode_len(text.len()).ok()?, 0);
    let length = BASE64.decode_mut(text.as_bytes(), document).ok()?;
    document.truncate(length);
    Some(())
}

/// Writes `document` as an event with its type as the name. A document of several lines, which the provider does not send, stands in
/// as many fields, which readers join again.
fn write_event(document: &[u8], events: &mut Vec<u8>) {
    let kind = Members::of(document).flatten().find(|member| *member.key == *b"type");
    let kind = kind.and_then(|member| member.value.short_text(NAME_BYTES_MAX));
    if let Some(kind) = kind.filter(|kind| memchr2(b'\n', b'\r', kind.as_bytes()).is_none()) {
        events.extend_from_slice(b"event: ");
        events.extend_from_slice(kind.as_bytes());
        events.push(b'\n');
    }
    let mut rest = document;
    loop {
        let end = memchr(b'\n', rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        events.extend_from_slice(b"data: ");
        // A lone carriage return would end the line, too; in JSON it is white space.
        events.extend(line.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }));
        events.push(b'\n');
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => break,
        }
    }
    events.push(b'\n');
}
