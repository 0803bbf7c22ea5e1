//! Writes a `generateContent` request. The model and whether events are wanted stand in its path.

use crate::convert::{
    conversation::{
        Call, Calls, Choice, Content, Conversation, Delivery, Display, Effort, Format, Mode, Outcome, Part, Role,
        Sampling, Source, Thinking, Tier, Tool, ToolResult, Turn, Wish, described,
    },
    fields::Fault,
    json::{Json, Object},
    models,
    tool_names::{First, NameRule, ToolNames},
};
use domain::Dialect;
use std::{borrow::Cow, collections::HashMap};

/// Names that every version of the provider's interface takes.
const NAMES: NameRule = NameRule { length_max: 64, also: b"-.:", first: First::Letter };

/// What the provider's guide to thought signatures names for calls of which there is none: another model made them.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Most tokens of an answer that any of the provider's models has; it refuses a higher ceiling.
const ROOM_MAX: u64 = 65_536;

/// Budget of thinking that lets the model decide.
const BUDGET_DYNAMIC: i64 = -1;

/// Most tokens that every early model may think.
const BUDGET_MAX: u64 = 24_576;

/// Least tokens that the large early models must think.
const BUDGET_PRO_MIN: u64 = 128;

/// Types of media by the ending of an address.
const MEDIA_TYPES: [(&str, &str); 9] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
];

/// Writes a whole request for `model`.
pub(in crate::convert) fn write<'a>(
    conversation: Conversation<'a>,
    model: &str,
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
        // A label; the provider has none for it.
        end_user: _,
        // The provider caches by what a request begins with.
        cache_key: _,
        tier,
        // The path says it.
        delivery: Delivery::Whole | Delivery::Stream { .. },
    } = conversation;
    if let Some(verbosity) = verbosity.filter(|verbosity| verbosity.value != "medium") {
        return Err(verbosity.refuse("the upstream has no verbosity"));
    }
    if let Some(calls) = calls.filter(|calls| calls.value == Calls::Single && !tools.is_empty()) {
        return Err(calls.refuse("the upstream cannot be held to one call at a time"));
    }
    let mut writer =
        Writer { names: ToolNames::new(NAMES), is_early: models::is_early_gemini(model), calls: HashMap::new() };
    let (system, contents) = writer.split(turns)?;
    let tool_config = tool_config(choice, &tools, &mut writer.names);
    let declarations: Vec<_> = tools.into_iter().map(|it| declaration(it, &mut writer.names)).collect();
    let config = drawn(sampling)
        .with_some("maxOutputTokens", max_tokens.map(|wish| wish.value.min(ROOM_MAX)))
        .with_some("stopSequences", stop.map(|stop| stop.value.into_iter().map(Json::from).collect::<Vec<_>>()));
    let config = formed(config, format).with_some("thinkingConfig", thinking_config(&thinking, model));
    let system = (!system.is_empty()).then(|| Object::new().with("parts", system));
    let tools = (!declarations.is_empty()).then(|| Object::new().with("functionDeclarations", declarations));
    let request = Object::new()
        .with("contents", contents)
        .with_some("systemInstruction", system)
        .with_some("tools", tools.map(|tools| vec![tools.into()]))
        .with_some("toolConfig", tool_config)
        .with_some("generationConfig", (!config.is_empty()).then_some(config))
        .with_some("serviceTier", tier.and_then(|tier| service_tier(tier.value)));
    Ok((request, writer.names))
}

/// Writes turns. Results name the function that was called, so calls are remembered.
struct Writer<'a> {
    names: ToolNames,
    is_early: bool,
    /// By the id of a call, the name of its function; of two calls with one id the later.
    calls: HashMap<Cow<'a, str>, String>,
}

impl<'a> Writer<'a> {
    /// The system instruction's parts, and the contents. Prompts of the instructor stand before everything upstream,
    /// in their order, and turns of one side that follow each other become one.
    fn split(&mut self, turns: Vec<Turn<'a>>) -> Result<(Vec<Json<'a>>, Vec<Json<'a>>), Fault> {
        let mut system = Vec::new();
        let mut contents: Vec<(&'static str, Vec<Json<'a>>)> = Vec::new();
        for turn in turns {
            let (role, parts) = match turn.role {
                Role::Instructor => {
                    system.append(&mut self.parts(turn.parts)?);
                    continue;
                }
                Role::User => ("user", self.parts(turn.parts)?),
                Role::Assistant => ("model", self.model_parts(turn.parts)?),
            };
            match contents.last_mut().filter(|(last, _)| *last == role) {
                Some((_, open)) => open.extend(parts),
                None if parts.is_empty() => {}
                None => contents.push((role, parts)),
            }
        }
        let contents = contents.into_iter().map(|(role, parts)| Object::new().with("role", role).with("parts", parts));
        Ok((system, contents.map(Json::from).collect()))
    }

    fn parts(&mut self, parts: Vec<Part<'a>>) -> Result<Vec<Json<'a>>, Fault> {
        let (mut results, mut others) = (Vec::new(), Vec::new());
        for part in parts {
            match part.content {
                Content::Result(result) => results.push(self.function_response(result, &part.path, &mut others)?),
                content => others.extend(self.part(Part { path: part.path, content })?),
            }
        }
        // Results stand together, right behind the calls.
        results.append(&mut others);
        Ok(results)
    }

    /// A model of the third generation wants its signature at the first of the calls that it made together.
    fn model_parts(&mut self, parts: Vec<Part<'a>>) -> Result<Vec<Json<'a>>, Fault> {
        let mut out = Vec::new();
        let mut needs_signature = !self.is_early;
        for part in parts {
            let Content::Call(call) = part.content else {
                out.extend(self.part(part)?);
                continue;
            };
            let signature = call.seal.as_ref().and_then(|seal| seal.proof_of(Dialect::Gemini)).map(str::to_owned);
            let signature = signature.or_else(|| needs_signature.then(|| NO_SIGNATURE.to_owned()));
            needs_signature = false;
            out.push(self.function_call(call).with_some("thoughtSignature", signature).into());
        }
        Ok(out)
    }

    /// One part; none for what says nothing or is of another provider's making.
    fn part(&mut self, part: Part<'a>) -> Result<Option<Json<'a>>, Fault> {
        let path = part.path;
        Ok(Some(match part.content {
            Content::Text(text) | Content::Refusal(text) if text.is_empty() => return Ok(None),
            Content::Text(text) | Content::Refusal(text) => Object::new().with("text", text).into(),
            Content::Image { source, detail: _ } | Content::File { source, name: _ } => media(source, &path)?.into(),
            Content::Audio { format, base64 } => {
                let blob = Object::new().with("mimeType", format!("audio/{format}")).with("data", base64);
                Object::new().with("inlineData", blob).into()
            }
            Content::Thought { .. } | Content::SealedThought(_) => return Ok(None),
            Content::Call(call) => self.function_call(call).into(),
            Content::Result(_) => return Err(Fault::new(path, "does not belong in this place")),
        }))
    }

    fn function_call(&mut self, call: Call<'a>) -> Object<'a> {
        let Call { id, name, arguments, seal: _ } = call;
        let name = self.names.fit(&name).into_owned();
        self.calls.insert(id.clone(), name.clone());
        let function = Object::new().with_some("id", (!self.is_early).then_some(id)).with("name", name);
        Object::new().with("functionCall", function.with("args", arguments))
    }

    /// A tool's result. Media stand in it with the third generation, beside it (in `beside`) with earlier ones.
    fn function_response(
        &mut self,
        result: ToolResult<'a>,
        path: &str,
        beside: &mut Vec<Json<'a>>,
    ) -> Result<Json<'a>, Fault> {
        let ToolResult { call_id, parts, outcome } = result;
        let Some(name) = self.calls.get(&call_id).cloned() else {
            return Err(Fault::new(path, "answers a call that was not made before"));
        };
        let (mut texts, mut within) = (Vec::new(), Vec::new());
        for part in parts {
            let is_inline = matches!(
                part.content,
                Content::Image { source: Source::Inline { .. }, .. }
                    | Content::File { source: Source::Inline { .. }, .. }
            );
            match part.content {
                Content::Text(text) => texts.push(Json::from(text)),
                content => {
                    let part = self.part(Part { path: part.path, content })?;
                    if is_inline && !self.is_early { within.extend(part) } else { beside.extend(part) }
                }
            }
        }
        let text = match <[Json<'_>; 1]>::try_from(texts) {
            Ok([only]) => only,
            Err(none) if none.is_empty() => Json::from(""),
            Err(several) => Json::List(several),
        };
        let key = if outcome == Outcome::Failed { "error" } else { "output" };
        let response = Object::new()
            .with_some("id", (!self.is_early).then_some(call_id))
            .with("name", name)
            .with("response", Object::new().with(key, text))
            .with_any("parts", within);
        Ok(Object::new().with("functionResponse", response).into())
    }
}

fn media<'a>(source: Source<'a>, path: &str) -> Result<Object<'a>, Fault> {
    match source {
        Source::Inline { media_type, base64 } => {
            Ok(Object::new().with("inlineData", Object::new().with("mimeType", media_type).with("data", base64)))
        }
        Source::Url(url) => {
            let file = Object::new().with_some("mimeType", media_type_of(&url)).with("fileUri", url);
            Ok(Object::new().with("fileData", file))
        }
        Source::Uploaded(_) => Err(Fault::new(path, "a file that was uploaded elsewhere is not known upstream")),
    }
}

fn media_type_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, ending) = path.rsplit_once('.')?;
    MEDIA_TYPES.iter().find(|(known, _)| ending.eq_ignore_ascii_case(known)).map(|(_, media_type)| *media_type)
}

fn declaration<'a>(tool: Tool<'a>, names: &mut ToolNames) -> Json<'a> {
    // `strict` is a mode of all tools here.
    let Tool { name, description, schema, strict: _ } = tool;
    Object::new()
        .with("name", names.fit(&name).into_owned())
        .with_some("description", description)
        .with_some("parametersJsonSchema", schema)
        .into()
}

fn tool_config<'a>(choice: Option<Wish<Choice<'_>>>, tools: &[Tool<'_>], names: &mut ToolNames) -> Option<Object<'a>> {
    if tools.is_empty() {
        return None;
    }
    let is_strict = tools.iter().any(|tool| tool.strict == Some(true));
    let config = match choice.map(|choice| choice.value) {
        None | Some(Choice::Auto) if is_strict => Object::new().with("mode", "VALIDATED"),
        None => return None,
        Some(Choice::Auto) => Object::new().with("mode", "AUTO"),
        Some(Choice::Never) => Object::new().with("mode", "NONE"),
        Some(Choice::Required) => Object::new().with("mode", "ANY"),
        Some(Choice::Named(name)) => {
            let allowed = vec![names.fit(&name).into_owned().into()];
            Object::new().with("mode", "ANY").with("allowedFunctionNames", allowed)
        }
    };
    Some(Object::new().with("functionCallingConfig", config))
}

fn drawn(sampling: Sampling<'_>) -> Object<'_> {
    let Sampling { temperature, top_p, top_k, seed, frequency_penalty, presence_penalty } = sampling;
    Object::new()
        .with_some("temperature", temperature.map(|wish| wish.value.raw))
        .with_some("topP", top_p.map(|wish| wish.value.raw))
        .with_some("topK", top_k.map(|wish| wish.value))
        .with_some("seed", seed.map(|wish| wish.value.raw))
        .with_some("frequencyPenalty", frequency_penalty.map(|wish| wish.value.raw))
        .with_some("presencePenalty", presence_penalty.map(|wish| wish.value.raw))
}

fn formed<'a>(config: Object<'a>, format: Option<Wish<Format<'a>>>) -> Object<'a> {
    match format.map(|format| format.value) {
        None => config,
        Some(Format::Json) => config.with("responseMimeType", "application/json"),
        // A name is only a label, and the provider always keeps to the schema.
        Some(Format::Schema { schema, description, name: _, strict: _ }) => {
            let schema = described(schema, description.as_deref());
            config.with("responseMimeType", "application/json").with("responseJsonSchema", schema)
        }
    }
}

/// How to think, where the client said so. A model that cannot be told not to think is told to think as little as it can.
fn thinking_config(thinking: &Thinking, model: &str) -> Option<Object<'static>> {
    let Thinking { mode, effort, display } = thinking;
    let (mode, effort) = (mode.as_ref().map(|mode| mode.value), effort.as_ref().map(|effort| effort.value));
    if mode.is_none() && effort.is_none() {
        return None;
    }
    let is_off = mode == Some(Mode::Off);
    let shown = !is_off && *display == Display::Shown;
    let config = Object::new().with_some("includeThoughts", shown.then_some(true));
    Some(if models::is_early_gemini(model) {
        config.with("thinkingBudget", early_budget(mode, effort, models::is_gemini_pro(model)))
    } else {
        config.with_some("thinkingLevel", level(mode, effort, models::is_gemini_pro(model)))
    })
}

/// Tokens, by the provider's own table of efforts.
fn early_budget(mode: Option<Mode>, effort: Option<Effort>, is_pro: bool) -> Json<'static> {
    let budget = match (mode, effort) {
        (Some(Mode::Off), _) => 0,
        (Some(Mode::Budget(tokens)), _) => tokens.min(BUDGET_MAX),
        (_, Some(Effort::Minimal | Effort::Low)) => 1_024,
        (_, Some(Effort::Medium)) => 8_192,
        (_, Some(Effort::High | Effort::XHigh | Effort::Max)) => BUDGET_MAX,
        (Some(Mode::Adaptive) | None, None) => return Json::Integer(BUDGET_DYNAMIC),
    };
    if is_pro { budget.max(BUDGET_PRO_MIN).into() } else { budget.into() }
}

const fn service_tier(tier: Tier) -> Option<&'static str> {
    match tier {
        Tier::Auto => None,
        Tier::Standard => Some("standard"),
        Tier::Flex => Some("flex"),
        Tier::Priority => Some("priority"),
    }
}

fn level(mode: Option<Mode>, effort: Option<Effort>, is_pro: bool) -> Option<&'static str> {
    let effort = match (mode, effort) {
        (Some(Mode::Off), _) => Effort::Minimal,
        (_, Some(effort)) => effort,
        (Some(Mode::Budget(tokens)), None) => models::effort_within(tokens),
        (Some(Mode::Adaptive) | None, None) => return None,
    };
    Some(match effort {
        Effort::Minimal if !is_pro => "MINIMAL",
        Effort::Minimal | Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::XHigh | Effort::Max => "HIGH",
    })
}
