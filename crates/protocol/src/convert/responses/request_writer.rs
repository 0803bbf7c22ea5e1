//! Writes a Responses request. Nothing is stored upstream: the client sends its whole conversation each time.

use crate::convert::{
    chat::{END_USER_BYTES_MAX, FILE_NAME, SCHEMA_NAME},
    conversation::{
        Call, Calls, Choice, Content, Conversation, Display, Effort, Format, Part, Role, Sampling, Source, Tool,
        ToolResult, Turn, Wish,
    },
    fields::Fault,
    json::{Json, Object},
    models,
    seal::Seal,
    tool_names::{First, NameRule, ToolNames},
};
use domain::Dialect;
use std::borrow::Cow;

/// The provider's rule for names of functions.
const NAMES: NameRule = NameRule { length_max: 64, also: b"-", first: First::Any };

/// Writes a whole request for `model`.
pub(in crate::convert) fn write<'a>(
    conversation: Conversation<'a>,
    model: &'a str,
) -> Result<(Object<'a>, ToolNames), Fault> {
    let Conversation {
        turns,
        tools,
        choice,
        calls,
        max_tokens,
        stop,
        sampling,
        format,
        thinking,
        verbosity,
        end_user,
        cache_key,
        tier,
        delivery,
    } = conversation;
    if let Some(stop) = stop.filter(|stop| !stop.value.is_empty()) {
        return Err(stop.refuse("the upstream cannot stop at texts"));
    }
    let mut names = ToolNames::new(NAMES);
    let mut input = Vec::new();
    for turn in turns {
        items(turn, &mut names, &mut input)?;
    }
    let has_tools = !tools.is_empty();
    let tools = tools.into_iter().map(|it| tool(it, &mut names)).collect();
    let choice = choice.filter(|_| has_tools).map(|choice| tool_choice(choice.value, &mut names));
    let calls = calls.filter(|_| has_tools).map(|calls| calls.value == Calls::Parallel);
    let text = Object::new()
        .with_some("format", format.map(text_format))
        .with_some("verbosity", verbosity.map(|wish| wish.value));
    let effort = models::effort_of(&thinking, model);
    let thinks = !models::never_thinks(model) && (thinking.mode.is_some() || effort.is_some());
    let summary = (thinks && thinking.display == Display::Shown).then_some("auto");
    let reasoning = Object::new().with_some("effort", effort.map(Effort::word)).with_some("summary", summary);
    let request = Object::new()
        .with("model", model)
        .with("input", input)
        .with_any("tools", tools)
        .with_some("tool_choice", choice)
        .with_some("parallel_tool_calls", calls)
        .with_some("max_output_tokens", max_tokens.map(|wish| wish.value));
    let sealed = if models::never_thinks(model) { Vec::new() } else { vec!["reasoning.encrypted_content".into()] };
    let request = drawn(request, sampling)?
        .with_some("reasoning", (!reasoning.is_empty()).then_some(reasoning))
        .with_some("text", (!text.is_empty()).then_some(text))
        .with("store", false)
        .with_any("include", sealed)
        .with_some("user", end_user.filter(|user| user.len() <= END_USER_BYTES_MAX))
        .with_some("prompt_cache_key", cache_key)
        .with_some("service_tier", tier.map(|tier| tier.value.word()))
        .with_some("stream", delivery.is_stream().then_some(true));
    Ok((request, names))
}

/// The items of a turn: calls and results are items of their own beside the messages.
fn items<'a>(turn: Turn<'a>, names: &mut ToolNames, out: &mut Vec<Json<'a>>) -> Result<(), Fault> {
    let role = match turn.role {
        Role::Instructor => "system",
        Role::User => "user",
        Role::Assistant => {
            for part in turn.parts {
                out.extend(item_of_model(part, names)?.map(Json::from));
            }
            return Ok(());
        }
    };
    let mut said = Vec::new();
    for part in turn.parts {
        match part.content {
            Content::Result(result) => {
                out.extend(message(role, std::mem::take(&mut said)));
                out.push(output(result)?.into());
            }
            content => said.extend(self::content(Part { path: part.path, content })?),
        }
    }
    out.extend(message(role, said));
    Ok(())
}

/// What the model said, each part an item; none for what says nothing or is of another provider's making. A message in
/// parts would have to have an id of the provider's; one of a text alone need not.
fn item_of_model<'a>(part: Part<'a>, names: &mut ToolNames) -> Result<Option<Object<'a>>, Fault> {
    let message = Object::of_type("message").with("role", "assistant");
    Ok(match part.content {
        Content::Text(text) | Content::Refusal(text) if text.is_empty() => None,
        Content::Text(text) | Content::Refusal(text) => Some(message.with("content", text)),
        Content::Call(it) => Some(call(it, names)),
        Content::Thought { text, seal } => seal.and_then(|seal| reasoning(&text, &seal)),
        Content::SealedThought(_) => None,
        Content::Image { .. } | Content::File { .. } | Content::Audio { .. } | Content::Result(_) => {
            return Err(Fault::new(part.path, "does not belong in this place"));
        }
    })
}

fn message<'a>(role: &'static str, said: Vec<Json<'a>>) -> Option<Json<'a>> {
    (!said.is_empty()).then(|| Object::of_type("message").with("role", role).with("content", said).into())
}

/// One part of what is said to the model; none for what says nothing.
fn content(part: Part<'_>) -> Result<Option<Json<'_>>, Fault> {
    let content = match part.content {
        Content::Text(text) if text.is_empty() => return Ok(None),
        Content::Text(text) => Object::of_type("input_text").with("text", text),
        Content::Image { source, detail } => {
            let detail = detail.unwrap_or(Cow::Borrowed("auto"));
            located(Object::of_type("input_image").with("detail", detail), source, "image_url", "image_url")
        }
        Content::File { source, name } => {
            let needs_name = matches!(source, Source::Inline { .. });
            let name = name.or(needs_name.then_some(Cow::Borrowed(FILE_NAME)));
            located(Object::of_type("input_file").with_some("filename", name), source, "file_data", "file_url")
        }
        Content::Audio { .. } => return Err(Fault::new(part.path, "the upstream takes no speech")),
        Content::Refusal(_)
        | Content::Thought { .. }
        | Content::SealedThought(_)
        | Content::Call(_)
        | Content::Result(_) => return Err(Fault::new(part.path, "does not belong in this place")),
    };
    Ok(Some(content.into()))
}

fn located<'a>(object: Object<'a>, source: Source<'a>, inline: &'static str, url: &'static str) -> Object<'a> {
    match source {
        Source::Uploaded(id) => object.with("file_id", id),
        Source::Url(address) => object.with(url, address),
        here @ Source::Inline { .. } => object.with_some(inline, here.into_url()),
    }
}

/// Thoughts go back only to the provider that sealed them.
fn reasoning<'a>(text: &str, seal: &Seal<'_>) -> Option<Object<'a>> {
    let (id, encrypted) = seal.proof_of(Dialect::OpenAiResponses)?.split_once(':')?;
    let summary = if text.is_empty() {
        Vec::new()
    } else {
        vec![Object::of_type("summary_text").with("text", text.to_owned()).into()]
    };
    Some(
        Object::of_type("reasoning")
            .with("id", id.to_owned())
            .with("summary", summary)
            .with("encrypted_content", encrypted.to_owned()),
    )
}

fn call<'a>(call: Call<'a>, names: &mut ToolNames) -> Object<'a> {
    let Call { id, name, arguments, seal: _ } = call;
    Object::of_type("function_call")
        .with("call_id", id)
        .with("name", names.fit(&name).into_owned())
        .with("arguments", arguments.get().to_owned())
}

/// A tool's result. The dialect has no mark for failure: the text tells it.
fn output(result: ToolResult<'_>) -> Result<Object<'_>, Fault> {
    let ToolResult { call_id, parts, outcome: _ } = result;
    let item = Object::of_type("function_call_output").with("call_id", call_id);
    let mut parts = parts;
    if parts.len() <= 1 {
        match parts.pop() {
            None => return Ok(item.with("output", "")),
            Some(Part { content: Content::Text(text), path: _ }) => return Ok(item.with("output", text)),
            Some(other) => parts.push(other),
        }
    }
    let mut list = Vec::new();
    for part in parts {
        list.extend(content(part)?);
    }
    Ok(item.with("output", list))
}

fn tool<'a>(tool: Tool<'a>, names: &mut ToolNames) -> Json<'a> {
    let Tool { name, description, schema, strict } = tool;
    Object::of_type("function")
        .with("name", names.fit(&name).into_owned())
        .with_some("description", description)
        .with("parameters", schema.map_or(Json::Null, Json::from))
        // Left out, it would be true here and false in the other dialects.
        .with("strict", strict.unwrap_or(false))
        .into()
}

fn tool_choice<'a>(choice: Choice<'_>, names: &mut ToolNames) -> Json<'a> {
    match choice {
        Choice::Auto => "auto".into(),
        Choice::Never => "none".into(),
        Choice::Required => "required".into(),
        Choice::Named(name) => Object::of_type("function").with("name", names.fit(&name).into_owned()).into(),
    }
}

fn text_format(format: Wish<Format<'_>>) -> Object<'_> {
    match format.value {
        Format::Json => Object::of_type("json_object"),
        Format::Schema { name, description, schema, strict } => Object::of_type("json_schema")
            .with("name", name.unwrap_or(Cow::Borrowed(SCHEMA_NAME)))
            .with_some("description", description)
            .with("schema", schema)
            .with("strict", strict.unwrap_or(false)),
    }
}

fn drawn<'a>(request: Object<'a>, sampling: Sampling<'a>) -> Result<Object<'a>, Fault> {
    sampling.refuse_penalties()?;
    let Sampling { temperature, top_p, top_k, seed, frequency_penalty: _, presence_penalty: _ } = sampling;
    if let Some(top_k) = top_k {
        return Err(top_k.refuse("the upstream has no top_k"));
    }
    if let Some(seed) = seed {
        return Err(seed.refuse("the upstream has no seed"));
    }
    Ok(request
        .with_some("temperature", temperature.map(|wish| wish.value.raw))
        .with_some("top_p", top_p.map(|wish| wish.value.raw)))
}
