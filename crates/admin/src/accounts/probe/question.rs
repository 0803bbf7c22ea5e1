//! What the test of an account asks: in each dialect the shortest question that a model answers, for whichever platform.

use crate::{
    refusal::{Fault, Refusal},
    texts,
};
use domain::{Account, Dialect, Platform};
use http::{HeaderValue, Method, Request, header};
use protocol::Operation;
use serde_json::{Value, json};
use upstream::{Call, Destination, Envelope, client::Parts};

/// The version of Anthropic's API that the question is written for.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The same in a body for Bedrock.
const BEDROCK_VERSION: &str = "bedrock-2023-05-31";

/// The fewest output tokens that OpenAI's Responses API lets one ask for.
const RESPONSES_TOKENS_MIN: u32 = 16;

/// Output tokens that are asked for of Chat Completions: models that think there answer with an error when they have not come to
/// their first word.
const CHAT_TOKENS: u32 = 256;

/// What is asked, and in which dialect.
#[derive(Debug)]
pub(super) struct Question {
    /// The call.
    pub(super) operation: Operation,
    /// The model by the client's name.
    pub(super) asked: String,
    /// The model by the upstream's name.
    pub(super) model: String,
}

impl Question {
    /// Chooses model and dialect where none is named.
    ///
    /// # Errors
    ///
    /// When the account does not serve the model, or is not asked in the dialect.
    pub(super) fn choose(
        account: &Account,
        destination: &Destination,
        model: Option<&str>,
        dialect: Option<Dialect>,
    ) -> Result<Self, Refusal> {
        let fault = |field, reason| Refusal::unprocessable(vec![Fault::new(field, reason)]);
        let asked = match model {
            Some(named) => texts::model(named).map_err(|reason| fault("model", reason))?,
            None => usual_model(account, dialect),
        };
        if account.models.upstream_name(&asked).is_none() {
            return Err(fault("model", "is not served by this account; name one of its `models`".into()));
        }
        let model = account.upstream_model(&asked).to_owned();
        let operation = Operation::answer_in(dialect.unwrap_or_else(|| usual_dialect(account.platform(), &model)));
        if destination.serves(operation) {
            return Ok(Self { operation, asked, model });
        }
        let spoken = Dialect::ALL.iter().filter(|&&dialect| destination.serves(Operation::answer_in(dialect)));
        let spoken = spoken.map(|dialect| dialect.as_str()).collect::<Vec<_>>().join(" or ");
        Err(fault("dialect", format!("is none in which this account is asked; write {spoken}").into()))
    }

    /// The request, as it goes to the account's provider, but for what opens the account.
    ///
    /// # Errors
    ///
    /// When no URL can be made.
    pub(super) fn request(&self, destination: &Destination) -> Result<Request<Parts>, Refusal> {
        let streamed = destination.only_streams(self.operation);
        let call = Call { operation: self.operation, model: &self.model, streamed, version: None, query: None };
        let body = if streamed { self.body_of_chatgpt() } else { self.body(destination.envelope()) };
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(destination.uri(&call).map_err(Refusal::internal)?)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, if streamed { "text/event-stream" } else { "application/json" })
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, concat!("claude-relay/", env!("CARGO_PKG_VERSION")))
            .body(bytes::Bytes::from(body.to_string()).into())
            .map_err(Refusal::internal)?;
        if self.operation == Operation::Messages && destination.envelope() == Envelope::None {
            request.headers_mut().insert("anthropic-version", ANTHROPIC_VERSION);
        }
        for (name, value) in destination.required_headers() {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }

    /// What ChatGPT takes: instructions, the input as a list, a stream, and no ceiling.
    fn body_of_chatgpt(&self) -> Value {
        let input = json!([{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]);
        json!({"model": self.model, "instructions": "Answer in one word.", "input": input, "store": false, "stream": true})
    }

    fn body(&self, envelope: Envelope<'_>) -> Value {
        let model = self.model.as_str();
        let messages = json!([{"role": "user", "content": "Hi"}]);
        match self.operation.dialect() {
            Dialect::Anthropic if envelope == Envelope::Bedrock => {
                json!({"anthropic_version": BEDROCK_VERSION, "max_tokens": 1, "messages": messages})
            }
            Dialect::Anthropic => json!({"model": model, "max_tokens": 1, "messages": messages}),
            Dialect::OpenAiChat => json!({"model": model, "max_completion_tokens": CHAT_TOKENS, "messages": messages}),
            Dialect::OpenAiResponses => {
                json!({"model": model, "max_output_tokens": RESPONSES_TOKENS_MIN, "store": false, "input": "Hi"})
            }
            Dialect::Gemini => json!({
                "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
                "generationConfig": {"maxOutputTokens": 1},
            }),
        }
    }
}

/// The first model that the account maps, else a small one.
fn usual_model(account: &Account, dialect: Option<Dialect>) -> String {
    let small = match (account.platform(), dialect) {
        (Platform::Bedrock, _) => "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        (Platform::Gemini, _) => "gemini-flash-latest",
        (Platform::OpenAi | Platform::OpenAiResponses | Platform::AzureOpenAi, _)
        | (Platform::Droid, Some(Dialect::OpenAiChat | Dialect::OpenAiResponses)) => "gpt-5-mini",
        (Platform::Claude | Platform::ClaudeConsole | Platform::Ccr | Platform::Droid, _) => "claude-haiku-4-5",
    };
    account.models.entries().keys().next().cloned().unwrap_or_else(|| small.to_owned())
}

/// The dialect in which accounts of `platform` are asked for `model`.
fn usual_dialect(platform: Platform, model: &str) -> Dialect {
    match platform {
        Platform::Claude | Platform::ClaudeConsole | Platform::Ccr | Platform::Bedrock => Dialect::Anthropic,
        Platform::Gemini => Dialect::Gemini,
        Platform::OpenAi | Platform::OpenAiResponses => Dialect::OpenAiResponses,
        Platform::Droid if model.contains("claude") => Dialect::Anthropic,
        Platform::Droid if model.contains("gpt") => Dialect::OpenAiResponses,
        // Every version of Azure's API has it, and so have all models of Droid that are of others.
        Platform::AzureOpenAi | Platform::Droid => Dialect::OpenAiChat,
    }
}
