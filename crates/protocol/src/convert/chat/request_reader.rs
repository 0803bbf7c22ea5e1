//! Reads a Chat request.

use crate::convert::{
    conversation::{
        Call, Calls, Choice, Content, Conversation, Delivery, Display, Format, Mode, Outcome, Part, Role, Sampling,
        Source, Thinking, Tier, Tool, ToolResult, Turn, UsageChunk, Wish,
    },
    fields::{Fault, Field, Fields, Number},
};
use std::borrow::Cow;

/// Fields of a request that change no content: labels, what OpenAI stores, how its cache lives, and a guess at the
/// answer that only makes it faster.
const NEUTRAL: [&str; 6] =
    ["metadata", "store", "prompt_cache_retention", "prompt_cache_options", "prediction", "model"];

/// Fields of a message that change no content: sources of an earlier answer, and thoughts in the forms of gateways
/// that no provider takes back.
const NEUTRAL_IN_MESSAGE: [&str; 4] = ["annotations", "reasoning", "reasoning_details", "cache_control"];

/// Reads a whole request.
pub(in crate::convert) fn read(body: &[u8]) -> Result<Conversation<'_>, Fault> {
    let mut fields = Fields::of_body(body)?;
    fields.pass_over(&NEUTRAL);
    refuse_several_answers(&mut fields)?;
    let conversation = Conversation {
        turns: fields.required("messages")?.list()?.into_iter().map(turn).collect::<Result<_, _>>()?,
        tools: fields.list("tools")?.into_iter().map(tool).collect::<Result<_, _>>()?,
        choice: fields.take("tool_choice").map(choice).transpose()?,
        calls: fields.take("parallel_tool_calls").map(calls).transpose()?,
        max_tokens: max_tokens(&mut fields)?,
        stop: fields.take("stop").map(stop).transpose()?,
        sampling: sampling(&mut fields)?,
        format: fields.take("response_format").map(format).transpose()?.flatten(),
        thinking: thinking(&mut fields)?,
        verbosity: wish_text(&mut fields, "verbosity")?,
        end_user: end_user(&mut fields)?,
        cache_key: fields.text("prompt_cache_key")?,
        tier: fields.take("service_tier").map(Tier::read).transpose()?,
        delivery: delivery(&mut fields)?,
    };
    fields.finish()?;
    Ok(conversation)
}

/// What asks for more than one answer, or for more than an answer of text. One that asks for nothing is passed over.
fn refuse_several_answers(fields: &mut Fields<'_>) -> Result<(), Fault> {
    if let Some(n) = fields.take("n").filter(|n| n.raw.get() != "1") {
        return Err(n.fault("only one answer can be had from the upstream"));
    }
    for name in ["logprobs", "top_logprobs"] {
        if let Some(field) = fields.take(name).filter(|field| !matches!(field.raw.get(), "false" | "0")) {
            return Err(field.fault("the probabilities of tokens cannot be had from the upstream"));
        }
    }
    if let Some(bias) = fields.take("logit_bias") {
        bias.object()?.finish()?;
    }
    if let Some(modalities) = fields.take("modalities") {
        let other = modalities.list()?.into_iter().find(|modality| modality.text().is_ok_and(|word| word != "text"));
        if let Some(other) = other {
            return Err(other.fault("the upstream answers with text only"));
        }
    }
    Ok(())
}

fn turn(message: Field<'_>) -> Result<Turn<'_>, Fault> {
    let mut fields = message.object()?;
    fields.pass_over(&NEUTRAL_IN_MESSAGE);
    let role = fields.required("role")?;
    let turn = match &*role.text()? {
        "system" | "developer" => Turn { role: Role::Instructor, parts: contents(&mut fields)? },
        "user" => Turn { role: Role::User, parts: contents(&mut fields)? },
        "assistant" => Turn { role: Role::Assistant, parts: assistant(&mut fields)? },
        "tool" => Turn { role: Role::User, parts: vec![tool_result(&mut fields)?] },
        _ => return Err(role.fault("must be system, developer, user, assistant or tool")),
    };
    fields.finish()?;
    Ok(turn)
}

/// The `content`: a text, or a list of parts.
fn contents<'a>(fields: &mut Fields<'a>) -> Result<Vec<Part<'a>>, Fault> {
    let Some(content) = fields.take("content") else { return Ok(Vec::new()) };
    if content.is_text() {
        return Ok(vec![Part { content: Content::Text(content.text()?), path: content.path }]);
    }
    content.list()?.into_iter().map(part).collect()
}

fn part(part: Field<'_>) -> Result<Part<'_>, Fault> {
    let path = part.path.clone();
    let mut fields = part.object()?;
    fields.pass_over(&["cache_control", "prompt_cache_breakpoint"]);
    let kind = fields.required("type")?;
    let content = match &*kind.text()? {
        "text" => Content::Text(fields.required_text("text")?),
        "refusal" => Content::Refusal(fields.required_text("refusal")?),
        "image_url" => image(fields.required("image_url")?)?,
        "file" => file(fields.required("file")?.object()?)?,
        "input_audio" => {
            let mut audio = fields.required("input_audio")?.object()?;
            let content =
                Content::Audio { format: audio.required_text("format")?, base64: audio.required_text("data")? };
            audio.finish()?;
            content
        }
        _ => return Err(kind.fault("cannot be expressed in the upstream's protocol")),
    };
    fields.finish()?;
    Ok(Part { path, content })
}

fn image(image: Field<'_>) -> Result<Content<'_>, Fault> {
    let mut fields = image.object()?;
    let url = fields.required("url")?;
    let source = Source::of_url(url.text()?).map_err(|reason| url.fault(reason))?;
    let detail = fields.text("detail")?;
    fields.finish()?;
    Ok(Content::Image { source, detail })
}

fn file(mut fields: Fields<'_>) -> Result<Content<'_>, Fault> {
    let name = fields.text("filename")?;
    let source = match (fields.take("file_data"), fields.text("file_id")?) {
        (Some(bytes), None) => Source::of_url(bytes.text()?).map_err(|reason| bytes.fault(reason))?,
        (None, Some(id)) => Source::Uploaded(id),
        _ => return Err(Fault::new(fields.path(), "must have either file_data or file_id")),
    };
    fields.finish()?;
    Ok(Content::File { source, name })
}

fn assistant<'a>(fields: &mut Fields<'a>) -> Result<Vec<Part<'a>>, Fault> {
    let mut parts = Vec::new();
    if let Some(thoughts) = fields.take("reasoning_content") {
        let text = thoughts.text()?;
        parts.push(Part { path: thoughts.path, content: Content::Thought { text, seal: None } });
    }
    parts.extend(contents(fields)?);
    if let Some(refusal) = fields.take("refusal") {
        let content = Content::Refusal(refusal.text()?);
        parts.push(Part { path: refusal.path, content });
    }
    for field in fields.list("tool_calls")? {
        let path = field.path.clone();
        parts.push(Part { path, content: Content::Call(call(field.object()?)?) });
    }
    Ok(parts)
}

fn call(mut fields: Fields<'_>) -> Result<Call<'_>, Fault> {
    fields.pass_over(&["index"]);
    refuse_other_than_function(&mut fields)?;
    let id = fields.required_text("id")?;
    let mut function = fields.required("function")?.object()?;
    let name = function.required_text("name")?;
    let arguments = Cow::Owned(function.required("arguments")?.written_object()?);
    let seal = super::seal(&mut fields)?;
    function.finish()?;
    fields.finish()?;
    Ok(Call { id, name, arguments, seal })
}

fn tool_result<'a>(fields: &mut Fields<'a>) -> Result<Part<'a>, Fault> {
    // Older clients repeat the function's name here; the id says the same.
    fields.pass_over(&["name"]);
    let path = fields.path().to_owned();
    let call_id = fields.required_text("tool_call_id")?;
    let result = ToolResult { call_id, parts: contents(fields)?, outcome: Outcome::Done };
    Ok(Part { path, content: Content::Result(result) })
}

fn refuse_other_than_function(fields: &mut Fields<'_>) -> Result<(), Fault> {
    match fields.take("type") {
        Some(kind) if kind.text()? != "function" => Err(kind.fault("only functions can be called upstream")),
        Some(_) | None => Ok(()),
    }
}

fn tool(field: Field<'_>) -> Result<Tool<'_>, Fault> {
    let mut fields = field.object()?;
    fields.pass_over(&["cache_control"]);
    refuse_other_than_function(&mut fields)?;
    let mut function = fields.required("function")?.object()?;
    let tool = Tool {
        name: function.required_text("name")?,
        description: function.text("description")?,
        schema: function.take("parameters").map(Field::raw_object).transpose()?,
        strict: function.boolean("strict")?,
    };
    function.finish()?;
    fields.finish()?;
    Ok(tool)
}

fn choice(field: Field<'_>) -> Result<Wish<Choice<'_>>, Fault> {
    let path = field.path.clone();
    if field.is_text() {
        return match &*field.text()? {
            "auto" => Ok(Wish::new(path, Choice::Auto)),
            "none" => Ok(Wish::new(path, Choice::Never)),
            "required" => Ok(Wish::new(path, Choice::Required)),
            _ => Err(field.fault("must be auto, none, required or a function")),
        };
    }
    let mut fields = field.object()?;
    refuse_other_than_function(&mut fields)?;
    let mut function = fields.required("function")?.object()?;
    let name = function.required_text("name")?;
    function.finish()?;
    fields.finish()?;
    Ok(Wish::new(path, Choice::Named(name)))
}

fn calls(field: Field<'_>) -> Result<Wish<Calls>, Fault> {
    let calls = if field.boolean()? { Calls::Parallel } else { Calls::Single };
    Ok(Wish::new(field.path, calls))
}

fn max_tokens(fields: &mut Fields<'_>) -> Result<Option<Wish<u64>>, Fault> {
    // The newer name counts where both are given, as with the provider.
    let older = fields.take("max_tokens");
    let field = fields.take("max_completion_tokens").or(older);
    field.map(|field| Ok(Wish::new(&*field.path, field.count()?))).transpose()
}

fn stop(field: Field<'_>) -> Result<Wish<Vec<Cow<'_, str>>>, Fault> {
    let path = field.path.clone();
    let texts = if field.is_text() {
        vec![field.text()?]
    } else {
        field.list()?.iter().map(Field::text).collect::<Result<_, _>>()?
    };
    Ok(Wish::new(path, texts))
}

fn sampling<'a>(fields: &mut Fields<'a>) -> Result<Sampling<'a>, Fault> {
    Ok(Sampling {
        temperature: number(fields, "temperature")?,
        top_p: number(fields, "top_p")?,
        // Not the provider's, but known to all who serve other models by this dialect.
        top_k: fields.take("top_k").map(|field| Ok(Wish::new(&*field.path, field.count()?))).transpose()?,
        seed: number(fields, "seed")?,
        frequency_penalty: number(fields, "frequency_penalty")?,
        presence_penalty: number(fields, "presence_penalty")?,
    })
}

fn number<'a>(fields: &mut Fields<'a>, name: &str) -> Result<Option<Wish<Number<'a>>>, Fault> {
    fields.take(name).map(|field| Ok(Wish::new(&*field.path, field.number()?))).transpose()
}

fn wish_text<'a>(fields: &mut Fields<'a>, name: &str) -> Result<Option<Wish<Cow<'a, str>>>, Fault> {
    fields.take(name).map(|field| Ok(Wish::new(&*field.path, field.text()?))).transpose()
}

fn format(field: Field<'_>) -> Result<Option<Wish<Format<'_>>>, Fault> {
    let path = field.path.clone();
    let mut fields = field.object()?;
    let kind = fields.required("type")?;
    let format = match &*kind.text()? {
        "text" => None,
        "json_object" => Some(Format::Json),
        "json_schema" => Some(schema_format(fields.required("json_schema")?.object()?)?),
        _ => return Err(kind.fault("must be text, json_object or json_schema")),
    };
    fields.finish()?;
    Ok(format.map(|format| Wish::new(path, format)))
}

fn schema_format(mut fields: Fields<'_>) -> Result<Format<'_>, Fault> {
    let format = Format::Schema {
        name: fields.text("name")?,
        description: fields.text("description")?,
        schema: fields.required("schema")?.raw_object()?,
        strict: fields.boolean("strict")?,
    };
    fields.finish()?;
    Ok(format)
}

/// `reasoning_effort`; or the object that gateways to many providers have for it.
fn thinking(fields: &mut Fields<'_>) -> Result<Thinking, Fault> {
    let gateways = fields.object("reasoning")?;
    let mut thinking = Thinking::default();
    let mut effort = fields.take("reasoning_effort");
    if let Some(mut gateways) = gateways {
        let path = gateways.path().to_owned();
        effort = gateways.take("effort").or(effort);
        let budget = gateways.count("max_tokens")?.map(Mode::Budget);
        let mode = match gateways.boolean("enabled")? {
            Some(false) => Some(Mode::Off),
            Some(true) => budget.or(Some(Mode::Adaptive)),
            None => budget,
        };
        thinking.mode = mode.map(|mode| Wish::new(path, mode));
        if gateways.boolean("exclude")?.unwrap_or(false) {
            thinking.display = Display::Omitted;
        }
        gateways.finish()?;
    }
    if let Some(field) = effort {
        thinking.hear(field)?;
    }
    Ok(thinking)
}

fn end_user<'a>(fields: &mut Fields<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let older = fields.text("user")?;
    Ok(fields.text("safety_identifier")?.or(older))
}

fn delivery(fields: &mut Fields<'_>) -> Result<Delivery, Fault> {
    let is_stream = fields.boolean("stream")?.unwrap_or(false);
    let mut usage = UsageChunk::Unwanted;
    if let Some(mut options) = fields.object("stream_options")? {
        if options.boolean("include_usage")?.unwrap_or(false) {
            usage = UsageChunk::Wanted;
        }
        options.pass_over(&["include_obfuscation"]);
        options.finish()?;
    }
    Ok(if is_stream { Delivery::Stream { usage } } else { Delivery::Whole })
}
