//! The provider's calls by method and path, and what the plain ones answer. Pure.

use crate::upstream::{reply::Reply, request::Received};

/// What `count_tokens` answers.
pub const COUNTED_TOKENS: u64 = 2095;

/// A call of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/models/{id}`.
    Model,
    /// `HEAD /`, `GET /`.
    Root,
    /// What the provider does not have.
    Unknown,
}

/// Models that the list has, newest first.
const MODELS: [(&str, &str, &str); 3] = [
    ("claude-opus-5-5", "Claude Opus 5.5", "2026-09-29T00:00:00Z"),
    ("claude-sonnet-5-5", "Claude Sonnet 5.5", "2026-09-29T00:00:00Z"),
    ("claude-haiku-5-5", "Claude Haiku 5.5", "2026-10-15T00:00:00Z"),
];

impl Route {
    /// The call that `request` makes, where the Messages call is at `messages_path`.
    pub(crate) fn of(request: &Received, messages_path: &str) -> Self {
        let models_path = messages_path.strip_suffix("/messages").map(|stem| format!("{stem}/models"));
        let models_path = models_path.unwrap_or_else(|| "/v1/models".to_owned());
        let path = request.path();
        match request.method.as_str() {
            "POST" if path == messages_path => Self::Messages,
            "POST" if path.strip_prefix(messages_path) == Some("/count_tokens") => Self::CountTokens,
            "GET" if path == models_path => Self::Models,
            "GET" if path.strip_prefix(&models_path).is_some_and(|rest| rest.starts_with('/')) => Self::Model,
            "GET" | "HEAD" if path == "/" => Self::Root,
            _ => Self::Unknown,
        }
    }

    /// What is answered unless the script says else.
    pub(crate) fn plain_reply(self, request: &Received) -> Reply {
        match self {
            Self::Messages => Reply::default(),
            Self::CountTokens => json(format!(r#"{{"input_tokens":{COUNTED_TOKENS}}}"#)),
            Self::Models => json(model_list()),
            Self::Model => {
                let id = request.path().rsplit('/').next().unwrap_or_default();
                let known = MODELS.iter().find(|model| model.0 == id);
                known.map_or_else(|| Reply::status(404), |model| json(model_entry(model)))
            }
            Self::Root => Reply::bytes(200, "text/plain", ""),
            Self::Unknown => Reply::status(404),
        }
    }
}

fn json(body: String) -> Reply {
    Reply::bytes(200, "application/json", body)
}

fn model_entry((id, name, created_at): &(&str, &str, &str)) -> String {
    format!(r#"{{"type":"model","id":"{id}","display_name":"{name}","created_at":"{created_at}"}}"#)
}

fn model_list() -> String {
    let entries: Vec<_> = MODELS.iter().map(model_entry).collect();
    let (first, last) = (MODELS[0].0, MODELS[MODELS.len() - 1].0);
    format!(r#"{{"data":[{}],"has_more":false,"first_id":"{first}","last_id":"{last}"}}"#, entries.join(","))
}
