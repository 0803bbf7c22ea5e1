//! `GET …/models`: the account's list as the key may see it. An account with a model mapping serves what the mapping names.

use crate::{body::RelayBody, directory::Seat, read::Inbound, refuse::sign, relay::Relay, serve::platforms};
use bytes::Bytes;
use domain::Dialect;
use http::{HeaderValue, Response, header};
use protocol::{
    Operation,
    anthropic::models::{self, Model, Page},
};
use serde_json::{Value, json};

/// Pages that a client may ask for in words that the upstream has judged already: a wrong one is the whole list.
const PAGE_OF_ALL: (Option<&str>, Option<&str>, Option<&str>) = (Some("1000"), None, None);

/// What stands before a model's name in Gemini's lists.
const GEMINI_PREFIX: &str = "models/";

impl Relay {
    /// The list of models for a client of whose service there is no account at all: what other accounts name in their mappings, and
    /// serve by conversion. None where an account has to be asked, and for other calls.
    pub(crate) fn own_list(&self, inbound: &Inbound) -> Option<Response<RelayBody>> {
        let Operation::Models(dialect) = inbound.call.operation else { return None };
        if self.accounts.has_any(platforms(inbound.service, inbound.call.operation)) {
            return None;
        }
        let answer = Operation::answer_in(dialect);
        let permissions = &inbound.key.permissions;
        let mapped = self.accounts.mapped_models(|account| {
            let service = account.platform().service();
            permissions.allow(service) && platforms(service, answer).contains(&account.platform())
        });
        let allowed: Vec<_> = mapped.into_iter().filter(|name| is_allowed(inbound, name)).collect();
        let list = if dialect == Dialect::Anthropic {
            let models: Vec<_> = allowed.into_iter().map(model).collect();
            models::list(&models, &page(inbound)).ok()?
        } else {
            let entries: Vec<_> = allowed.iter().map(|name| entry(dialect, name)).collect();
            let list = match dialect {
                Dialect::Gemini => json!({"models": entries}),
                Dialect::Anthropic | Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                    json!({"object": "list", "data": entries})
                }
            };
            list.to_string().into()
        };
        let mut response = Response::new(RelayBody::from(list));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        sign(response.headers_mut(), &inbound.id);
        Some(response)
    }
}

/// What the client gets of the upstream's `list`, which is in `dialect`.
pub(crate) fn as_seen_by(dialect: Dialect, inbound: &Inbound, seat: &Seat, list: Bytes) -> Bytes {
    let mapped: Vec<_> = seat.account.models.entries().keys().cloned().collect();
    if mapped.is_empty() && inbound.key.restricted_models.is_empty() {
        return list;
    }
    let is_allowed = |name: &str| is_allowed(inbound, name);
    if dialect == Dialect::Anthropic {
        let names = if mapped.is_empty() { models::ids(&list) } else { mapped };
        let seen: Vec<_> = names.into_iter().filter(|name| is_allowed(name)).map(model).collect();
        return models::list(&seen, &page(inbound)).unwrap_or(list);
    }
    filtered(dialect, &mapped, is_allowed, &list).unwrap_or(list)
}

/// The list with those models alone that are allowed; where some are `mapped`, with these.
fn filtered(dialect: Dialect, mapped: &[String], is_allowed: impl Fn(&str) -> bool, list: &[u8]) -> Option<Bytes> {
    let mut document: Value = serde_json::from_slice(list).ok()?;
    let member = if document["data"].is_array() { "data" } else { "models" };
    let models = document[member].as_array_mut()?;
    if !mapped.is_empty() {
        *models = mapped.iter().map(|name| entry(dialect, name)).collect();
    }
    models.retain(|model| name(model).is_none_or(&is_allowed));
    Some(document.to_string().into())
}

/// The name that a request says for a model of a list: OpenAI's `id`, Codex's `slug`, Gemini's `name`.
fn name(model: &Value) -> Option<&str> {
    let name = ["id", "slug", "name"].iter().find_map(|field| model[field].as_str())?;
    Some(name.strip_prefix(GEMINI_PREFIX).unwrap_or(name))
}

fn entry(dialect: Dialect, name: &str) -> Value {
    match dialect {
        Dialect::Gemini => json!({
            "name": format!("{GEMINI_PREFIX}{name}"),
            "displayName": name,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }),
        Dialect::Anthropic | Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            json!({"id": name, "object": "model", "created": 0, "owned_by": "system"})
        }
    }
}

fn model(name: String) -> Model {
    Model { display_name: name.clone(), id: name, created_at: None }
}

fn is_allowed(inbound: &Inbound, name: &str) -> bool {
    !inbound.key.restricted_models.iter().any(|model| model.eq_ignore_ascii_case(name))
}

fn page(inbound: &Inbound) -> Page {
    let query = inbound.head.uri.query().unwrap_or_default();
    let find = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let (limit, after, before) = PAGE_OF_ALL;
    Page::parse(find("limit"), find("after_id"), find("before_id"))
        .or_else(|_| Page::parse(limit, after, before))
        .expect("a page of a thousand is a page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_each_dialect_has_what_is_allowed_and_mapped() {
        let openai = br#"{"object":"list","data":[{"id":"gpt-5.5"},{"id":"gpt-5.5-mini"}]}"#;
        let gemini = br#"{"models":[{"name":"models/gemini-a"},{"name":"models/gemini-b"}]}"#;
        let seen = |dialect, mapped: &[&str], denied: &'static str, list: &[u8]| {
            let mapped: Vec<_> = mapped.iter().map(|name| (*name).to_owned()).collect();
            let list = filtered(dialect, &mapped, |name| name != denied, list).expect("a list");
            let document: Value = serde_json::from_slice(&list).expect("JSON");
            let models = document["data"].as_array().or(document["models"].as_array()).expect("models").clone();
            models.iter().map(|model| name(model).expect("a name").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(seen(Dialect::OpenAiChat, &[], "gpt-5.5", openai), ["gpt-5.5-mini"]);
        assert_eq!(seen(Dialect::Gemini, &[], "gemini-a", gemini), ["gemini-b"]);
        assert_eq!(seen(Dialect::Gemini, &["x", "y"], "y", gemini), ["x"]);
        assert_eq!(filtered(Dialect::Gemini, &[], |_| true, b"no list"), None);
    }
}
