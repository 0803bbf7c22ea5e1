//! Writes a Chat answer: as one document, or chunk by chunk.

use crate::convert::{
    answer::{Begin, Block, CallHead, Message, Piece, Stop, Usage},
    conversation::UsageChunk,
    json::{Json, Object},
};
use domain::Dialect;

/// Writes the chunks of one stream.
#[derive(Debug, Clone)]
pub(in crate::convert) struct StreamWriter {
    begin: Begin<'static>,
    usage_chunk: UsageChunk,
    has_begun: bool,
    calls: u64,
    arguments: Arguments,
    usage: Usage,
    stop: Option<Stop<'static>>,
}

/// Where the arguments of a call stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arguments {
    /// No call is open.
    NoCall,
    /// A call is open and has none so far.
    Empty,
    /// A call is open and has some.
    Begun,
}

impl StreamWriter {
    /// A stream that began at `created_secs`, in seconds since 1970, unless the upstream says otherwise.
    pub(in crate::convert) fn new(created_secs: u64, usage_chunk: UsageChunk) -> Self {
        Self {
            begin: Begin { created_secs: Some(created_secs), ..Begin::default() },
            usage_chunk,
            has_begun: false,
            calls: 0,
            arguments: Arguments::NoCall,
            usage: Usage::default(),
            stop: None,
        }
    }

    /// Appends the chunks for a piece.
    pub(in crate::convert) fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        match piece {
            Piece::Begin(begin) => {
                let created_secs = begin.created_secs.or(self.begin.created_secs);
                self.begin = Begin { created_secs, ..begin.into_owned() };
                self.ensure_begun(out);
            }
            Piece::Text(text) => self.words("content", text.into(), out),
            Piece::Thought(text) => self.words("reasoning_content", text.into(), out),
            Piece::Refusal(text) => self.words("refusal", text.into(), out),
            Piece::Call(head) => self.call(&head, out),
            Piece::Arguments(more) if more.is_empty() => {}
            Piece::Arguments(more) => {
                self.arguments = Arguments::Begun;
                self.more_arguments(more.into(), out);
            }
            Piece::Usage(later) => self.usage.correct_by(later),
            Piece::Stop(stop) => self.stop = Some(stop.into_owned()),
            // The dialect has no place for them.
            Piece::Seal(_) | Piece::SealedThought(_) => {}
        }
    }

    /// Appends what closes the stream.
    pub(in crate::convert) fn finish(&mut self, out: &mut Vec<u8>) {
        self.ensure_begun(out);
        self.close_call(out);
        let stop = Stop::settled(self.stop.take(), self.calls > 0);
        self.chunk(Object::new(), Some(finish_reason(&stop)), out);
        if self.usage_chunk == UsageChunk::Wanted && self.usage != Usage::default() {
            self.head().with("choices", Vec::new()).with("usage", usage(&self.usage)).write_event(out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn ensure_begun(&mut self, out: &mut Vec<u8>) {
        if !self.has_begun {
            self.has_begun = true;
            self.chunk(Object::new().with("role", "assistant").with("content", ""), None, out);
        }
    }

    fn words(&mut self, member: &'static str, words: Json<'_>, out: &mut Vec<u8>) {
        if matches!(&words, Json::Text(text) if text.is_empty()) {
            return;
        }
        self.ensure_begun(out);
        self.close_call(out);
        self.chunk(Object::new().with(member, words), None, out);
    }

    fn call(&mut self, head: &CallHead<'_>, out: &mut Vec<u8>) {
        self.ensure_begun(out);
        self.close_call(out);
        let call = Object::new().with("index", self.calls);
        self.calls += 1;
        self.arguments = Arguments::Empty;
        self.chunk(in_list(call_members(call, head, "")), None, out);
    }

    fn more_arguments(&self, more: Json<'_>, out: &mut Vec<u8>) {
        let index = self.calls.saturating_sub(1);
        let call = Object::new().with("index", index).with("function", Object::new().with("arguments", more));
        self.chunk(in_list(call), None, out);
    }

    /// A call without arguments ends with an empty object: clients parse the text.
    fn close_call(&mut self, out: &mut Vec<u8>) {
        if self.arguments == Arguments::Empty {
            self.more_arguments("{}".into(), out);
        }
        self.arguments = Arguments::NoCall;
    }

    fn chunk(&self, delta: Object<'_>, finish_reason: Option<&'static str>, out: &mut Vec<u8>) {
        let choice = Object::new()
            .with("index", 0)
            .with("delta", delta)
            .with("logprobs", Json::Null)
            .with("finish_reason", finish_reason.map_or(Json::Null, Json::from));
        let chunk = self.head().with("choices", vec![choice.into()]);
        let chunk = match self.usage_chunk {
            UsageChunk::Wanted => chunk.with("usage", Json::Null),
            UsageChunk::Unwanted => chunk,
        };
        chunk.write_event(out);
    }

    fn head(&self) -> Object<'_> {
        head("chat.completion.chunk", &self.begin)
    }
}

/// The whole answer; `created_secs` is used where the upstream does not say when it was made.
pub(in crate::convert) fn document(message: &Message, created_secs: u64) -> Object<'_> {
    let created_secs = message.begin.created_secs.or(Some(created_secs));
    let begin = Begin { created_secs, ..message.begin.clone() };
    let choice = Object::new()
        .with("index", 0)
        .with("message", whole_message(message))
        .with("logprobs", Json::Null)
        .with("finish_reason", finish_reason(&message.stop()));
    let known = (message.usage != Usage::default()).then(|| usage(&message.usage));
    head("chat.completion", &begin).with("choices", vec![choice.into()]).with_some("usage", known)
}

fn head<'a>(object: &'static str, begin: &Begin<'_>) -> Object<'a> {
    let id = if begin.id.starts_with("chatcmpl-") { begin.id.to_string() } else { format!("chatcmpl-{}", begin.id) };
    Object::new()
        .with("id", id)
        .with("object", object)
        .with("created", begin.created_secs.unwrap_or(0))
        .with("model", begin.model.to_string())
}

fn whole_message(message: &Message) -> Object<'_> {
    let (mut content, mut thoughts, mut refusal) = (None::<String>, None::<String>, None::<String>);
    let mut calls = Vec::new();
    for block in &message.blocks {
        let (words, more) = match block {
            Block::Text(text) => (&mut content, text),
            Block::Thought { text, .. } => (&mut thoughts, text),
            Block::Refusal(text) => (&mut refusal, text),
            Block::Call { head, arguments } => {
                let arguments = if arguments.is_empty() { "{}" } else { arguments };
                calls.push(call_members(Object::new(), head, arguments).into());
                continue;
            }
            Block::SealedThought(_) => continue,
        };
        words.get_or_insert_default().push_str(more);
    }
    Object::new()
        .with("role", "assistant")
        .with("content", content.map_or(Json::Null, Json::from))
        .with("refusal", refusal.map_or(Json::Null, Json::from))
        .with_some("reasoning_content", thoughts.filter(|thoughts| !thoughts.is_empty()))
        .with_any("tool_calls", calls)
}

fn in_list(call: Object<'_>) -> Object<'_> {
    Object::new().with("tool_calls", vec![call.into()])
}

fn call_members<'a>(call: Object<'a>, head: &'a CallHead<'_>, arguments: &'a str) -> Object<'a> {
    // The place that Gemini's own Chat interface has for it.
    let signature = head.seal.as_ref().and_then(|seal| seal.proof_of(Dialect::Gemini));
    let extra =
        signature.map(|signature| Object::new().with("google", Object::new().with("thought_signature", signature)));
    call.with("id", &*head.id)
        .with("type", "function")
        .with("function", Object::new().with("name", &*head.name).with("arguments", arguments))
        .with_some("extra_content", extra)
}

const fn finish_reason(stop: &Stop<'_>) -> &'static str {
    match stop {
        Stop::Done | Stop::Sequence(_) => "stop",
        Stop::Length => "length",
        Stop::Calls => "tool_calls",
        Stop::Withheld => "content_filter",
    }
}

/// In this dialect the input includes what is cached.
fn usage(usage: &Usage) -> Object<'static> {
    let (input, output) = (usage.whole_input(), usage.output.unwrap_or(0));
    let cached = Object::new()
        .with("cached_tokens", usage.cache_read.unwrap_or(0))
        .with_some("cache_write_tokens", usage.cache_write);
    let thought = usage.thinking.map(|tokens| Object::new().with("reasoning_tokens", tokens));
    Object::new()
        .with("prompt_tokens", input)
        .with("completion_tokens", output)
        .with("total_tokens", input.saturating_add(output))
        .with("prompt_tokens_details", cached)
        .with_some("completion_tokens_details", thought)
}
