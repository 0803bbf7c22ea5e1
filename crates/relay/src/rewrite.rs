//! What becomes of an upstream's events where they cannot be forwarded as they came. Most streams pass as bytes and never come here.

use crate::form::{Form, Framing};
use protocol::{Meaning, gemini, sse::Event};

/// How the events of one stream are written anew.
#[derive(Debug)]
pub(crate) struct Rewrite {
    form: Form,
    /// Chunks of usage alone are left out: the client did not ask for them.
    without_usage: bool,
    /// Each document stands in the `response` of another.
    is_wrapped: bool,
    has_begun: bool,
}

impl Rewrite {
    /// The rewriting of a stream for a client that takes it in `form`; none where its bytes pass as they are.
    pub(crate) fn of(form: Form, without_usage: bool, is_wrapped: bool) -> Option<Self> {
        let is_needed = without_usage || is_wrapped || form.framing == Framing::Array;
        is_needed.then_some(Self { form, without_usage, is_wrapped, has_begun: false })
    }

    /// Whether the client has seen any of it.
    pub(crate) const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Appends what the client gets for `event` to `out`.
    pub(crate) fn event(&mut self, event: &Event<'_>, meaning: Meaning, out: &mut Vec<u8>) {
        if meaning == Meaning::UsageOnly && self.without_usage {
            return;
        }
        let data = if self.is_wrapped { gemini::unwrapped(event.data) } else { event.data };
        match self.form.framing {
            Framing::Array => {
                out.extend_from_slice(if self.has_begun { b",\r\n" } else { b"[" });
                out.extend_from_slice(data);
            }
            Framing::Events => {
                if !event.name.is_empty() {
                    out.extend_from_slice(b"event: ");
                    out.extend_from_slice(event.name);
                    out.push(b'\n');
                }
                for line in data.split(|&byte| byte == b'\n') {
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(line);
                    out.push(b'\n');
                }
                out.push(b'\n');
            }
        }
        self.has_begun = true;
    }

    /// Appends what closes the stream behind its last event.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        if self.form.framing == Framing::Array {
            out.extend_from_slice(if self.has_begun { b"]" } else { b"[]" });
        }
    }
}
