//! Which accounts can serve a call: the service that it belongs to, and the platforms of that service that speak its dialect.

use crate::route::Call;
use domain::{Dialect, Platform, Service};
use protocol::Operation;

/// The service whose accounts answer `call`: what its mount says, else whose dialect it is in.
pub(crate) const fn service_of(call: &Call) -> Service {
    match (call.service, call.operation.dialect()) {
        (Some(service), _) => service,
        (None, Dialect::Anthropic) => Service::Claude,
        (None, Dialect::OpenAiChat | Dialect::OpenAiResponses) => Service::OpenAi,
        (None, Dialect::Gemini) => Service::Gemini,
    }
}

/// The platforms of `service` that can be asked `operation`.
pub(crate) const fn platforms(service: Service, operation: Operation) -> &'static [Platform] {
    match (service, operation) {
        (Service::Claude, Operation::Messages) => {
            &[Platform::Claude, Platform::ClaudeConsole, Platform::Bedrock, Platform::Ccr]
        }
        (Service::Claude, Operation::CountTokens | Operation::Models(Dialect::Anthropic)) => {
            &[Platform::Claude, Platform::ClaudeConsole, Platform::Ccr]
        }
        (
            Service::Gemini,
            Operation::GenerateContent | Operation::CountContentTokens | Operation::Models(Dialect::Gemini),
        ) => &[Platform::Gemini],
        (Service::OpenAi, Operation::Responses) => {
            &[Platform::OpenAi, Platform::OpenAiResponses, Platform::AzureOpenAi]
        }
        (Service::OpenAi, Operation::CompactResponse) => &[Platform::OpenAi, Platform::OpenAiResponses],
        (Service::OpenAi, Operation::ChatCompletions | Operation::Embeddings) => {
            &[Platform::OpenAiResponses, Platform::AzureOpenAi]
        }
        (Service::OpenAi, Operation::Models(Dialect::OpenAiChat | Dialect::OpenAiResponses)) => {
            &[Platform::OpenAiResponses]
        }
        (Service::Droid, Operation::Messages | Operation::ChatCompletions | Operation::Responses) => &[Platform::Droid],
        _ => &[],
    }
}
