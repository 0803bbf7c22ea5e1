//! Writes a Messages answer: as one document, or event by event.

use crate::convert::{
    answer::{Begin, Block, CallHead, Message, Piece, Stop, Usage},
    fields::Fault,
    json::{Json, Object},
    seal::Seal,
};
use domain::Dialect;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Writes the events of one stream: `message_start`, one block after the other, `message_delta`, `message_stop`.
#[derive(Debug, Clone, Default)]
pub(in crate::convert) struct StreamWriter {
    has_begun: bool,
    begin: Begin<'static>,
    open: Option<Open>,
    blocks: u64,
    has_calls: bool,
    usage: Usage,
    stop: Option<Stop<'static>>,
}

/// The kind of the block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call,
}

impl StreamWriter {
    /// Appends the events for a piece.
    pub(in crate::convert) fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            // Written with the first content: some upstreams tell the input's tokens right behind the beginning.
            Piece::Begin(begin) => self.begin = begin.into_owned(),
            Piece::Usage(later) => self.usage.correct_by(later),
            Piece::Stop(stop) => self.stop = Some(stop.into_owned()),
            Piece::Text(text) | Piece::Refusal(text) if text.is_empty() => {}
            Piece::Text(text) | Piece::Refusal(text) => {
                self.ensure_open(Open::Text, out);
                self.delta(Object::of_type("text_delta").with("text", text), out);
            }
            Piece::Thought(text) if text.is_empty() => {}
            Piece::Thought(text) => {
                self.ensure_open(Open::Thinking, out);
                self.delta(Object::of_type("thinking_delta").with("thinking", text), out);
            }
            Piece::Seal(seal) => self.seal(&seal, out),
            Piece::SealedThought(seal) => {
                let block = Object::of_type("redacted_thinking").with("data", seal.written(Dialect::Anthropic));
                self.close(out);
                self.start(block, out);
                self.stop_block(out);
            }
            Piece::Call(head) => self.call(&head, out),
            Piece::Arguments(more) if more.is_empty() || self.open != Some(Open::Call) => {}
            Piece::Arguments(more) => self.delta(Object::of_type("input_json_delta").with("partial_json", more), out),
        }
    }

    /// Appends what closes the stream.
    pub(in crate::convert) fn finish(&mut self, out: &mut Vec<u8>) {
        self.ensure_begun(out);
        self.close(out);
        let stop = Stop::settled(self.stop.take(), self.has_calls);
        Object::of_type("message_delta")
            .with("delta", stop_members(Object::new(), &stop))
            .with("usage", usage(&self.usage))
            .write_named_event("message_delta", out);
        Object::of_type("message_stop").write_named_event("message_stop", out);
    }

    fn ensure_begun(&mut self, out: &mut Vec<u8>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let message = head(&self.begin)
            .with("content", Vec::new())
            .with("stop_reason", Json::Null)
            .with("stop_sequence", Json::Null)
            .with("usage", usage(&self.usage));
        Object::of_type("message_start").with("message", message).write_named_event("message_start", out);
    }

    fn ensure_open(&mut self, kind: Open, out: &mut Vec<u8>) {
        if self.open == Some(kind) {
            return;
        }
        self.close(out);
        let block = match kind {
            Open::Text => Object::of_type("text").with("text", ""),
            Open::Thinking | Open::Call => Object::of_type("thinking").with("thinking", "").with("signature", ""),
        };
        self.start(block, out);
        self.open = Some(kind);
    }

    /// A proof ends the thoughts that it belongs to. Without any a block of thinking carries it alone.
    fn seal(&mut self, seal: &Seal<'_>, out: &mut Vec<u8>) {
        self.ensure_open(Open::Thinking, out);
        let signature = seal.written(Dialect::Anthropic);
        self.delta(Object::of_type("signature_delta").with("signature", signature), out);
        self.close(out);
    }

    fn call(&mut self, head: &CallHead<'_>, out: &mut Vec<u8>) {
        self.close(out);
        let input = Object::new();
        self.start(
            Object::of_type("tool_use").with("id", &*head.id).with("name", &*head.name).with("input", input),
            out,
        );
        self.open = Some(Open::Call);
        self.has_calls = true;
    }

    fn start(&mut self, block: Object<'_>, out: &mut Vec<u8>) {
        self.ensure_begun(out);
        Object::of_type("content_block_start")
            .with("index", self.blocks)
            .with("content_block", block)
            .write_named_event("content_block_start", out);
    }

    fn delta(&self, delta: Object<'_>, out: &mut Vec<u8>) {
        Object::of_type("content_block_delta")
            .with("index", self.blocks)
            .with("delta", delta)
            .write_named_event("content_block_delta", out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            self.stop_block(out);
        }
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        Object::of_type("content_block_stop").with("index", self.blocks).write_named_event("content_block_stop", out);
        self.blocks += 1;
    }
}

/// The whole answer.
///
/// # Errors
///
/// When the arguments of a call are no JSON object, unless there was no room for the rest of them.
pub(in crate::convert) fn document(message: &Message) -> Result<Object<'_>, Fault> {
    let stop = message.stop();
    let mut content = Vec::new();
    for block in &message.blocks {
        content.push(match block {
            Block::Text(text) | Block::Refusal(text) => Object::of_type("text").with("text", &**text).into(),
            Block::Thought { text, seal } => thinking(text, seal.as_ref()).into(),
            Block::SealedThought(seal) => {
                Object::of_type("redacted_thinking").with("data", seal.written(Dialect::Anthropic)).into()
            }
            Block::Call { head, arguments } => tool_use(head, arguments, &stop)?.into(),
        });
    }
    let document = head(&message.begin).with("content", content);
    Ok(stop_members(document, &stop).with("usage", usage(&message.usage)))
}

fn thinking<'a>(thoughts: &'a str, seal: Option<&'a Seal<'_>>) -> Object<'a> {
    let signature = seal.map_or(Cow::Borrowed(""), |seal| seal.written(Dialect::Anthropic));
    Object::of_type("thinking").with("thinking", thoughts).with("signature", signature)
}

/// Arguments that were cut where the room ended are left out, and the stop reason says so.
fn tool_use<'a>(head: &'a CallHead<'_>, arguments: &str, stop: &Stop<'_>) -> Result<Object<'a>, Fault> {
    let text = if arguments.trim().is_empty() { "{}" } else { arguments.trim() };
    let input = match RawValue::from_string(text.to_owned()) {
        Ok(input) if input.get().starts_with('{') => Json::Raw(Cow::Owned(input)),
        _ if *stop == Stop::Length => Object::new().into(),
        _ => return Err(Fault::new("arguments", "of a call are no JSON object")),
    };
    Ok(Object::of_type("tool_use").with("id", &*head.id).with("name", &*head.name).with("input", input))
}

fn head<'a>(begin: &Begin<'_>) -> Object<'a> {
    let id = if begin.id.starts_with("msg_") { begin.id.to_string() } else { format!("msg_{}", begin.id) };
    Object::new()
        .with("id", id)
        .with("type", "message")
        .with("role", "assistant")
        .with("model", begin.model.to_string())
}

fn stop_members<'a>(object: Object<'a>, stop: &Stop<'_>) -> Object<'a> {
    let (reason, sequence) = match stop {
        Stop::Done => ("end_turn", None),
        Stop::Sequence(sequence) => ("stop_sequence", sequence.as_deref().map(str::to_owned)),
        Stop::Length => ("max_tokens", None),
        Stop::Calls => ("tool_use", None),
        Stop::Withheld => ("refusal", None),
    };
    object.with("stop_reason", reason).with("stop_sequence", sequence.map_or(Json::Null, Json::from))
}

/// In this dialect the input excludes what is cached.
fn usage(usage: &Usage) -> Object<'static> {
    let thought = usage.thinking.map(|tokens| Object::new().with("thinking_tokens", tokens));
    Object::new()
        .with("input_tokens", usage.input.unwrap_or(0))
        .with("cache_creation_input_tokens", usage.cache_write.unwrap_or(0))
        .with("cache_read_input_tokens", usage.cache_read.unwrap_or(0))
        .with("output_tokens", usage.output.unwrap_or(0))
        .with_some("output_tokens_details", thought)
}
