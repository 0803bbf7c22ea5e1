//! Which paths belong to the data plane. The providers' own calls stand at the root, and below the earlier service's mounts.

mod table;

use domain::{Dialect, Service};
use http::{
    HeaderMap, Method,
    header::{SEC_WEBSOCKET_KEY, UPGRADE},
};
use protocol::{Operation, PathModel};
use table::{MOUNTS, Mount};

/// A call of the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A client's look whether anybody is there: `HEAD /`, without a key.
    Hello,
    /// A call that goes to an account.
    Call(Call),
    /// A holder's question about its own key.
    Own(OwnCall),
    /// A path that nobody serves.
    Nowhere,
    /// A call that a client wants to make over a WebSocket, as often as it likes.
    WebSocket(Call),
    /// One of these paths with another method.
    WrongMethod {
        /// The methods that there are.
        allow: &'static str,
    },
}

/// What a call asks for, as far as its head tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What is asked.
    pub operation: Operation,
    /// What the path says of the model, where it does.
    pub in_path: Option<PathModel>,
    /// The service that the mount is for; none: the model says which.
    pub service: Option<Service>,
    /// The version of the API that the path names, where accounts differ by it.
    pub version: Option<&'static str>,
    /// Whether the client speaks Bedrock: an Anthropic body in Bedrock's envelope, and answers in its shape.
    pub is_bedrock: bool,
}

/// What a key's holder may ask about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnCall {
    /// What it has used.
    Usage,
    /// What it is and may do.
    KeyInfo,
    /// Both, for a page of statistics.
    Stats,
}

impl Route {
    /// The call at `method`, `path` and `query`, from a client that sends `headers`; none when the path is not the data plane's.
    #[must_use]
    pub fn of(method: &Method, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Self> {
        let below = |mount: &'static Mount| Some((mount, path.strip_prefix(mount.prefix)?));
        let found = MOUNTS.iter().filter_map(below).find_map(|(mount, rest)| mount.find(rest))?;
        // A proxy that does not pass the upgrade on leaves the key. What is answered then is the same as where there is none.
        let wants_websocket = || {
            let upgrade = headers.get(UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
            upgrade || headers.contains_key(SEC_WEBSOCKET_KEY)
        };
        let asked = || list_dialect(query, headers);
        if method == Method::GET
            && wants_websocket()
            && let Self::Call(call) = found.clone().answer(&Method::POST, asked)
        {
            return Some(Self::WebSocket(call));
        }
        Some(found.answer(method, asked))
    }
}

/// Whose list of models a client wants that asks on a path of several dialects: Anthropic's SDKs always name a version, Google's
/// send their own key header, everybody else speaks OpenAI's.
fn list_dialect(query: Option<&str>, headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version") {
        return Dialect::Anthropic;
    }
    if headers.contains_key("x-goog-api-key") || query.is_some_and(|query| query.contains("pageSize=")) {
        return Dialect::Gemini;
    }
    let is_codex = query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("client_version=")));
    if is_codex { Dialect::OpenAiResponses } else { Dialect::OpenAiChat }
}

#[cfg(test)]
mod tests;
