//! Writes a Responses answer: as one document, or event by event.

use crate::convert::{
    answer::{Begin, Block, CallHead, Message, Piece, Stop, Usage},
    json::{Json, Object},
    seal::Seal,
};
use domain::Dialect;

/// Writes the events of one stream. What was said is kept: its end repeats all of it.
#[derive(Debug, Clone)]
pub(in crate::convert) struct StreamWriter {
    message: Message,
    has_begun: bool,
    is_open: bool,
    sequence: u64,
}

impl StreamWriter {
    /// A stream that began at `created_secs`, in seconds since 1970, unless the upstream says otherwise.
    pub(in crate::convert) fn new(created_secs: u64) -> Self {
        let mut message = Message::default();
        message.begin.created_secs = Some(created_secs);
        Self { message, has_begun: false, is_open: false, sequence: 0 }
    }

    /// Appends the events for a piece.
    pub(in crate::convert) fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        let more = match &piece {
            Piece::Text(text) | Piece::Thought(text) | Piece::Refusal(text) => text.clone().into_owned(),
            Piece::Arguments(more) => more.clone().into_owned(),
            Piece::Begin(_) => {
                let created_secs = self.message.begin.created_secs;
                self.message.add(piece);
                self.message.begin.created_secs = self.message.begin.created_secs.or(created_secs);
                return self.ensure_begun(out);
            }
            Piece::Usage(_) | Piece::Stop(_) => return self.message.add(piece),
            Piece::Seal(_) | Piece::SealedThought(_) | Piece::Call(_) => String::new(),
        };
        if matches!(piece, Piece::Arguments(_)) && !matches!(self.message.blocks.last(), Some(Block::Call { .. })) {
            return;
        }
        let ends = matches!(piece, Piece::Seal(_) | Piece::SealedThought(_));
        self.ensure_begun(out);
        let items = self.message.blocks.len();
        if self.message.begins_block(&piece) {
            self.close(out);
        }
        self.message.add(piece);
        if self.message.blocks.len() > items {
            self.open(out);
        }
        if !more.is_empty() && self.is_open {
            self.delta(&more, out);
        }
        if ends {
            self.close(out);
        }
    }

    /// Appends what closes the stream.
    pub(in crate::convert) fn finish(&mut self, out: &mut Vec<u8>) {
        self.ensure_begun(out);
        self.close(out);
        let kind = match self.message.stop() {
            Stop::Done | Stop::Calls | Stop::Sequence(_) => "response.completed",
            Stop::Length | Stop::Withheld => "response.incomplete",
        };
        let response = document(&self.message, 0);
        write(&mut self.sequence, kind, Object::new().with("response", response), out);
    }

    fn ensure_begun(&mut self, out: &mut Vec<u8>) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        for kind in ["response.created", "response.in_progress"] {
            let response = head(&self.message.begin, "in_progress").with("incomplete_details", Json::Null);
            let response = with_settings(response.with("output", Vec::new())).with("usage", Json::Null);
            write(&mut self.sequence, kind, Object::new().with("response", response), out);
        }
    }

    /// The last block's item begins.
    fn open(&mut self, out: &mut Vec<u8>) {
        let Self { message, sequence, .. } = self;
        let Some((index, block, id)) = last_item(message) else { return };
        self.is_open = true;
        let added = Object::new().with("output_index", index).with("item", item(block, id.clone(), Progress::Begun));
        write(sequence, "response.output_item.added", added, out);
        let part = |part| Object::new().with("item_id", id.clone()).with("output_index", index).with("part", part);
        match block {
            Block::Text(_) | Block::Refusal(_) => {
                let part = part(words(block, "")).with("content_index", 0);
                write(sequence, "response.content_part.added", part, out);
            }
            Block::Thought { text, .. } if !text.is_empty() => {
                let part = part(Object::of_type("summary_text").with("text", "")).with("summary_index", 0);
                write(sequence, "response.reasoning_summary_part.added", part, out);
            }
            Block::Thought { .. } | Block::SealedThought(_) | Block::Call { .. } => {}
        }
    }

    fn delta(&mut self, more: &str, out: &mut Vec<u8>) {
        let Self { message, sequence, .. } = self;
        let Some((index, block, id)) = last_item(message) else { return };
        let event = Object::new().with("item_id", id).with("output_index", index);
        let (kind, event) = match block {
            Block::Text(_) => {
                ("response.output_text.delta", event.with("content_index", 0).with("logprobs", Vec::new()))
            }
            Block::Refusal(_) => ("response.refusal.delta", event.with("content_index", 0)),
            Block::Thought { .. } => ("response.reasoning_summary_text.delta", event.with("summary_index", 0)),
            Block::Call { .. } => ("response.function_call_arguments.delta", event),
            Block::SealedThought(_) => return,
        };
        write(sequence, kind, event.with("delta", more), out);
    }

    /// The last block's item ends: what was said is told once more.
    fn close(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.is_open, false) {
            return;
        }
        if let Some(Block::Call { arguments, .. }) = self.message.blocks.last()
            && arguments.is_empty()
        {
            self.delta("{}", out);
        }
        let Self { message, sequence, .. } = self;
        let Some((index, block, id)) = last_item(message) else { return };
        let place = || Object::new().with("item_id", id.clone()).with("output_index", index);
        match block {
            Block::Text(text) => {
                let done = place().with("content_index", 0).with("text", &**text).with("logprobs", Vec::new());
                write(sequence, "response.output_text.done", done, out);
                let part = place().with("content_index", 0).with("part", words(block, text));
                write(sequence, "response.content_part.done", part, out);
            }
            Block::Refusal(text) => {
                let done = place().with("content_index", 0).with("refusal", &**text);
                write(sequence, "response.refusal.done", done, out);
                let part = place().with("content_index", 0).with("part", words(block, text));
                write(sequence, "response.content_part.done", part, out);
            }
            Block::Thought { text, .. } if !text.is_empty() => {
                let done = place().with("summary_index", 0).with("text", &**text);
                write(sequence, "response.reasoning_summary_text.done", done, out);
                let part = Object::of_type("summary_text").with("text", &**text);
                let part = place().with("summary_index", 0).with("part", part);
                write(sequence, "response.reasoning_summary_part.done", part, out);
            }
            Block::Call { arguments, .. } => {
                let done = place().with("arguments", whole(arguments));
                write(sequence, "response.function_call_arguments.done", done, out);
            }
            Block::Thought { .. } | Block::SealedThought(_) => {}
        }
        let done = Object::new().with("output_index", index).with("item", item(block, id.clone(), Progress::Done));
        write(sequence, "response.output_item.done", done, out);
    }
}

/// How far an item is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Begun,
    Done,
}

/// The whole answer; `created_secs` is used where the upstream does not say when it was made.
pub(in crate::convert) fn document(message: &Message, created_secs: u64) -> Object<'_> {
    let created_secs = message.begin.created_secs.or(Some(created_secs));
    let begin = Begin { created_secs, ..message.begin.clone() };
    let (status, reason) = match message.stop() {
        Stop::Done | Stop::Calls | Stop::Sequence(_) => ("completed", None),
        Stop::Length => ("incomplete", Some("max_output_tokens")),
        Stop::Withheld => ("incomplete", Some("content_filter")),
    };
    let details = reason.map_or(Json::Null, |reason| Object::new().with("reason", reason).into());
    let items = message.blocks.iter().enumerate();
    let items = items.map(|(at, block)| item(block, item_id(&begin, block, at), Progress::Done).into());
    let response = head(&begin, status).with("incomplete_details", details).with("output", items.collect::<Vec<_>>());
    with_settings(response).with("usage", usage(&message.usage))
}

fn write(sequence: &mut u64, kind: &'static str, event: Object<'_>, out: &mut Vec<u8>) {
    let whole = Object::of_type(kind).with("sequence_number", *sequence).with_all(event);
    *sequence += 1;
    whole.write_named_event(kind, out);
}

/// The last block, where it stands, and its item's id.
fn last_item(message: &Message) -> Option<(u64, &Block, String)> {
    let at = message.blocks.len().checked_sub(1)?;
    let block = message.blocks.last()?;
    Some((u64::try_from(at).unwrap_or(u64::MAX), block, item_id(&message.begin, block, at)))
}

fn item_id(begin: &Begin<'_>, block: &Block, at: usize) -> String {
    let kind = match block {
        Block::Text(_) | Block::Refusal(_) => "msg",
        Block::Thought { .. } | Block::SealedThought(_) => "rs",
        Block::Call { .. } => "fc",
    };
    format!("{kind}_{}_{at}", begin.id)
}

fn head<'a>(begin: &Begin<'_>, status: &'static str) -> Object<'a> {
    let id = if begin.id.starts_with("resp_") { begin.id.to_string() } else { format!("resp_{}", begin.id) };
    Object::new()
        .with("id", id)
        .with("object", "response")
        .with("created_at", begin.created_secs.unwrap_or(0))
        .with("status", status)
        .with("model", begin.model.to_string())
        .with("error", Json::Null)
}

/// Members that clients expect to be there, whatever the request said.
fn with_settings(response: Object<'_>) -> Object<'_> {
    response
        .with("instructions", Json::Null)
        .with("metadata", Object::new())
        .with("parallel_tool_calls", true)
        .with("temperature", Json::Null)
        .with("tool_choice", "auto")
        .with("tools", Vec::new())
        .with("top_p", Json::Null)
        .with("store", false)
}

fn item(block: &Block, id: String, progress: Progress) -> Object<'_> {
    let is_done = progress == Progress::Done;
    let status = if is_done { "completed" } else { "in_progress" };
    match block {
        Block::Text(text) | Block::Refusal(text) => {
            let message = Object::of_type("message").with("id", id).with("status", status).with("role", "assistant");
            let content = if is_done { vec![words(block, text).into()] } else { Vec::new() };
            message.with("content", content)
        }
        Block::Thought { text, seal } => {
            let summary = if is_done && !text.is_empty() {
                vec![Object::of_type("summary_text").with("text", &**text).into()]
            } else {
                Vec::new()
            };
            let seal = seal.as_ref().filter(|_| is_done).map(|seal| seal.written(Dialect::OpenAiResponses));
            Object::of_type("reasoning").with("id", id).with("summary", summary).with_some("encrypted_content", seal)
        }
        Block::SealedThought(seal) => {
            let seal = is_done.then(|| Seal::hide(seal).written(Dialect::OpenAiResponses).into_owned());
            Object::of_type("reasoning").with("id", id).with("summary", Vec::new()).with_some("encrypted_content", seal)
        }
        Block::Call { head, arguments } => {
            let arguments = if is_done { whole(arguments) } else { "" };
            call(head, id).with("arguments", arguments).with("status", status)
        }
    }
}

/// A call without arguments has an empty object: clients parse the text.
fn whole(arguments: &str) -> &str {
    if arguments.is_empty() { "{}" } else { arguments }
}

/// A function of a namespace was named with it.
fn call<'a>(head: &'a CallHead<'_>, id: String) -> Object<'a> {
    let (namespace, name) = match head.name.split_once('.') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, &*head.name),
    };
    Object::of_type("function_call")
        .with("id", id)
        .with("call_id", &*head.id)
        .with_some("namespace", namespace)
        .with("name", name)
}

fn words<'a>(block: &Block, text: &'a str) -> Object<'a> {
    match block {
        Block::Refusal(_) => Object::of_type("refusal").with("refusal", text),
        _ => Object::of_type("output_text")
            .with("text", text)
            .with("annotations", Vec::new())
            .with("logprobs", Vec::new()),
    }
}

/// In this dialect the input includes what is cached, and the details must be there.
fn usage(usage: &Usage) -> Object<'static> {
    let (input, output) = (usage.whole_input(), usage.output.unwrap_or(0));
    let cached = Object::new()
        .with("cached_tokens", usage.cache_read.unwrap_or(0))
        .with("cache_write_tokens", usage.cache_write.unwrap_or(0));
    Object::new()
        .with("input_tokens", input)
        .with("input_tokens_details", cached)
        .with("output_tokens", output)
        .with("output_tokens_details", Object::new().with("reasoning_tokens", usage.thinking.unwrap_or(0)))
        .with("total_tokens", input.saturating_add(output))
}
