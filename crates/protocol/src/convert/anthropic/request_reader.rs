//! Reads a Messages request.

use crate::convert::{
    conversation::{
        Call, Calls, Choice, Content, Conversation, Delivery, Display, Effort, Format, Mode, Outcome, Part, Role,
        Sampling, Source, Thinking, Tier, Tool, ToolResult, Turn, UsageChunk, Wish,
    },
    fields::{Fault, Field, Fields, Number},
    seal::Seal,
};
use domain::Dialect;
use std::borrow::Cow;

/// Fields of a request that change no content: how its cache lives and is looked into, and what other platforms have in
/// headers.
const NEUTRAL: [&str; 5] = ["model", "cache_control", "diagnostics", "anthropic_version", "anthropic_beta"];

/// Edits of the context that only make it shorter: upstream the conversation is sent whole.
const SHORTENING_EDITS: [&str; 2] = ["clear_thinking_20251015", "clear_tool_uses_20250919"];

/// Why a file that lies at the provider cannot be sent elsewhere.
const UPLOADED: &str = "must be base64 or url: a file that lies at the provider is not known upstream";

/// Reads a whole request.
pub(in crate::convert) fn read(body: &[u8]) -> Result<Conversation<'_>, Fault> {
    let mut fields = Fields::of_body(body)?;
    fields.pass_over(&NEUTRAL);
    if let Some(speed) = fields.take("speed").filter(|speed| speed.raw.get() != r#""standard""#) {
        return Err(speed.fault("the upstream has one speed"));
    }
    if let Some(management) = fields.object("context_management")? {
        check_edits(management)?;
    }
    let mut thinking = thinking(&mut fields)?;
    let mut turns = Vec::new();
    if let Some(system) = fields.take("system") {
        turns.push(Turn { role: Role::Instructor, parts: contents(system)? });
    }
    let mut format = None;
    if let Some(config) = fields.object("output_config")? {
        format = output_config(config, &mut thinking)?;
    }
    for message in fields.required("messages")?.list()? {
        turns.push(turn(message, &mut thinking)?);
    }
    let (choice, calls) = tool_choice(&mut fields)?;
    let conversation = Conversation {
        turns,
        tools: fields.list("tools")?.into_iter().map(tool).collect::<Result<_, _>>()?,
        choice,
        calls,
        max_tokens: wish_count(&mut fields, "max_tokens")?,
        stop: stop_sequences(&mut fields)?,
        sampling: sampling(&mut fields)?,
        format,
        thinking,
        verbosity: None,
        end_user: end_user(&mut fields)?,
        cache_key: None,
        tier: fields.take("service_tier").map(tier).transpose()?,
        delivery: delivery(&mut fields)?,
    };
    fields.finish()?;
    Ok(conversation)
}

fn check_edits(mut management: Fields<'_>) -> Result<(), Fault> {
    for edit in management.list("edits")? {
        let mut edit = edit.object()?;
        let kind = edit.required("type")?;
        if !SHORTENING_EDITS.contains(&&*kind.text()?) {
            return Err(kind.fault("is an edit that the upstream cannot make"));
        }
    }
    management.finish()
}

fn turn<'a>(message: Field<'a>, thinking: &mut Thinking) -> Result<Turn<'a>, Fault> {
    let mut fields = message.object()?;
    let role = fields.required("role")?;
    let role = match &*role.text()? {
        "system" => Role::Instructor,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(role.fault("must be user, assistant or system")),
    };
    let parts = contents(fields.required("content")?)?;
    if let Some(config) = fields.object("output_config")? {
        // A later turn's effort counts for the answer that follows.
        if let Some(format) = output_config(config, thinking)? {
            return Err(format.refuse("the upstream has one format for the whole answer"));
        }
    }
    fields.finish()?;
    let mut turn = Turn { role, parts };
    turn.give_seals_to_calls();
    Ok(turn)
}

/// A text, or a list of blocks.
fn contents(content: Field<'_>) -> Result<Vec<Part<'_>>, Fault> {
    if content.is_text() {
        return Ok(vec![Part { content: Content::Text(content.text()?), path: content.path }]);
    }
    content.list()?.into_iter().map(block).collect()
}

fn block(block: Field<'_>) -> Result<Part<'_>, Fault> {
    let path = block.path.clone();
    let mut fields = block.object()?;
    fields.pass_over(&["cache_control"]);
    let kind = fields.required("type")?;
    let content = match &*kind.text()? {
        "text" => {
            // Sources of an earlier answer.
            fields.pass_over(&["citations"]);
            Content::Text(fields.required_text("text")?)
        }
        "image" => image(&mut fields)?,
        "document" => document(&mut fields)?,
        "thinking" => {
            let text = fields.required_text("thinking")?;
            let signature = fields.text("signature")?.filter(|signature| !signature.is_empty());
            Content::Thought { text, seal: signature.map(|signature| Seal::parse(Dialect::Anthropic, &signature)) }
        }
        "redacted_thinking" => Content::SealedThought(Seal::parse(Dialect::Anthropic, &fields.required_text("data")?)),
        "tool_use" => Content::Call(call(&mut fields)?),
        "tool_result" => Content::Result(tool_result(&mut fields)?),
        // The client's own search found this tool; what the model reads of it is its name.
        "tool_reference" => Content::Text(fields.required_text("tool_name")?),
        _ => return Err(kind.fault("cannot be expressed in the upstream's protocol")),
    };
    fields.finish()?;
    Ok(Part { path, content })
}

fn image<'a>(fields: &mut Fields<'a>) -> Result<Content<'a>, Fault> {
    let mut from = fields.required("source")?.object()?;
    let kind = from.required("type")?;
    Ok(Content::Image { source: source(&kind, from)?, detail: None })
}

/// Where bytes are, of a source of this `kind`.
fn source<'a>(kind: &Field<'_>, mut fields: Fields<'a>) -> Result<Source<'a>, Fault> {
    let source = match &*kind.text()? {
        "base64" => {
            Source::Inline { media_type: fields.required_text("media_type")?, base64: fields.required_text("data")? }
        }
        "url" => Source::Url(fields.required_text("url")?),
        "file" => return Err(kind.fault(UPLOADED)),
        _ => return Err(kind.fault("must be base64 or url")),
    };
    fields.finish()?;
    Ok(source)
}

/// A document of plain text is text; one of blocks would need the provider's own way of citing.
fn document<'a>(fields: &mut Fields<'a>) -> Result<Content<'a>, Fault> {
    let name = fields.text("title")?;
    if let Some(mut citations) = fields.object("citations")?
        && citations.boolean("enabled")?.unwrap_or(false)
    {
        return Err(Fault::new(citations.path_of("enabled"), "the upstream cannot cite documents"));
    }
    let mut from = fields.required("source")?.object()?;
    let kind = from.required("type")?;
    if kind.text()? != "text" {
        return Ok(Content::File { source: source(&kind, from)?, name });
    }
    from.pass_over(&["media_type"]);
    let text = from.required_text("data")?;
    from.finish()?;
    match name {
        None => Ok(Content::Text(text)),
        Some(_) => Err(Fault::new(fields.path_of("title"), "a document of plain text has no title upstream")),
    }
}

fn call<'a>(fields: &mut Fields<'a>) -> Result<Call<'a>, Fault> {
    fields.refuse_programs()?;
    Ok(Call {
        id: fields.required_text("id")?,
        name: fields.required_text("name")?,
        arguments: Cow::Borrowed(fields.required("input")?.raw_object()?),
        seal: None,
    })
}

fn tool_result<'a>(fields: &mut Fields<'a>) -> Result<ToolResult<'a>, Fault> {
    let failed = fields.boolean("is_error")?.unwrap_or(false);
    Ok(ToolResult {
        call_id: fields.required_text("tool_use_id")?,
        parts: fields.take("content").map(contents).transpose()?.unwrap_or_default(),
        outcome: if failed { Outcome::Failed } else { Outcome::Done },
    })
}

fn tool(field: Field<'_>) -> Result<Tool<'_>, Fault> {
    let mut fields = field.object()?;
    // How arguments are streamed, and that a tool may stay out of sight until the client's search finds it: upstream
    // it is in sight from the beginning.
    fields.pass_over(&["cache_control", "eager_input_streaming", "defer_loading"]);
    if let Some(kind) = fields.take("type")
        && kind.text()? != "custom"
    {
        return Err(kind.fault("is a tool of the provider, which the upstream has not"));
    }
    fields.refuse_programs()?;
    let tool = Tool {
        name: fields.required_text("name")?,
        description: fields.text("description")?,
        schema: Some(fields.required("input_schema")?.raw_object()?),
        strict: fields.boolean("strict")?,
    };
    fields.finish()?;
    Ok(tool)
}

type HowToCall<'a> = (Option<Wish<Choice<'a>>>, Option<Wish<Calls>>);

fn tool_choice<'a>(fields: &mut Fields<'a>) -> Result<HowToCall<'a>, Fault> {
    let Some(field) = fields.take("tool_choice") else { return Ok((None, None)) };
    let path = field.path.clone();
    let mut fields = field.object()?;
    let kind = fields.required("type")?;
    let choice = match &*kind.text()? {
        "auto" => Choice::Auto,
        "any" => Choice::Required,
        "none" => Choice::Never,
        "tool" => Choice::Named(fields.required_text("name")?),
        _ => return Err(kind.fault("must be auto, any, tool or none")),
    };
    let single = fields.take("disable_parallel_tool_use");
    let calls = single.map(|single| {
        let calls = if single.boolean()? { Calls::Single } else { Calls::Parallel };
        Ok(Wish::new(single.path, calls))
    });
    fields.finish()?;
    Ok((Some(Wish::new(path, choice)), calls.transpose()?))
}

fn wish_count(fields: &mut Fields<'_>, name: &str) -> Result<Option<Wish<u64>>, Fault> {
    fields.take(name).map(|field| Ok(Wish::new(&*field.path, field.count()?))).transpose()
}

fn stop_sequences<'a>(fields: &mut Fields<'a>) -> Result<Option<Wish<Vec<Cow<'a, str>>>>, Fault> {
    let Some(field) = fields.take("stop_sequences") else { return Ok(None) };
    let path = field.path.clone();
    let texts = field.list()?.iter().map(Field::text).collect::<Result<Vec<_>, _>>()?;
    Ok((!texts.is_empty()).then(|| Wish::new(path, texts)))
}

fn sampling<'a>(fields: &mut Fields<'a>) -> Result<Sampling<'a>, Fault> {
    Ok(Sampling {
        temperature: number(fields, "temperature")?,
        top_p: number(fields, "top_p")?,
        top_k: wish_count(fields, "top_k")?,
        ..Sampling::default()
    })
}

fn number<'a>(fields: &mut Fields<'a>, name: &str) -> Result<Option<Wish<Number<'a>>>, Fault> {
    fields.take(name).map(|field| Ok(Wish::new(&*field.path, field.number()?))).transpose()
}

fn thinking(fields: &mut Fields<'_>) -> Result<Thinking, Fault> {
    let Some(field) = fields.take("thinking") else { return Ok(Thinking::default()) };
    let path = field.path.clone();
    let mut fields = field.object()?;
    let kind = fields.required("type")?;
    let mode = match &*kind.text()? {
        "disabled" => Mode::Off,
        "adaptive" => Mode::Adaptive,
        "enabled" => Mode::Budget(fields.required("budget_tokens")?.count()?),
        _ => return Err(kind.fault("must be enabled, adaptive or disabled: the upstream knows no other")),
    };
    let omitted = fields.text("display")?.is_some_and(|display| display == "omitted");
    fields.finish()?;
    let display = if omitted { Display::Omitted } else { Display::Shown };
    Ok(Thinking { mode: Some(Wish::new(path, mode)), effort: None, display })
}

/// The effort goes to `thinking`; the format is given back.
fn output_config<'a>(mut config: Fields<'a>, thinking: &mut Thinking) -> Result<Option<Wish<Format<'a>>>, Fault> {
    if let Some(field) = config.take("effort") {
        let effort =
            Effort::parse(&field.text()?).ok_or_else(|| field.fault("must be low, medium, high, xhigh or max"))?;
        thinking.effort = Some(Wish::new(field.path, effort));
    }
    let Some(field) = config.take("format") else { return config.finish().map(|()| None) };
    config.finish()?;
    let path = field.path.clone();
    let mut fields = field.object()?;
    let kind = fields.required("type")?;
    if kind.text()? != "json_schema" {
        return Err(kind.fault("must be json_schema"));
    }
    let schema = fields.required("schema")?.raw_object()?;
    fields.finish()?;
    Ok(Some(Wish::new(path, Format::Schema { name: None, description: None, schema, strict: Some(true) })))
}

fn end_user<'a>(fields: &mut Fields<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(mut metadata) = fields.object("metadata")? else { return Ok(None) };
    let user = metadata.text("user_id")?;
    metadata.finish()?;
    Ok(user)
}

fn tier(field: Field<'_>) -> Result<Wish<Tier>, Fault> {
    let tier = match &*field.text()? {
        "auto" => Tier::Auto,
        "standard_only" => Tier::Standard,
        _ => return Err(field.fault("must be auto or standard_only")),
    };
    Ok(Wish::new(field.path, tier))
}

fn delivery(fields: &mut Fields<'_>) -> Result<Delivery, Fault> {
    let is_stream = fields.boolean("stream")?.unwrap_or(false);
    Ok(if is_stream { Delivery::Stream { usage: UsageChunk::Wanted } } else { Delivery::Whole })
}
