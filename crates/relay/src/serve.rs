//! Which accounts can serve a call, and how: the service that it belongs to, the platforms of that service, and whether its dialect is
//! theirs or is converted.

use crate::route::Call;
use domain::{AttemptKind, Dialect, Platform, Service};
use protocol::{Operation, convert};
use upstream::Destination;

/// What an account is asked in a client's place, in the order of preference.
const ANSWERS: [Operation; 4] =
    [Operation::Messages, Operation::ChatCompletions, Operation::Responses, Operation::GenerateContent];

/// How models of each service's providers begin, in small letters.
const MODELS: [(&str, Service); 8] = [
    ("claude", Service::Claude),
    ("gemini", Service::Gemini),
    ("gpt-", Service::OpenAi),
    ("chatgpt", Service::OpenAi),
    ("codex", Service::OpenAi),
    ("o1", Service::OpenAi),
    ("o3", Service::OpenAi),
    ("o4", Service::OpenAi),
];

/// How an account serves a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// In the client's own dialect: bytes pass.
    AsItIs,
    /// In another dialect: the request is converted for this call of the account, and its answer on the way back.
    Converted(Operation),
}

impl Passage {
    /// How an account at `destination` serves `operation`; none when it cannot.
    pub(crate) fn to(destination: &Destination, operation: Operation) -> Option<Self> {
        if destination.serves(operation) {
            return Some(Self::AsItIs);
        }
        let convertible = |to: &Operation| {
            destination.serves(*to) && is_answered(operation) && convert::exists(operation.dialect(), to.dialect())
        };
        ANSWERS.into_iter().find(convertible).map(Self::Converted)
    }

    /// What the account is asked for a client's `operation`.
    pub(crate) const fn upstream(self, operation: Operation) -> Operation {
        match self {
            Self::AsItIs => operation,
            Self::Converted(to) => to,
        }
    }
}

/// Whether `operation` has a model answer, so that another dialect can stand in for its own.
fn is_answered(operation: Operation) -> bool {
    operation.kind() == AttemptKind::Message && operation != Operation::CompactResponse
}

/// The service whose accounts answer `call` for `model`: what its mount says; else the one that the model's name tells, where the
/// call can be converted and no account of the dialect's own service `names` the model; else the dialect's own.
pub(crate) fn service_of(call: &Call, model: Option<&str>, names: impl Fn(&[Platform], &str) -> bool) -> Service {
    let own = own_service(call.operation.dialect());
    let Some(model) = model.filter(|_| is_answered(call.operation)) else { return call.service.unwrap_or(own) };
    let told = call.service.or_else(|| maker(model)).unwrap_or(own);
    let is_served = || !platforms(told, call.operation).is_empty();
    let is_named = || call.service.is_none() && names(platforms(own, call.operation), model);
    if told != own && (!is_served() || is_named()) { call.service.unwrap_or(own) } else { told }
}

const fn own_service(dialect: Dialect) -> Service {
    match dialect {
        Dialect::Anthropic => Service::Claude,
        Dialect::OpenAiChat | Dialect::OpenAiResponses => Service::OpenAi,
        Dialect::Gemini => Service::Gemini,
    }
}

/// The dialect in which an account of `platform` answers a client that speaks `asked`.
pub(crate) const fn answered_in(platform: Platform, asked: Dialect) -> Dialect {
    match (platform, asked) {
        (Platform::Claude | Platform::ClaudeConsole | Platform::Bedrock | Platform::Ccr, _) => Dialect::Anthropic,
        (Platform::Gemini, _) => Dialect::Gemini,
        (Platform::OpenAi, _) => Dialect::OpenAiResponses,
        (Platform::OpenAiResponses | Platform::AzureOpenAi, Dialect::Anthropic | Dialect::Gemini) => {
            Dialect::OpenAiChat
        }
        (Platform::OpenAiResponses | Platform::AzureOpenAi | Platform::Droid, asked) => asked,
    }
}

/// Whose model it is, by its name; none when it does not tell.
fn maker(model: &str) -> Option<Service> {
    let name = model.strip_prefix("models/").unwrap_or(model).to_ascii_lowercase();
    let by_beginning = MODELS.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, service)| *service);
    // Bedrock's names: `us.anthropic.claude-…`.
    by_beginning.or_else(|| name.contains("anthropic.").then_some(Service::Claude))
}

/// The platforms of `service` that can be asked `operation`, in its own dialect or another.
pub(crate) fn platforms(service: Service, operation: Operation) -> &'static [Platform] {
    let is_converted = is_answered(operation) && operation.dialect() != Dialect::Gemini;
    match (service, operation) {
        (Service::Claude, Operation::CountTokens | Operation::Models(Dialect::Anthropic)) => {
            &[Platform::Claude, Platform::ClaudeConsole, Platform::Ccr]
        }
        (Service::Claude, _) if is_converted => {
            &[Platform::Claude, Platform::ClaudeConsole, Platform::Bedrock, Platform::Ccr]
        }
        (
            Service::Gemini,
            Operation::GenerateContent | Operation::CountContentTokens | Operation::Models(Dialect::Gemini),
        ) => &[Platform::Gemini],
        (Service::Gemini, _) if is_converted => &[Platform::Gemini],
        (Service::OpenAi, Operation::CompactResponse) => &[Platform::OpenAi, Platform::OpenAiResponses],
        (Service::OpenAi, Operation::Embeddings) => &[Platform::OpenAiResponses, Platform::AzureOpenAi],
        (Service::OpenAi, Operation::Models(Dialect::OpenAiChat | Dialect::OpenAiResponses)) => {
            &[Platform::OpenAiResponses]
        }
        (Service::OpenAi, _) if is_converted => &[Platform::OpenAi, Platform::OpenAiResponses, Platform::AzureOpenAi],
        (Service::Droid, Operation::Messages | Operation::ChatCompletions | Operation::Responses) => &[Platform::Droid],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(operation: Operation, mount: Option<Service>, model: &str, named: bool) -> Service {
        let call = Call { operation, in_path: None, service: mount, version: None, is_bedrock: false };
        service_of(&call, Some(model), |_, _| named)
    }

    #[test]
    fn a_model_s_name_tells_whose_accounts_answer() {
        for (operation, model, expected) in [
            (Operation::Messages, "claude-opus-5-5", Service::Claude),
            (Operation::Messages, "gpt-5.5", Service::OpenAi),
            (Operation::Messages, "gemini-3.8-flash", Service::Gemini),
            (Operation::Messages, "glm-5", Service::Claude),
            (Operation::ChatCompletions, "Claude-Opus-5-5", Service::Claude),
            (Operation::ChatCompletions, "us.anthropic.claude-opus-5-v1:0", Service::Claude),
            (Operation::ChatCompletions, "models/gemini-3.8-flash", Service::Gemini),
            (Operation::ChatCompletions, "deepseek-v4", Service::OpenAi),
            (Operation::Responses, "claude-opus-5-5", Service::Claude),
            (Operation::GenerateContent, "claude-opus-5-5", Service::Gemini),
            (Operation::CountTokens, "gpt-5.5", Service::Claude),
            (Operation::Embeddings, "gemini-embedding", Service::OpenAi),
        ] {
            assert_eq!(service(operation, None, model, false), expected, "{operation:?} {model}");
        }
    }

    #[test]
    fn what_an_account_answers_in_is_its_maker_s_however_it_was_asked() {
        for (platform, asked, answered) in [
            (Platform::Bedrock, Dialect::OpenAiChat, Dialect::Anthropic),
            (Platform::Gemini, Dialect::Anthropic, Dialect::Gemini),
            (Platform::OpenAi, Dialect::OpenAiChat, Dialect::OpenAiResponses),
            (Platform::AzureOpenAi, Dialect::Anthropic, Dialect::OpenAiChat),
            (Platform::OpenAiResponses, Dialect::OpenAiResponses, Dialect::OpenAiResponses),
            (Platform::Droid, Dialect::Anthropic, Dialect::Anthropic),
        ] {
            assert_eq!(answered_in(platform, asked), answered, "{platform} {asked}");
        }
    }

    #[test]
    fn an_account_that_names_the_model_and_a_mount_come_before_the_name() {
        assert_eq!(service(Operation::Messages, None, "gpt-5.5", true), Service::Claude);
        let chat = Operation::ChatCompletions;
        assert_eq!(service(chat, Some(Service::Claude), "gpt-5.5", false), Service::Claude);
        assert_eq!(service(chat, Some(Service::Gemini), "claude-opus-5-5", true), Service::Gemini);
        assert_eq!(service(Operation::Messages, Some(Service::Droid), "claude-opus-5-5", true), Service::Droid);
    }
}
