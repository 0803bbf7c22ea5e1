//! What becomes of an upstream's events where they cannot be forwarded as they came. Most streams pass as bytes and never come here.

use crate::form::{Form, Framing};
use protocol::{
    Meaning,
    convert::{self, AnswerConverter},
    gemini, sse,
};

/// What has to be done to a stream.
#[derive(Debug)]
pub(crate) struct Rewriting {
    /// Chunks of usage alone are left out: the client did not ask for them.
    pub(crate) without_usage: bool,
    /// Each document stands in the `response` of another.
    pub(crate) is_wrapped: bool,
    /// What turns the events into those of the client's dialect.
    pub(crate) converter: Option<AnswerConverter>,
}

/// How the events of one stream are written anew.
#[derive(Debug)]
pub(crate) struct Rewrite {
    framing: Framing,
    rewriting: Rewriting,
    has_begun: bool,
}

/// An event that cannot be turned into the client's dialect: what the client sees is no longer what the upstream said.
#[derive(Debug)]
pub(crate) struct Unwritten;

impl Rewrite {
    /// The rewriting of a stream for a client that takes it in `form`; none where its bytes pass as they are.
    pub(crate) fn of(form: Form, rewriting: Rewriting) -> Option<Self> {
        let Rewriting { without_usage, is_wrapped, converter } = &rewriting;
        let is_needed = *without_usage || *is_wrapped || converter.is_some() || form.framing == Framing::Array;
        is_needed.then_some(Self { framing: form.framing, rewriting, has_begun: false })
    }

    /// Whether the client has seen any of it.
    pub(crate) const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the upstream speaks another dialect than the client: its own words cannot be passed on.
    pub(crate) const fn is_converted(&self) -> bool {
        self.rewriting.converter.is_some()
    }

    /// Appends what the client gets for `event` to `out`.
    pub(crate) fn event(
        &mut self,
        event: &sse::Event<'_>,
        meaning: Meaning,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritten> {
        if meaning == Meaning::UsageOnly && self.rewriting.without_usage {
            return Ok(());
        }
        let data = if self.rewriting.is_wrapped { gemini::unwrapped(event.data) } else { event.data };
        if let Some(converter) = &mut self.rewriting.converter {
            let before = out.len();
            return match converter.event(&sse::Event { data, ..*event }, out) {
                // For the books such an answer is whole (Gemini's `MALFORMED_FUNCTION_CALL`); there is nothing of it to give out.
                Ok(convert::Step::Failed(error)) if meaning != Meaning::Failure => {
                    tracing::warn!(error = %error.message, "an answer ends with a failure of the model");
                    Err(Unwritten)
                }
                // Other failures are told by whoever reads the stream.
                Ok(convert::Step::On | convert::Step::Failed(_)) => {
                    self.has_begun |= out.len() > before;
                    Ok(())
                }
                Err(error) => {
                    tracing::warn!(error = %error, "an event cannot be converted");
                    Err(Unwritten)
                }
            };
        }
        match self.framing {
            Framing::Array => {
                out.extend_from_slice(if self.has_begun { b",\r\n" } else { b"[" });
                out.extend_from_slice(data);
            }
            Framing::Events | Framing::Messages => write_event(event.name, data, out),
        }
        self.has_begun = true;
        Ok(())
    }

    /// Appends what closes a stream that is whole, behind its last event.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        if let Some(converter) = &mut self.rewriting.converter {
            converter.finish(out);
        }
        if self.framing == Framing::Array {
            out.extend_from_slice(if self.has_begun { b"]" } else { b"[]" });
        }
    }
}

fn write_event(name: &[u8], data: &[u8], out: &mut Vec<u8>) {
    if !name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name);
        out.push(b'\n');
    }
    for line in data.split(|&byte| byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}
