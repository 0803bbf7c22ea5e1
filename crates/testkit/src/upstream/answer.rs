//! What the scripted upstream says when all is well: one message, as a JSON document or as a stream of events.
//!
//! Written out by hand, in the provider's order of fields, so that a reader which leans on that order is tested fairly.

use crate::upstream::fault::ErrorKind;
use domain::TokenUsage;

/// A content block of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Text for the user.
    Text(String),
    /// Extended thinking; streamed with a `signature_delta` at its end.
    Thinking(String),
    /// A call of a tool.
    ToolUse {
        /// The tool's name.
        name: String,
        /// Its input, a JSON object; streamed as `input_json_delta`.
        input: serde_json::Value,
    },
}

/// Where in a stream an `error` event takes the place of everything that would follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailAt {
    /// The very first event: an error hidden in a 200.
    Start,
    /// After `message_start`, before any content.
    BeforeContent,
    /// After this many `content_block_delta` events.
    Deltas(usize),
    /// After the last content, before `message_delta`.
    BeforeUsage,
}

/// One message of the model. Clones are independent.
#[derive(Debug, Clone)]
pub struct Answer {
    blocks: Vec<Block>,
    usage: TokenUsage,
    usage_at_start: Option<TokenUsage>,
    deltas_per_block: usize,
    failure: Option<(FailAt, ErrorKind)>,
}

/// A run of body bytes that belong together, and the usage that a reader knows once it has them all.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) tells: Option<TokenUsage>,
}

/// Names that change from request to request.
pub(crate) struct Labels<'a> {
    pub(crate) message_id: &'a str,
    pub(crate) model: &'a str,
}

impl Answer {
    /// One block of text in four deltas; 25 tokens in, 15 out.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            blocks: vec![Block::Text(text.into())],
            usage: TokenUsage { input: 25, output: 15, ..TokenUsage::ZERO },
            usage_at_start: None,
            deltas_per_block: 4,
            failure: None,
        }
    }

    /// A greeting with characters of two, three and four bytes.
    #[must_use]
    pub fn hello() -> Self {
        Self::text("Hello! Grüße, 你好, 👋🏽.")
    }

    /// Text of `count` digits, each in a delta of its own: for tests of number and pace.
    #[must_use]
    pub fn numbered(count: usize) -> Self {
        Self::text("0123456789".chars().cycle().take(count).collect::<String>()).in_deltas(count)
    }

    /// Thinking, text and a call of the tool `name`; stops for `tool_use`.
    #[must_use]
    pub fn tool_call(name: impl Into<String>, input: serde_json::Value) -> Self {
        Self::text("I will look that up. 查一下。")
            .with_block_first(Block::Thinking("The user asks; a tool knows. 🤔".to_owned()))
            .with_block(Block::ToolUse { name: name.into(), input })
    }

    /// Adds a block at the end.
    #[must_use]
    pub fn with_block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Adds a block at the beginning.
    #[must_use]
    pub fn with_block_first(mut self, block: Block) -> Self {
        self.blocks.insert(0, block);
        self
    }

    /// Sets the tokens that the whole answer costs: the final numbers.
    #[must_use]
    pub const fn with_usage(mut self, usage: TokenUsage) -> Self {
        self.usage = usage;
        self
    }

    /// Sets what `message_start` says, to be corrected by `message_delta`. Unless set: the final numbers with one
    /// token of output.
    #[must_use]
    pub const fn with_usage_at_start(mut self, usage: TokenUsage) -> Self {
        self.usage_at_start = Some(usage);
        self
    }

    /// Cuts each block into `count` deltas, fewer when it has fewer characters; at least one.
    #[must_use]
    pub const fn in_deltas(mut self, count: usize) -> Self {
        self.deltas_per_block = if count == 0 { 1 } else { count };
        self
    }

    /// Lets a stream fail: an `error` event, then the end of the body. A JSON answer is not affected.
    #[must_use]
    pub const fn failing(mut self, at: FailAt, kind: ErrorKind) -> Self {
        self.failure = Some((at, kind));
        self
    }

    /// The final usage.
    #[must_use]
    pub const fn usage(&self) -> TokenUsage {
        self.usage
    }

    fn stop_reason(&self) -> &'static str {
        match self.blocks.last() {
            Some(Block::ToolUse { .. }) => "tool_use",
            Some(Block::Text(_) | Block::Thinking(_)) | None => "end_turn",
        }
    }

    /// The answer as one JSON document.
    pub(crate) fn document(&self, labels: &Labels<'_>) -> Segment {
        let blocks: Vec<_> = self.blocks.iter().enumerate().map(|(at, block)| block_whole(at, block)).collect();
        let text = format!(
            r#"{{"id":{},"type":"message","role":"assistant","model":{},"content":[{}],"stop_reason":"{}","stop_sequence":null,"usage":{}}}"#,
            json_text(labels.message_id),
            json_text(labels.model),
            blocks.join(","),
            self.stop_reason(),
            usage_whole(&self.usage),
        );
        Segment { bytes: text.into_bytes(), tells: Some(self.usage) }
    }

    /// The answer as a stream: one segment an event.
    pub(crate) fn events(&self, labels: &Labels<'_>) -> Vec<Segment> {
        let mut events = vec![self.message_start(labels)];
        let mut deltas_at = Vec::new();
        for (at, block) in self.blocks.iter().enumerate() {
            push_block(&mut events, &mut deltas_at, (at, block), self.deltas_per_block);
        }
        let content_end = events.len();
        events.push(self.message_delta());
        events.push(event(r#"{"type":"message_stop"}"#, "message_stop"));
        if let Some((at, kind)) = self.failure {
            let keep = match at {
                FailAt::Start => 0,
                FailAt::BeforeContent => 1,
                FailAt::Deltas(count) => count.checked_sub(1).and_then(|n| deltas_at.get(n)).map_or(2, |last| last + 1),
                FailAt::BeforeUsage => content_end,
            };
            events.truncate(keep);
            events.push(Segment { bytes: kind.event().into_bytes(), tells: None });
        }
        events
    }

    fn message_start(&self, labels: &Labels<'_>) -> Segment {
        let first = TokenUsage { output: self.usage.output.min(1), ..self.usage };
        let usage = self.usage_at_start.unwrap_or(first);
        let json = format!(
            r#"{{"type":"message_start","message":{{"id":{},"type":"message","role":"assistant","model":{},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{}}}}}"#,
            json_text(labels.message_id),
            json_text(labels.model),
            usage_whole(&usage),
        );
        Segment { tells: Some(usage), ..event(&json, "message_start") }
    }

    /// The usage of `message_delta` is cumulative, and has no split of the cache writes.
    fn message_delta(&self) -> Segment {
        let json = format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"{}","stop_sequence":null}},"usage":{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"output_tokens":{}}}}}"#,
            self.stop_reason(),
            self.usage.input,
            self.usage.cache_write_5m + self.usage.cache_write_1h,
            self.usage.cache_read,
            self.usage.output,
        );
        Segment { tells: Some(self.usage), ..event(&json, "message_delta") }
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self::hello()
    }
}

/// `text` as a JSON string, quotes included.
pub(crate) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn event(json: &str, name: &str) -> Segment {
    Segment { bytes: format!("event: {name}\ndata: {json}\n\n").into_bytes(), tells: None }
}

fn usage_whole(usage: &TokenUsage) -> String {
    format!(
        r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{}}},"output_tokens":{},"service_tier":"standard"}}"#,
        usage.input,
        usage.cache_write_5m + usage.cache_write_1h,
        usage.cache_read,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.output,
    )
}

fn tool_use_id(at: usize) -> String {
    format!("toolu_01Scripted{at:04}")
}

/// Opaque to clients, who must send it back as it came.
const SIGNATURE: &str = "EqQBCkYIAxgCKkBzY3JpcHRlZC1zaWduYXR1cmU=";

fn block_whole(at: usize, block: &Block) -> String {
    match block {
        Block::Text(text) => format!(r#"{{"type":"text","text":{}}}"#, json_text(text)),
        Block::Thinking(text) => {
            format!(r#"{{"type":"thinking","thinking":{},"signature":"{SIGNATURE}"}}"#, json_text(text))
        }
        Block::ToolUse { name, input } => {
            let (id, name) = (tool_use_id(at), json_text(name));
            format!(r#"{{"type":"tool_use","id":"{id}","name":{name},"input":{input}}}"#)
        }
    }
}

fn push_block(events: &mut Vec<Segment>, deltas_at: &mut Vec<usize>, (at, block): (usize, &Block), deltas: usize) {
    let start = match block {
        Block::Text(_) => r#"{"type":"text","text":""}"#.to_owned(),
        Block::Thinking(_) => r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned(),
        Block::ToolUse { name, .. } => {
            let (id, name) = (tool_use_id(at), json_text(name));
            format!(r#"{{"type":"tool_use","id":"{id}","name":{name},"input":{{}}}}"#)
        }
    };
    let json = format!(r#"{{"type":"content_block_start","index":{at},"content_block":{start}}}"#);
    events.push(event(&json, "content_block_start"));
    if at == 0 {
        events.push(event(r#"{"type":"ping"}"#, "ping"));
    }
    for delta in block_deltas(block, deltas) {
        deltas_at.push(events.len());
        let json = format!(r#"{{"type":"content_block_delta","index":{at},"delta":{delta}}}"#);
        events.push(event(&json, "content_block_delta"));
    }
    events.push(event(&format!(r#"{{"type":"content_block_stop","index":{at}}}"#), "content_block_stop"));
}

fn block_deltas(block: &Block, count: usize) -> Vec<String> {
    match block {
        Block::Text(text) => {
            let pieces = pieces(text, count);
            pieces.iter().map(|piece| format!(r#"{{"type":"text_delta","text":{}}}"#, json_text(piece))).collect()
        }
        Block::Thinking(text) => {
            let thinking = |piece: &String| format!(r#"{{"type":"thinking_delta","thinking":{}}}"#, json_text(piece));
            let mut deltas: Vec<_> = pieces(text, count).iter().map(thinking).collect();
            deltas.push(format!(r#"{{"type":"signature_delta","signature":"{SIGNATURE}"}}"#));
            deltas
        }
        Block::ToolUse { input, .. } => {
            let mut deltas = vec![r#"{"type":"input_json_delta","partial_json":""}"#.to_owned()];
            for piece in pieces(&input.to_string(), count) {
                deltas.push(format!(r#"{{"type":"input_json_delta","partial_json":{}}}"#, json_text(&piece)));
            }
            deltas
        }
    }
}

/// `text` in `count` runs of characters of about the same number; fewer when there are fewer characters.
fn pieces(text: &str, count: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let size = characters.len().div_ceil(count.max(1)).max(1);
    characters.chunks(size).map(|run| run.iter().collect()).collect()
}
