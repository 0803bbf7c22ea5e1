//! What a provider would say about a request, and what a good relay never sends. Pure.

use crate::upstream::{fault::ErrorKind, request::Received, routes::Route};

/// Which credential a request must carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// `x-api-key: KEY`.
    ApiKey(String),
    /// `Authorization: Bearer KEY`.
    Bearer(String),
    /// Any, or none.
    Any,
}

/// What the upstream holds a request to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The credential. With one set, no other header may carry one.
    pub credential: Credential,
    /// Path of the Messages call; the others stand beside it. Empty: it is no such API, and nothing is expected.
    pub messages_path: String,
}

/// A verdict on a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Verdict {
    /// The error a provider would answer with.
    pub(crate) refusal: Option<ErrorKind>,
    /// What is wrong, for people; also what a provider would not mind.
    pub(crate) complaints: Vec<String>,
}

/// Headers that carry a credential in one of the dialects.
const CREDENTIAL_HEADERS: [&str; 4] = ["x-api-key", "authorization", "x-goog-api-key", "api-key"];

/// Headers that end at each hop (RFC 9110, section 7.6.1), and those that proxies add about their client.
const HOP_HEADERS: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
];

impl Default for Expect {
    /// Any credential; `/v1/messages`.
    fn default() -> Self {
        Self { credential: Credential::Any, messages_path: "/v1/messages".to_owned() }
    }
}

impl Expect {
    /// The default with this credential.
    #[must_use]
    pub fn credential(credential: Credential) -> Self {
        Self { credential, ..Self::default() }
    }

    /// Nothing: what answers is another kind of server.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { credential: Credential::Any, messages_path: String::new() }
    }

    pub(crate) fn judge(&self, request: &Received, route: Route, authority: &str) -> Verdict {
        let mut verdict = Verdict::default();
        if route == Route::Root || self.messages_path.is_empty() {
            return verdict;
        }
        self.judge_credential(request, &mut verdict);
        if request.header_values("anthropic-version").count() != 1 {
            verdict.refuse(ErrorKind::InvalidRequest, "anthropic-version: header is required");
        }
        judge_hop(request, authority, &mut verdict);
        judge_body(request, route, &mut verdict);
        verdict
    }

    fn judge_credential(&self, request: &Received, verdict: &mut Verdict) {
        let (name, value) = match &self.credential {
            Credential::ApiKey(key) => ("x-api-key", key.clone()),
            Credential::Bearer(key) => ("authorization", format!("Bearer {key}")),
            Credential::Any => return,
        };
        let mut values = request.header_values(name);
        if values.next() != Some(value.as_str()) || values.next().is_some() {
            verdict.refuse(ErrorKind::Authentication, "the credential is not the account's");
        }
        for other in CREDENTIAL_HEADERS.into_iter().filter(|&other| other != name) {
            if request.header(other).is_some() {
                verdict.complaints.push(format!("a second credential came in {other}"));
            }
        }
    }
}

impl Verdict {
    fn refuse(&mut self, kind: ErrorKind, message: &str) {
        self.complaints.push(message.to_owned());
        self.refusal.get_or_insert(kind);
    }
}

fn judge_hop(request: &Received, authority: &str, verdict: &mut Verdict) {
    if request.header_values("host").collect::<Vec<_>>() != [authority] {
        verdict.complaints.push(format!("host is {:?}, not {authority}", request.header("host")));
    }
    if request.header("accept-encoding").is_some_and(|coding| coding != "identity") {
        verdict.complaints.push(format!("accept-encoding is {:?}", request.header("accept-encoding")));
    }
    for name in HOP_HEADERS {
        if let Some(value) = request.header(name) {
            verdict.complaints.push(format!("{name} came through: {value}"));
        }
    }
}

fn judge_body(request: &Received, route: Route, verdict: &mut Verdict) {
    let (needs_messages, needs_max_tokens) = match route {
        Route::Messages => (true, true),
        Route::CountTokens => (true, false),
        Route::Models | Route::Model | Route::Root | Route::Unknown => return,
    };
    if !request.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        verdict.complaints.push(format!("content-type is {:?}", request.header("content-type")));
    }
    let wrong = if !request.is_json {
        "The request body is not valid JSON"
    } else if request.model.is_none() {
        "model: Field required"
    } else if needs_messages && !request.fields.messages {
        "messages: at least one message is required"
    } else if needs_max_tokens && !request.fields.max_tokens {
        "max_tokens: Field required"
    } else {
        return;
    };
    verdict.refuse(ErrorKind::InvalidRequest, wrong);
}
