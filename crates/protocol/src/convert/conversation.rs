//! A request in the words of all dialects: what a reader of one dialect takes out, and a writer of another puts in.
//!
//! Every wish knows the field that the client wrote it in, so that a writer that cannot express it can say which one.

use super::{
    fields::{Fault, Field, Number},
    seal::Seal,
};
use domain::Dialect;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A whole request but for its model. Writers take it apart without `..`, so that none forgets a wish.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    /// What was said so far, in order.
    pub(super) turns: Vec<Turn<'a>>,
    /// The functions that the model may call.
    pub(super) tools: Vec<Tool<'a>>,
    /// Whether it must call one.
    pub(super) choice: Option<Wish<Choice<'a>>>,
    /// Whether it may call several at once.
    pub(super) calls: Option<Wish<Calls>>,
    /// The most tokens of the answer, thinking included.
    pub(super) max_tokens: Option<Wish<u64>>,
    /// Texts at which the answer ends.
    pub(super) stop: Option<Wish<Vec<Cow<'a, str>>>>,
    /// How tokens are drawn.
    pub(super) sampling: Sampling<'a>,
    /// The form of the answer.
    pub(super) format: Option<Wish<Format<'a>>>,
    /// How much is thought before.
    pub(super) thinking: Thinking,
    /// How many words the answer has: `low`, `medium`, `high`.
    pub(super) verbosity: Option<Wish<Cow<'a, str>>>,
    /// Whom the client calls its end user.
    pub(super) end_user: Option<Cow<'a, str>>,
    /// What groups requests that begin alike.
    pub(super) cache_key: Option<Cow<'a, str>>,
    /// The class of service.
    pub(super) tier: Option<Wish<Tier>>,
    /// Whether the answer comes as events.
    pub(super) delivery: Delivery,
}

/// A wish, and the field it was written in.
#[derive(Debug)]
pub(super) struct Wish<T> {
    /// The field's path.
    pub(super) field: String,
    /// What is wished.
    pub(super) value: T,
}

/// What one side said without a break.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// Who said it.
    pub(super) role: Role,
    /// Its pieces, in order.
    pub(super) parts: Vec<Part<'a>>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Whoever made the program: system and developer prompts.
    Instructor,
    /// The user, and the results of tools.
    User,
    /// The model.
    Assistant,
}

/// One piece of a turn, and where it stands in the client's request.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Its path.
    pub(super) path: String,
    /// What it is.
    pub(super) content: Content<'a>,
}

/// What a piece of a turn can be.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A picture.
    Image {
        /// Where it is.
        source: Source<'a>,
        /// How finely it is looked at, by OpenAI's words.
        detail: Option<Cow<'a, str>>,
    },
    /// A document.
    File {
        /// Where it is.
        source: Source<'a>,
        /// Its name.
        name: Option<Cow<'a, str>>,
    },
    /// Speech, as bytes in base64.
    Audio {
        /// `wav`, `mp3`.
        format: Cow<'a, str>,
        /// The bytes.
        base64: Cow<'a, str>,
    },
    /// What the model thought.
    Thought {
        /// Its thoughts, or a summary; may be empty.
        text: Cow<'a, str>,
        /// What its provider wants to see again.
        seal: Option<Seal<'a>>,
    },
    /// Thoughts that only their provider can read.
    SealedThought(Seal<'a>),
    /// The model calls a tool.
    Call(Call<'a>),
    /// What a tool gave back.
    Result(ToolResult<'a>),
    /// What the model said instead of an answer.
    Refusal(Cow<'a, str>),
}

/// A call of a tool.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The call's id.
    pub(super) id: Cow<'a, str>,
    /// The tool's name.
    pub(super) name: Cow<'a, str>,
    /// An object, as it was written.
    pub(super) arguments: Cow<'a, RawValue>,
    /// What its provider wants to see again.
    pub(super) seal: Option<Seal<'a>>,
}

/// A tool's result.
#[derive(Debug)]
pub(super) struct ToolResult<'a> {
    /// The id of the call.
    pub(super) call_id: Cow<'a, str>,
    /// Texts, pictures, documents.
    pub(super) parts: Vec<Part<'a>>,
    /// Whether the tool failed.
    pub(super) outcome: Outcome,
}

/// How a tool's call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It gave a result.
    Done,
    /// It failed; the parts say how.
    Failed,
}

/// Where bytes are.
#[derive(Debug)]
pub(super) enum Source<'a> {
    /// Here, in base64.
    Inline {
        /// `image/png`.
        media_type: Cow<'a, str>,
        /// The bytes.
        base64: Cow<'a, str>,
    },
    /// At an address.
    Url(Cow<'a, str>),
    /// Uploaded to the provider before, under this id.
    Uploaded(Cow<'a, str>),
}

/// A function that the model may call.
#[derive(Debug)]
pub(super) struct Tool<'a> {
    /// Its name.
    pub(super) name: Cow<'a, str>,
    /// What it does.
    pub(super) description: Option<Cow<'a, str>>,
    /// JSON schema of its arguments, as it was written.
    pub(super) schema: Option<&'a RawValue>,
    /// Whether arguments must keep to the schema.
    pub(super) strict: Option<bool>,
}

/// Which tool must be called.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    /// The model chooses.
    Auto,
    /// None may be.
    Never,
    /// Some tool must be.
    Required,
    /// This tool must be.
    Named(Cow<'a, str>),
}

/// How many tools may be called at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    /// Several.
    Parallel,
    /// One.
    Single,
}

/// How tokens are drawn. Numbers stay as they were written.
#[derive(Debug, Default)]
pub(super) struct Sampling<'a> {
    /// Temperature.
    pub(super) temperature: Option<Wish<Number<'a>>>,
    /// Nucleus.
    pub(super) top_p: Option<Wish<Number<'a>>>,
    /// Most likely tokens.
    pub(super) top_k: Option<Wish<u64>>,
    /// For the same answer again.
    pub(super) seed: Option<Wish<Number<'a>>>,
    /// Against repeating often.
    pub(super) frequency_penalty: Option<Wish<Number<'a>>>,
    /// Against repeating at all.
    pub(super) presence_penalty: Option<Wish<Number<'a>>>,
}

/// The form of an answer.
#[derive(Debug)]
pub(super) enum Format<'a> {
    /// Any JSON.
    Json,
    /// JSON that keeps to a schema.
    Schema {
        /// A label.
        name: Option<Cow<'a, str>>,
        /// What it is for.
        description: Option<Cow<'a, str>>,
        /// The schema, as it was written.
        schema: &'a RawValue,
        /// Whether it must keep to it.
        strict: Option<bool>,
    },
}

/// How much is thought.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    /// Whether, if that was said.
    pub(super) mode: Option<Wish<Mode>>,
    /// How hard, if that was said.
    pub(super) effort: Option<Wish<Effort>>,
    /// Whether the thoughts are shown.
    pub(super) display: Display,
}

/// Whether the model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It does not.
    Off,
    /// It decides.
    Adaptive,
    /// It does, within so many tokens.
    Budget(u64),
}

/// Whether thoughts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Display {
    /// As the upstream can.
    #[default]
    Shown,
    /// They are not.
    Omitted,
}

/// How hard the model works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effort {
    /// `minimal`.
    Minimal,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `xhigh`.
    XHigh,
    /// `max`.
    Max,
}

/// The class of service, by OpenAI's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    /// What the account has.
    Auto,
    /// The usual one.
    Standard,
    /// Cheap and slow.
    Flex,
    /// Dear and fast.
    Priority,
}

/// How the answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Delivery {
    /// As one document.
    #[default]
    Whole,
    /// As events.
    Stream {
        /// Whether the client asked for the usage in them; some dialects always give it.
        usage: UsageChunk,
    },
}

/// Whether a Chat stream ends with a chunk of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsageChunk {
    /// It does.
    Wanted,
    /// It does not: clients that index `choices[0]` fail at it.
    Unwanted,
}

impl<T> Wish<T> {
    /// A wish written in `field`.
    pub(super) fn new(field: impl Into<String>, value: T) -> Self {
        Self { field: field.into(), value }
    }

    /// Says that it cannot be had.
    pub(super) fn refuse(&self, reason: impl Into<Cow<'static, str>>) -> Fault {
        Fault::new(&*self.field, reason)
    }
}

impl Turn<'_> {
    /// Gemini seals calls, not thoughts. In dialects that have a place for seals only with thoughts, its seal travels in
    /// thoughts before the call.
    pub(super) fn give_seals_to_calls(&mut self) {
        for at in 1..self.parts.len() {
            let (before, from) = self.parts.split_at_mut(at);
            let (Some(thought), Some(call)) = (before.last_mut(), from.first_mut()) else { continue };
            if let (Content::Thought { seal, .. }, Content::Call(call)) = (&mut thought.content, &mut call.content)
                && seal.as_ref().is_some_and(|seal| seal.origin == Dialect::Gemini)
            {
                call.seal = seal.take();
            }
        }
    }
}

impl Delivery {
    /// Whether it is a stream.
    pub(super) const fn is_stream(self) -> bool {
        matches!(self, Self::Stream { .. })
    }
}

/// A schema with a description in it, for dialects that have none beside it. One that it has itself is kept.
pub(super) fn described<'a>(schema: &'a RawValue, description: Option<&str>) -> Cow<'a, RawValue> {
    let field = Field { path: String::new(), raw: schema };
    let has_own = field.object().is_ok_and(|mut fields| fields.take("description").is_some());
    let Some(description) = description.filter(|_| !has_own) else { return Cow::Borrowed(schema) };
    let Some(rest) = schema.get().strip_prefix('{').map(str::trim_start) else { return Cow::Borrowed(schema) };
    let comma = if rest.starts_with('}') { "" } else { "," };
    let whole = format!("{{\"description\":{}{comma}{rest}", serde_json::Value::from(description));
    RawValue::from_string(whole).map_or(Cow::Borrowed(schema), Cow::Owned)
}

impl Effort {
    /// Reads the word of OpenAI and Anthropic.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::XHigh,
            "max" => Self::Max,
            _ => return None,
        })
    }

    /// The word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }
}

impl Thinking {
    /// Takes OpenAI's word for the effort, which may also be that there is none.
    pub(super) fn hear(&mut self, field: Field<'_>) -> Result<(), Fault> {
        let word = field.text()?;
        if word == "none" {
            self.mode = Some(Wish::new(field.path, Mode::Off));
            return Ok(());
        }
        let effort = Effort::parse(&word)
            .ok_or_else(|| field.fault("must be none, minimal, low, medium, high, xhigh or max"))?;
        self.effort = Some(Wish::new(field.path, effort));
        Ok(())
    }
}

impl Tier {
    /// Reads OpenAI's word.
    pub(super) fn read(field: Field<'_>) -> Result<Wish<Self>, Fault> {
        let tier = match &*field.text()? {
            "auto" => Self::Auto,
            "default" => Self::Standard,
            "flex" => Self::Flex,
            "priority" => Self::Priority,
            _ => return Err(field.fault("must be auto, default, flex or priority: the upstream knows no other")),
        };
        Ok(Wish::new(field.path, tier))
    }

    /// OpenAI's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Standard => "default",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }
}

impl Sampling<'_> {
    /// Refuses the penalties where the upstream has none. One of zero asks for nothing.
    pub(super) fn refuse_penalties(&self) -> Result<(), Fault> {
        let penalties = [&self.frequency_penalty, &self.presence_penalty];
        let asked = penalties.into_iter().flatten().find(|penalty| penalty.value.value != 0.0);
        asked.map_or(Ok(()), |penalty| Err(penalty.refuse("the upstream has no penalties")))
    }
}

impl<'a> Source<'a> {
    /// Reads an address; a `data:` URI is taken apart.
    ///
    /// # Errors
    ///
    /// When a `data:` URI is not in base64 or does not say of what type it is. The text is the reason.
    pub(super) fn of_url(url: Cow<'a, str>) -> Result<Self, &'static str> {
        const REASON: &str = "a data URI must be data:TYPE;base64,BYTES";
        if !url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
            return Ok(Self::Url(url));
        }
        let comma = url.find(',').ok_or(REASON)?;
        let header = &url[5..comma];
        let described = header.strip_suffix(";base64").filter(|described| !described.is_empty()).ok_or(REASON)?;
        let media_type = described.split(';').next().unwrap_or(described).to_ascii_lowercase();
        let base64 = match url {
            Cow::Borrowed(url) => Cow::Borrowed(&url[comma + 1..]),
            Cow::Owned(url) => Cow::Owned(url[comma + 1..].to_owned()),
        };
        Ok(Self::Inline { media_type: Cow::Owned(media_type), base64 })
    }

    /// The address; of what is inline, a `data:` URI.
    pub(super) fn into_url(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Inline { media_type, base64 } => Some(Cow::Owned(format!("data:{media_type};base64,{base64}"))),
            Self::Url(url) => Some(url),
            Self::Uploaded(_) => None,
        }
    }
}
