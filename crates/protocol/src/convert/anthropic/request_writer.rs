//! Writes a Messages request.

use crate::convert::{
    conversation::{
        Call, Calls, Choice, Content, Conversation, Display, Effort, Format, Mode, Outcome, Part, Role, Sampling,
        Source, Thinking, Tier, Tool, ToolResult, Turn, Wish, described,
    },
    fields::Fault,
    json::{Json, Object},
    models,
    tool_names::{First, NameRule, ToolNames},
};
use domain::Dialect;

/// The ceiling of an answer's tokens where the client names none: the dialect requires one. It is the lowest that the
/// provider's models have had since their fourth generation.
pub const MAX_TOKENS_UNTOLD: u64 = 32_000;

/// The same for models of the generation 3, which allow no more.
pub const MAX_TOKENS_UNTOLD_EARLY: u64 = 4_096;

/// Headers that a converted request needs. Under the later version temperatures are refused.
pub(in crate::convert) const HEADERS: &[(&str, &str)] = &[("anthropic-version", "2023-06-01")];

/// The provider's rule for names of tools.
const NAMES: NameRule = NameRule { length_max: 128, also: b"-", first: First::Any };

/// The provider's rule for ids of calls; other providers have dots and colons in theirs.
const IDS: NameRule = NameRule { length_max: 128, also: b"-", first: First::Any };

/// Longest name of an end user that the provider takes, in bytes; a longer one is left out.
const END_USER_BYTES_MAX: usize = 256;

/// The least budget of thinking that the provider takes, in tokens.
const BUDGET_MIN: u64 = 1024;

/// Highest temperature that the provider takes.
const TEMPERATURE_MAX: f64 = 1.0;

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
        // The provider caches by what a request begins with.
        cache_key: _,
        tier,
        delivery,
    } = conversation;
    if let Some(verbosity) = verbosity.filter(|verbosity| verbosity.value != "medium") {
        return Err(verbosity.refuse("the upstream has no verbosity"));
    }
    let mut names = ToolNames::new(NAMES);
    let room = max_tokens.map_or_else(|| max_tokens_untold(model), |wish| wish.value);
    let (system, messages) = split(turns, &mut names)?;
    let choice = tool_choice(choice, calls, !tools.is_empty(), &mut names);
    let (thinking, effort) = how_to_think(&thinking, model, room)?;
    let output = Object::new().with_some("effort", effort).with_some("format", format.map(output_format).transpose()?);
    let tools = tools.into_iter().map(|it| tool(it, &mut names)).collect();
    let request = Object::new().with("model", model).with("max_tokens", room).with_any("system", system);
    let request = request
        .with("messages", messages)
        .with_any("tools", tools)
        .with_some("tool_choice", choice)
        .with_some("thinking", thinking)
        .with_some("output_config", (!output.is_empty()).then_some(output))
        .with_some("stop_sequences", stop.map(|stop| stop.value.into_iter().map(Json::from).collect::<Vec<_>>()));
    let request = drawn(request, sampling)?
        .with_some(
            "metadata",
            end_user.filter(|user| user.len() <= END_USER_BYTES_MAX).map(|user| Object::new().with("user_id", user)),
        )
        .with_some("service_tier", tier.map(|tier| service_tier(&tier)).transpose()?)
        .with_some("stream", delivery.is_stream().then_some(true));
    Ok((request, names))
}

fn max_tokens_untold(model: &str) -> u64 {
    if models::answers_shortly(model) { MAX_TOKENS_UNTOLD_EARLY } else { MAX_TOKENS_UNTOLD }
}

/// The system prompt, and the messages. Prompts of the instructor stand before everything upstream, in their order,
/// and turns of one side that follow each other become one: a call's results must stand together.
fn split<'a>(turns: Vec<Turn<'a>>, names: &mut ToolNames) -> Result<(Vec<Json<'a>>, Vec<Json<'a>>), Fault> {
    let mut system = Vec::new();
    let mut messages: Vec<(&'static str, Vec<Json<'a>>)> = Vec::new();
    for turn in turns {
        let role = match turn.role {
            Role::Instructor => {
                blocks(turn.parts, names, &mut system)?;
                continue;
            }
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        if messages.last().is_none_or(|(last, _)| *last != role) {
            messages.push((role, Vec::new()));
        }
        if let Some((_, open)) = messages.last_mut() {
            blocks(turn.parts, names, open)?;
        }
    }
    let messages = messages.into_iter().filter(|(_, content)| !content.is_empty());
    let messages = messages.map(|(role, content)| Object::new().with("role", role).with("content", content).into());
    Ok((system, messages.collect()))
}

fn blocks<'a>(parts: Vec<Part<'a>>, names: &mut ToolNames, out: &mut Vec<Json<'a>>) -> Result<(), Fault> {
    for part in parts {
        out.extend(block(part, names)?.map(Json::from));
    }
    Ok(())
}

/// One block; none for what says nothing (the provider refuses empty texts) or is of another provider's making.
fn block<'a>(part: Part<'a>, names: &mut ToolNames) -> Result<Option<Object<'a>>, Fault> {
    let path = part.path;
    Ok(Some(match part.content {
        Content::Text(text) | Content::Refusal(text) if text.is_empty() => return Ok(None),
        Content::Text(text) | Content::Refusal(text) => Object::of_type("text").with("text", text),
        Content::Image { source, detail: _ } => Object::of_type("image").with("source", image_source(source, &path)?),
        Content::File { source, name } => document(source, name.map(Json::from), &path)?,
        Content::Audio { .. } => return Err(Fault::new(path, "the upstream takes no speech")),
        Content::Thought { text, seal } => {
            let Some(seal) = seal.filter(|seal| seal.origin == Dialect::Anthropic) else { return Ok(None) };
            Object::of_type("thinking").with("thinking", text).with("signature", seal.proof)
        }
        Content::SealedThought(seal) if seal.origin == Dialect::Anthropic => {
            Object::of_type("redacted_thinking").with("data", seal.proof)
        }
        Content::SealedThought(_) => return Ok(None),
        Content::Call(call) => tool_use(call, names),
        Content::Result(result) => tool_result(result, names)?,
    }))
}

fn image_source<'a>(source: Source<'a>, path: &str) -> Result<Object<'a>, Fault> {
    Ok(match source {
        Source::Inline { media_type, base64 } => {
            Object::of_type("base64").with("media_type", media_type).with("data", base64)
        }
        Source::Url(url) => Object::of_type("url").with("url", url),
        Source::Uploaded(_) => {
            return Err(Fault::new(path, "a file that was uploaded elsewhere is not known upstream"));
        }
    })
}

fn document<'a>(source: Source<'a>, title: Option<Json<'a>>, path: &str) -> Result<Object<'a>, Fault> {
    if let Source::Inline { media_type, .. } = &source
        && media_type != "application/pdf"
    {
        return Err(Fault::new(path, "only PDF documents can be sent upstream"));
    }
    Ok(Object::of_type("document").with("source", image_source(source, path)?).with_some("title", title))
}

fn tool_use<'a>(call: Call<'a>, names: &mut ToolNames) -> Object<'a> {
    let Call { id, name, arguments, seal: _ } = call;
    let name = names.fit(&name).into_owned();
    let id = IDS.fit(&id).into_owned();
    Object::of_type("tool_use").with("id", id).with("name", name).with("input", arguments)
}

fn tool_result<'a>(result: ToolResult<'a>, names: &mut ToolNames) -> Result<Object<'a>, Fault> {
    let ToolResult { call_id, parts, outcome } = result;
    let mut content = Vec::new();
    blocks(parts, names, &mut content)?;
    Ok(Object::of_type("tool_result")
        .with("tool_use_id", IDS.fit(&call_id).into_owned())
        .with_any("content", content)
        .with_some("is_error", (outcome == Outcome::Failed).then_some(true)))
}

fn tool<'a>(tool: Tool<'a>, names: &mut ToolNames) -> Json<'a> {
    let Tool { name, description, schema, strict } = tool;
    let schema = schema.map_or_else(|| Object::of_type("object").into(), Json::from);
    Object::new()
        .with("name", names.fit(&name).into_owned())
        .with_some("description", description)
        .with("input_schema", schema)
        .with_some("strict", strict.filter(|strict| *strict))
        .into()
}

fn tool_choice<'a>(
    choice: Option<Wish<Choice<'a>>>,
    calls: Option<Wish<Calls>>,
    has_tools: bool,
    names: &mut ToolNames,
) -> Option<Object<'a>> {
    if !has_tools {
        // There is nothing to choose from, and the provider refuses a choice.
        return None;
    }
    let single = calls.is_some_and(|calls| calls.value == Calls::Single);
    let chosen = match choice.map(|choice| choice.value) {
        Some(Choice::Never) => return Some(Object::of_type("none")),
        Some(Choice::Required) => Object::of_type("any"),
        Some(Choice::Named(name)) => Object::of_type("tool").with("name", names.fit(&name).into_owned()),
        Some(Choice::Auto) => Object::of_type("auto"),
        None if single => Object::of_type("auto"),
        None => return None,
    };
    Some(chosen.with_some("disable_parallel_tool_use", single.then_some(true)))
}

/// `thinking`, and the word of `effort`.
fn how_to_think(
    thinking: &Thinking,
    model: &str,
    room: u64,
) -> Result<(Option<Object<'static>>, Option<&'static str>), Fault> {
    let Thinking { mode, effort, display } = thinking;
    let mode_value = mode.as_ref().map(|mode| mode.value);
    if mode_value == Some(Mode::Off) {
        return Ok((Some(Object::of_type("disabled")), None));
    }
    if models::thinks_adaptively(model) {
        let thinks = mode_value.is_some() || effort.is_some();
        let shown = match display {
            Display::Shown => "summarized",
            Display::Omitted => "omitted",
        };
        let thinking = thinks.then(|| Object::of_type("adaptive").with("display", shown));
        return Ok((thinking, effort.as_ref().map(|effort| effort_word(effort.value))));
    }
    let (field, budget) = match (mode, effort) {
        (Some(Wish { field, value: Mode::Budget(tokens) }), _) => (field, *tokens),
        (_, Some(effort)) => (&effort.field, budget(effort.value, room)),
        (Some(mode), None) => (&mode.field, budget(Effort::Medium, room)),
        (None, None) => return Ok((None, None)),
    };
    if room <= BUDGET_MIN {
        return Err(Fault::new(
            &**field,
            format!("thinking needs more than {BUDGET_MIN} tokens of room in this model"),
        ));
    }
    let budget = budget.clamp(BUDGET_MIN, room - 1);
    Ok((Some(Object::of_type("enabled").with("budget_tokens", budget)), None))
}

/// The share of the answer's tokens that models with a budget may think.
const fn budget(effort: Effort, room: u64) -> u64 {
    let tenths = match effort {
        Effort::Minimal => 1,
        Effort::Low => 2,
        Effort::Medium => 5,
        Effort::High | Effort::XHigh | Effort::Max => 8,
    };
    (room / 10).saturating_mul(tenths)
}

const fn effort_word(effort: Effort) -> &'static str {
    match effort {
        // The provider's lowest.
        Effort::Minimal => Effort::Low.word(),
        other => other.word(),
    }
}

fn output_format(format: Wish<Format<'_>>) -> Result<Object<'_>, Fault> {
    match format.value {
        // A name is only a label, and the provider always keeps to the schema.
        Format::Schema { schema, description, name: _, strict: _ } => {
            Ok(Object::of_type("json_schema").with("schema", described(schema, description.as_deref())))
        }
        Format::Json => Err(Fault::new(format.field, "the upstream needs a schema for JSON: send json_schema")),
    }
}

fn drawn<'a>(request: Object<'a>, sampling: Sampling<'a>) -> Result<Object<'a>, Fault> {
    sampling.refuse_penalties()?;
    let Sampling { temperature, top_p, top_k, seed, frequency_penalty: _, presence_penalty: _ } = sampling;
    if let Some(seed) = seed {
        return Err(seed.refuse("the upstream has no seed"));
    }
    if let Some(temperature) = temperature.as_ref().filter(|temperature| temperature.value.value > TEMPERATURE_MAX) {
        return Err(temperature.refuse("the upstream takes temperatures up to 1"));
    }
    Ok(request
        .with_some("temperature", temperature.map(|wish| wish.value.raw))
        .with_some("top_p", top_p.map(|wish| wish.value.raw))
        .with_some("top_k", top_k.map(|wish| wish.value)))
}

fn service_tier(tier: &Wish<Tier>) -> Result<&'static str, Fault> {
    match tier.value {
        Tier::Auto | Tier::Priority => Ok("auto"),
        Tier::Standard => Ok("standard_only"),
        Tier::Flex => Err(tier.refuse("the upstream has no flex tier")),
    }
}
