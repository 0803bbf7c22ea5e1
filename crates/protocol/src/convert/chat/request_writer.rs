//! Writes a Chat request.

use crate::convert::{
    conversation::{
        Call, Calls, Choice, Content, Conversation, Delivery, Effort, Format, Part, Role, Sampling, Source, Tool,
        ToolResult, Turn,
    },
    fields::Fault,
    json::{Json, Object},
    models,
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
    let mut names = ToolNames::new(NAMES);
    let mut out = Vec::new();
    for turn in turns {
        messages(turn, &mut names, &mut out)?;
    }
    let has_tools = !tools.is_empty();
    let tools = tools.into_iter().map(|it| tool(it, &mut names)).collect();
    let choice = choice.filter(|_| has_tools).map(|choice| tool_choice(choice.value, &mut names));
    let calls = calls.filter(|_| has_tools).map(|calls| calls.value == Calls::Parallel);
    let request = Object::new()
        .with("model", model)
        .with("messages", out)
        .with_any("tools", tools)
        .with_some("tool_choice", choice)
        .with_some("parallel_tool_calls", calls)
        .with_some(room_member(model), max_tokens.map(|wish| wish.value))
        .with_some("stop", stop.map(|stop| stop.value.into_iter().map(Json::from).collect::<Vec<_>>()));
    let request = drawn(request, sampling)?
        .with_some("response_format", format.map(|format| response_format(format.value)))
        .with_some("reasoning_effort", models::effort_of(&thinking, model).map(Effort::word))
        .with_some("verbosity", verbosity.map(|wish| wish.value))
        .with_some("user", end_user.filter(|user| user.len() <= super::END_USER_BYTES_MAX))
        .with_some("prompt_cache_key", cache_key)
        .with_some("service_tier", tier.map(|tier| tier.value.word()));
    let request = match delivery {
        Delivery::Whole => request,
        Delivery::Stream { .. } => {
            request.with("stream", true).with("stream_options", Object::new().with("include_usage", true))
        }
    };
    Ok((request, names))
}

/// The provider's own models refuse the older name, and others do not know the newer one.
fn room_member(model: &str) -> &'static str {
    if models::is_openai(model) { "max_completion_tokens" } else { "max_tokens" }
}

/// The messages of a turn. Results of tools are messages of their own and come first, right behind the calls. They hold
/// texts only, so that their pictures and documents follow in the user's message, in their order.
fn messages<'a>(turn: Turn<'a>, names: &mut ToolNames, out: &mut Vec<Json<'a>>) -> Result<(), Fault> {
    match turn.role {
        Role::Instructor => out.extend(message("system", contents(turn.parts)?)),
        Role::Assistant => out.extend(assistant(turn.parts, names)?),
        Role::User => {
            let (mut shown, mut said) = (Vec::new(), Vec::new());
            for part in turn.parts {
                match part.content {
                    Content::Result(result) => out.push(tool_message(result, &mut shown)?),
                    content => said.push(Part { path: part.path, content }),
                }
            }
            shown.append(&mut said);
            out.extend(message("user", contents(shown)?));
        }
    }
    Ok(())
}

/// A message; none when it would be empty.
fn message<'a>(role: &'static str, contents: Vec<Object<'a>>) -> Option<Json<'a>> {
    (!contents.is_empty()).then(|| Object::new().with("role", role).with("content", joined(contents)).into())
}

fn joined(contents: Vec<Object<'_>>) -> Json<'_> {
    match <[Object<'_>; 1]>::try_from(contents) {
        Ok([only]) => only.into_text().unwrap_or_else(|only| Json::List(vec![only.into()])),
        Err(several) => Json::List(several.into_iter().map(Json::from).collect()),
    }
}

fn contents(parts: Vec<Part<'_>>) -> Result<Vec<Object<'_>>, Fault> {
    let mut contents = Vec::new();
    for part in parts {
        contents.extend(content(part)?);
    }
    Ok(contents)
}

/// One part of a message's content; none for what is no content of this dialect.
fn content(part: Part<'_>) -> Result<Option<Object<'_>>, Fault> {
    let path = part.path;
    Ok(Some(match part.content {
        Content::Text(text) => Object::of_type("text").with("text", text),
        Content::Refusal(text) => Object::of_type("refusal").with("refusal", text),
        Content::Image { source, detail } => {
            let url = source.into_url().ok_or_else(|| not_here(&path))?;
            Object::of_type("image_url").with("image_url", Object::new().with("url", url).with_some("detail", detail))
        }
        Content::File { source: source @ Source::Inline { .. }, name } => {
            let file = Object::new().with("filename", name.unwrap_or(Cow::Borrowed(super::FILE_NAME)));
            Object::of_type("file").with("file", file.with_some("file_data", source.into_url()))
        }
        Content::File { source: Source::Url(_), .. } => {
            return Err(Fault::new(path, "documents can be sent upstream as bytes only, not by their address"));
        }
        Content::File { source: Source::Uploaded(_), .. } => return Err(not_here(&path)),
        Content::Audio { format, base64 } => Object::of_type("input_audio")
            .with("input_audio", Object::new().with("data", base64).with("format", format)),
        Content::Thought { .. } | Content::SealedThought(_) => return Ok(None),
        Content::Call(_) | Content::Result(_) => return Err(Fault::new(path, "does not belong in this place")),
    }))
}

fn not_here(path: &str) -> Fault {
    Fault::new(path, "a file that was uploaded elsewhere is not known upstream")
}

/// Thoughts go back only to a provider of this dialect that told them.
fn assistant<'a>(parts: Vec<Part<'a>>, names: &mut ToolNames) -> Result<Option<Json<'a>>, Fault> {
    let (mut said, mut calls, mut thoughts) = (Vec::new(), Vec::new(), None::<String>);
    for part in parts {
        match part.content {
            Content::Call(it) => calls.push(call(it, names)),
            Content::Thought { text, seal: Some(seal) } if seal.origin == Dialect::OpenAiChat => {
                thoughts.get_or_insert_default().push_str(&text);
            }
            content => said.push(Part { path: part.path, content }),
        }
    }
    let said = contents(said)?;
    if said.is_empty() && calls.is_empty() {
        return Ok(None);
    }
    let content = if said.is_empty() { Json::Null } else { joined(said) };
    let message = Object::new().with("role", "assistant").with("content", content);
    Ok(Some(message.with_some("reasoning_content", thoughts).with_any("tool_calls", calls).into()))
}

fn call<'a>(call: Call<'a>, names: &mut ToolNames) -> Json<'a> {
    let Call { id, name, arguments, seal } = call;
    let function =
        Object::new().with("name", names.fit(&name).into_owned()).with("arguments", arguments.get().to_owned());
    let signature = seal.filter(|seal| seal.origin == Dialect::Gemini).map(|seal| seal.proof);
    let extra =
        signature.map(|signature| Object::new().with("google", Object::new().with("thought_signature", signature)));
    Object::new()
        .with("id", id)
        .with("type", "function")
        .with("function", function)
        .with_some("extra_content", extra)
        .into()
}

/// A result's message; what is no text goes to `shown`. The dialect has no mark for failure: the text tells it.
fn tool_message<'a>(result: ToolResult<'a>, shown: &mut Vec<Part<'a>>) -> Result<Json<'a>, Fault> {
    let ToolResult { call_id, parts, outcome: _ } = result;
    let mut texts = Vec::new();
    for part in parts {
        if matches!(part.content, Content::Text(_)) { texts.push(part) } else { shown.push(part) }
    }
    let texts = contents(texts)?;
    let content = if texts.is_empty() { Json::from("") } else { joined(texts) };
    Ok(Object::new().with("role", "tool").with("tool_call_id", call_id).with("content", content).into())
}

fn tool<'a>(tool: Tool<'a>, names: &mut ToolNames) -> Json<'a> {
    let Tool { name, description, schema, strict } = tool;
    let function = Object::new()
        .with("name", names.fit(&name).into_owned())
        .with_some("description", description)
        .with_some("parameters", schema)
        .with_some("strict", strict);
    Object::of_type("function").with("function", function).into()
}

fn tool_choice<'a>(choice: Choice<'_>, names: &mut ToolNames) -> Json<'a> {
    match choice {
        Choice::Auto => "auto".into(),
        Choice::Never => "none".into(),
        Choice::Required => "required".into(),
        Choice::Named(name) => {
            let function = Object::new().with("name", names.fit(&name).into_owned());
            Object::of_type("function").with("function", function).into()
        }
    }
}

fn drawn<'a>(request: Object<'a>, sampling: Sampling<'a>) -> Result<Object<'a>, Fault> {
    let Sampling { temperature, top_p, top_k, seed, frequency_penalty, presence_penalty } = sampling;
    if let Some(top_k) = top_k {
        return Err(top_k.refuse("the upstream has no top_k"));
    }
    Ok(request
        .with_some("temperature", temperature.map(|wish| wish.value.raw))
        .with_some("top_p", top_p.map(|wish| wish.value.raw))
        .with_some("seed", seed.map(|wish| wish.value.raw))
        .with_some("frequency_penalty", frequency_penalty.map(|wish| wish.value.raw))
        .with_some("presence_penalty", presence_penalty.map(|wish| wish.value.raw)))
}

fn response_format(format: Format<'_>) -> Object<'_> {
    match format {
        Format::Json => Object::of_type("json_object"),
        Format::Schema { name, description, schema, strict } => {
            let schema = Object::new()
                .with("name", name.unwrap_or(Cow::Borrowed(super::SCHEMA_NAME)))
                .with_some("description", description)
                .with("schema", schema)
                .with_some("strict", strict);
            Object::of_type("json_schema").with("json_schema", schema)
        }
    }
}
