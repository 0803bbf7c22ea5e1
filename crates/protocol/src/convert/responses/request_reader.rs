//! Reads a Responses request. Its conversation must be in it: what OpenAI stores is not known elsewhere.

use crate::convert::{
    conversation::{
        Call, Calls, Choice, Content, Conversation, Delivery, Display, Format, Outcome, Part, Role, Sampling, Source,
        Thinking, Tier, Tool, ToolResult, Turn, UsageChunk, Wish,
    },
    fields::{Fault, Field, Fields, Number},
    seal::Seal,
};
use domain::Dialect;
use std::borrow::Cow;

/// Fields of a request that change no content: labels, what OpenAI stores, how its cache lives, bounds of its own tools,
/// and leave to shorten what is too long.
const NEUTRAL: [&str; 8] = [
    "model",
    "metadata",
    "client_metadata",
    "store",
    "prompt_cache_retention",
    "prompt_cache_options",
    "max_tool_calls",
    "truncation",
];

/// Fields of an item that change no content.
const NEUTRAL_IN_ITEM: [&str; 4] = ["id", "status", "phase", "internal_chat_message_metadata_passthrough"];

/// Reads a whole request.
pub(in crate::convert) fn read(body: &[u8]) -> Result<Conversation<'_>, Fault> {
    let mut fields = Fields::of_body(body)?;
    fields.pass_over(&NEUTRAL);
    refuse_more_than_an_answer(&mut fields)?;
    let mut turns = Vec::new();
    if let Some(instructions) = fields.take("instructions") {
        let content = Content::Text(instructions.text()?);
        turns.push(Turn { role: Role::Instructor, parts: vec![Part { path: instructions.path, content }] });
    }
    input(fields.required("input")?, &mut turns)?;
    let (format, verbosity) = text(&mut fields)?;
    let mut tools = Vec::new();
    for field in fields.list("tools")? {
        tool(field, None, &mut tools)?;
    }
    let end_user = fields.text("user")?;
    let conversation = Conversation {
        turns,
        tools,
        choice: fields.take("tool_choice").map(choice).transpose()?,
        calls: fields.take("parallel_tool_calls").map(calls).transpose()?,
        max_tokens: fields
            .take("max_output_tokens")
            .map(|field| Ok(Wish::new(&*field.path, field.count()?)))
            .transpose()?,
        stop: None,
        sampling: Sampling {
            temperature: number(&mut fields, "temperature")?,
            top_p: number(&mut fields, "top_p")?,
            ..Sampling::default()
        },
        format,
        thinking: thinking(&mut fields)?,
        verbosity,
        end_user: fields.text("safety_identifier")?.or(end_user),
        cache_key: fields.text("prompt_cache_key")?,
        tier: fields.take("service_tier").map(Tier::read).transpose()?,
        delivery: delivery(&mut fields)?,
    };
    fields.finish()?;
    Ok(conversation)
}

/// What asks for more than an answer. What asks for nothing is passed over.
fn refuse_more_than_an_answer(fields: &mut Fields<'_>) -> Result<(), Fault> {
    for item in fields.list("include")? {
        if item.text()? != "reasoning.encrypted_content" {
            return Err(item.fault("cannot be had from the upstream"));
        }
    }
    if let Some(background) = fields.take("background").filter(|field| field.raw.get() != "false") {
        return Err(background.fault("the upstream answers at once or not at all"));
    }
    if let Some(logprobs) = fields.take("top_logprobs").filter(|field| field.raw.get() != "0") {
        return Err(logprobs.fault("the probabilities of tokens cannot be had from the upstream"));
    }
    for name in ["previous_response_id", "conversation", "prompt"] {
        if let Some(stored) = fields.take(name) {
            return Err(stored.fault("what OpenAI stores is not known upstream: send the whole conversation"));
        }
    }
    Ok(())
}

/// The `input`: a text, or a list of items.
fn input<'a>(input: Field<'a>, turns: &mut Vec<Turn<'a>>) -> Result<(), Fault> {
    if input.is_text() {
        let parts = vec![Part { content: Content::Text(input.text()?), path: input.path }];
        turns.push(Turn { role: Role::User, parts });
        return Ok(());
    }
    for field in input.list()? {
        let (role, mut parts) = item(field)?;
        match turns.last_mut() {
            Some(open) if open.role == role && belong_together(role, &open.parts, &parts) => {
                open.parts.append(&mut parts);
            }
            _ => turns.push(Turn { role, parts }),
        }
    }
    turns.iter_mut().for_each(Turn::give_seals_to_calls);
    Ok(())
}

/// Whether items of one side are one turn: all that the model says until it is answered, and the results of its calls.
fn belong_together(role: Role, open: &[Part<'_>], next: &[Part<'_>]) -> bool {
    let are_results = |parts: &[Part<'_>]| parts.iter().all(|part| matches!(part.content, Content::Result(_)));
    role == Role::Assistant || (role == Role::User && are_results(open) && are_results(next))
}

fn item(field: Field<'_>) -> Result<(Role, Vec<Part<'_>>), Fault> {
    let path = field.path.clone();
    let mut fields = field.object()?;
    fields.pass_over(&NEUTRAL_IN_ITEM);
    let Some(kind) = fields.take("type") else { return message(fields) };
    let (role, content) = match &*kind.text()? {
        "message" => return message(fields),
        "function_call" => (Role::Assistant, Content::Call(call(&mut fields)?)),
        "function_call_output" => (Role::User, Content::Result(output(&mut fields)?)),
        "reasoning" => (Role::Assistant, reasoning(&mut fields)?),
        _ => return Err(kind.fault("cannot be expressed in the upstream's protocol")),
    };
    fields.finish()?;
    Ok((role, vec![Part { path, content }]))
}

fn message(mut fields: Fields<'_>) -> Result<(Role, Vec<Part<'_>>), Fault> {
    let role = fields.required("role")?;
    let role = match &*role.text()? {
        "system" | "developer" => Role::Instructor,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(role.fault("must be user, assistant, system or developer")),
    };
    let parts = contents(fields.required("content")?)?;
    fields.finish()?;
    Ok((role, parts))
}

fn contents(content: Field<'_>) -> Result<Vec<Part<'_>>, Fault> {
    if content.is_text() {
        return Ok(vec![Part { content: Content::Text(content.text()?), path: content.path }]);
    }
    content.list()?.into_iter().map(part).collect()
}

fn part(field: Field<'_>) -> Result<Part<'_>, Fault> {
    let path = field.path.clone();
    let mut fields = field.object()?;
    fields.pass_over(&["prompt_cache_breakpoint"]);
    let kind = fields.required("type")?;
    let content = match &*kind.text()? {
        "input_text" | "output_text" | "text" => {
            // Sources of an earlier answer.
            fields.pass_over(&["annotations", "logprobs"]);
            Content::Text(fields.required_text("text")?)
        }
        "refusal" => Content::Refusal(fields.required_text("refusal")?),
        "input_image" => {
            let source = located(&mut fields, &["image_url"])?;
            Content::Image { source, detail: fields.text("detail")? }
        }
        "input_file" => {
            let source = located(&mut fields, &["file_data", "file_url"])?;
            Content::File { source, name: fields.text("filename")? }
        }
        _ => return Err(kind.fault("cannot be expressed in the upstream's protocol")),
    };
    fields.finish()?;
    Ok(Part { path, content })
}

/// Where bytes are: in one of the fields of these names, or at the provider.
fn located<'a>(fields: &mut Fields<'a>, names: &[&str]) -> Result<Source<'a>, Fault> {
    if let Some(id) = fields.text("file_id")? {
        return Ok(Source::Uploaded(id));
    }
    let Some(field) = names.iter().find_map(|name| fields.take(name)) else {
        return Err(Fault::new(fields.path(), format!("must have {} or file_id", names.join(", "))));
    };
    Source::of_url(field.text()?).map_err(|reason| field.fault(reason))
}

fn call<'a>(fields: &mut Fields<'a>) -> Result<Call<'a>, Fault> {
    fields.refuse_programs()?;
    let namespace = fields.text("namespace")?;
    let name = within(namespace.as_deref(), fields.required_text("name")?);
    let arguments = fields.required("arguments")?.written_object()?;
    Ok(Call { id: fields.required_text("call_id")?, name, arguments: Cow::Owned(arguments), seal: None })
}

fn output<'a>(fields: &mut Fields<'a>) -> Result<ToolResult<'a>, Fault> {
    fields.refuse_programs()?;
    // The id says which call it was.
    fields.pass_over(&["name", "namespace"]);
    let call_id = fields.required_text("call_id")?;
    Ok(ToolResult { call_id, parts: contents(fields.required("output")?)?, outcome: Outcome::Done })
}

/// Thoughts, with the seal that another provider's answer gave them.
fn reasoning<'a>(fields: &mut Fields<'a>) -> Result<Content<'a>, Fault> {
    let mut paragraphs = Vec::new();
    for name in ["summary", "content"] {
        for part in fields.list(name)? {
            let mut part = part.object()?;
            part.pass_over(&["type"]);
            paragraphs.push(part.required_text("text")?);
            part.finish()?;
        }
    }
    let seal = fields.text("encrypted_content")?.map(|text| Seal::parse(Dialect::OpenAiResponses, &text));
    if let Some(hidden) = seal.as_ref().and_then(Seal::hidden) {
        return Ok(Content::SealedThought(hidden));
    }
    let text = match <[Cow<'a, str>; 1]>::try_from(paragraphs) {
        Ok([only]) => only,
        Err(several) => Cow::Owned(several.join(super::BETWEEN_PARTS)),
    };
    Ok(Content::Thought { text, seal })
}

/// A function, or the functions of a namespace, which is described with each of them.
fn tool<'a>(field: Field<'a>, namespace: Option<&Namespace<'a>>, out: &mut Vec<Tool<'a>>) -> Result<(), Fault> {
    let mut fields = field.object()?;
    let kind = fields.required("type")?;
    match &*kind.text()? {
        "function" => {}
        "namespace" if namespace.is_none() => {
            let namespace = Namespace { name: fields.required_text("name")?, description: fields.text("description")? };
            for field in fields.list("tools")? {
                tool(field, Some(&namespace), out)?;
            }
            return fields.finish();
        }
        _ => return Err(kind.fault("only functions can be called upstream")),
    }
    fields.refuse_programs()?;
    // That a tool may stay out of sight until it is searched for: upstream it is in sight from the beginning.
    fields.pass_over(&["defer_loading"]);
    let about = namespace.and_then(|namespace| namespace.description.clone()).filter(|about| !about.is_empty());
    let description = match (about, fields.text("description")?) {
        (Some(about), Some(description)) => Some(Cow::Owned(format!("{about}\n\n{description}"))),
        (about, description) => description.or(about),
    };
    out.push(Tool {
        name: within(namespace.map(|namespace| &*namespace.name), fields.required_text("name")?),
        description,
        schema: fields.take("parameters").map(Field::raw_object).transpose()?,
        strict: fields.boolean("strict")?,
    });
    fields.finish()
}

/// Functions that belong together.
struct Namespace<'a> {
    name: Cow<'a, str>,
    description: Option<Cow<'a, str>>,
}

/// The name of a function, with its namespace: no name of this dialect has a dot.
fn within<'a>(namespace: Option<&str>, name: Cow<'a, str>) -> Cow<'a, str> {
    match namespace {
        Some(namespace) => Cow::Owned(format!("{namespace}.{name}")),
        None => name,
    }
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
    let kind = fields.required("type")?;
    if kind.text()? != "function" {
        return Err(kind.fault("only functions can be called upstream"));
    }
    let name = fields.required_text("name")?;
    fields.finish()?;
    Ok(Wish::new(path, Choice::Named(name)))
}

fn calls(field: Field<'_>) -> Result<Wish<Calls>, Fault> {
    let calls = if field.boolean()? { Calls::Parallel } else { Calls::Single };
    Ok(Wish::new(field.path, calls))
}

fn number<'a>(fields: &mut Fields<'a>, name: &str) -> Result<Option<Wish<Number<'a>>>, Fault> {
    fields.take(name).map(|field| Ok(Wish::new(&*field.path, field.number()?))).transpose()
}

type FormOfText<'a> = (Option<Wish<Format<'a>>>, Option<Wish<Cow<'a, str>>>);

/// Format and verbosity.
fn text<'a>(fields: &mut Fields<'a>) -> Result<FormOfText<'a>, Fault> {
    let Some(mut text) = fields.object("text")? else { return Ok((None, None)) };
    let verbosity = text.take("verbosity").map(|field| Ok(Wish::new(&*field.path, field.text()?))).transpose()?;
    let format = text.take("format").map(format).transpose()?.flatten();
    text.finish()?;
    Ok((format, verbosity))
}

fn format(field: Field<'_>) -> Result<Option<Wish<Format<'_>>>, Fault> {
    let path = field.path.clone();
    let mut fields = field.object()?;
    let kind = fields.required("type")?;
    let format = match &*kind.text()? {
        "text" => None,
        "json_object" => Some(Format::Json),
        "json_schema" => Some(Format::Schema {
            name: fields.text("name")?,
            description: fields.text("description")?,
            schema: fields.required("schema")?.raw_object()?,
            strict: fields.boolean("strict")?,
        }),
        _ => return Err(kind.fault("must be text, json_object or json_schema")),
    };
    fields.finish()?;
    Ok(format.map(|format| Wish::new(path, format)))
}

fn thinking(fields: &mut Fields<'_>) -> Result<Thinking, Fault> {
    let Some(mut reasoning) = fields.object("reasoning")? else {
        return Ok(Thinking { display: Display::Omitted, ..Thinking::default() });
    };
    // How earlier thoughts count is the provider's affair.
    reasoning.pass_over(&["context"]);
    if let Some(mode) = reasoning.take("mode").filter(|mode| mode.raw.get() != r#""standard""#) {
        return Err(mode.fault("the upstream has one way to think"));
    }
    let older = reasoning.text("generate_summary")?;
    let display = if reasoning.text("summary")?.or(older).is_some() { Display::Shown } else { Display::Omitted };
    let effort = reasoning.take("effort");
    reasoning.finish()?;
    let mut thinking = Thinking { display, ..Thinking::default() };
    if let Some(field) = effort {
        thinking.hear(field)?;
    }
    Ok(thinking)
}

fn delivery(fields: &mut Fields<'_>) -> Result<Delivery, Fault> {
    let is_stream = fields.boolean("stream")?.unwrap_or(false);
    if let Some(mut options) = fields.object("stream_options")? {
        options.pass_over(&["include_obfuscation"]);
        options.finish()?;
    }
    Ok(if is_stream { Delivery::Stream { usage: UsageChunk::Wanted } } else { Delivery::Whole })
}
