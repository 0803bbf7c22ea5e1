//! The mounts and what stands below each, as a table.

use super::{Call, OwnCall, Route};
use domain::{Dialect, Service};
use http::Method;
use protocol::{Operation, PathModel, bedrock, scan::MODEL_BYTES_MAX};

/// A place where calls stand.
pub(super) struct Mount {
    /// What the paths begin with.
    pub(super) prefix: &'static str,
    /// The service that it is for; none: the model says which.
    service: Option<Service>,
    /// Whose list of models `/models` is; none: the client's headers say.
    lists: Option<Dialect>,
    /// The groups of calls below it.
    calls: &'static [&'static [(&'static str, What)]],
    /// Whether Gemini's paths with a model in them stand below it, behind the versions.
    gemini: bool,
    /// Whether Azure's paths with a deployment in them stand below it.
    deployments: bool,
    /// Whether Bedrock's paths with a model in them stand below it.
    bedrock: bool,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy)]
enum What {
    Call(Operation),
    Models,
    Own(OwnCall),
    Hello,
}

/// What was found at a path.
#[derive(Clone)]
pub(super) struct Found {
    mount: &'static Mount,
    what: What,
    in_path: Option<PathModel>,
    version: Option<&'static str>,
    is_bedrock: bool,
}

const ANTHROPIC: &[(&str, What)] = &[
    ("/v1/messages", What::Call(Operation::Messages)),
    ("/v1/messages/count_tokens", What::Call(Operation::CountTokens)),
];
const OPENAI: &[(&str, What)] = &[
    ("/v1/chat/completions", What::Call(Operation::ChatCompletions)),
    ("/v1/embeddings", What::Call(Operation::Embeddings)),
    ("/v1/responses", What::Call(Operation::Responses)),
    ("/v1/responses/compact", What::Call(Operation::CompactResponse)),
];
const OPENAI_BARE: &[(&str, What)] = &[
    ("/chat/completions", What::Call(Operation::ChatCompletions)),
    ("/embeddings", What::Call(Operation::Embeddings)),
    ("/responses", What::Call(Operation::Responses)),
    ("/responses/compact", What::Call(Operation::CompactResponse)),
    ("/models", What::Models),
];
const CHAT: &[(&str, What)] = &[("/v1/chat/completions", What::Call(Operation::ChatCompletions))];
const RESPONSES: &[(&str, What)] =
    &[("/v1/responses", What::Call(Operation::Responses)), ("/responses", What::Call(Operation::Responses))];
const LISTS: &[(&str, What)] = &[("/v1/models", What::Models)];
const OWN: &[(&str, What)] = &[
    ("/v1/usage", What::Own(OwnCall::Usage)),
    ("/v1/key-info", What::Own(OwnCall::KeyInfo)),
    ("/v1/stats", What::Own(OwnCall::Stats)),
];
const HELLO: &[(&str, What)] = &[("", What::Hello), ("/", What::Hello)];

/// Versions of the Gemini API that clients name.
const GEMINI_VERSIONS: [&str; 3] = ["v1beta", "v1", "v1alpha"];

/// All mounts, the longest first; the last is the root.
pub(super) const MOUNTS: &[Mount] = &[
    Mount { prefix: "/droid/claude", ..Mount::of(Service::Droid, &[ANTHROPIC_MESSAGES]) },
    Mount { prefix: "/droid/comm", ..Mount::of(Service::Droid, &[CHAT]) },
    Mount { prefix: "/droid/openai", ..Mount::of(Service::Droid, &[RESPONSES]) },
    Mount { prefix: "/openai/claude", ..Mount::of(Service::Claude, &[CHAT]) },
    Mount { prefix: "/openai/gemini", ..Mount::of(Service::Gemini, &[CHAT]) },
    Mount {
        prefix: "/openai",
        service: None,
        lists: Some(Dialect::OpenAiChat),
        deployments: true,
        ..Mount::of(Service::OpenAi, &[OPENAI, OPENAI_BARE, LISTS, OWN, HELLO])
    },
    Mount { prefix: "/azure", lists: Some(Dialect::OpenAiChat), ..Mount::of(Service::OpenAi, &[OPENAI, OPENAI_BARE]) },
    Mount {
        prefix: "/gemini",
        lists: Some(Dialect::Gemini),
        gemini: true,
        ..Mount::of(Service::Gemini, &[LISTS, OWN, HELLO])
    },
    Mount {
        prefix: "/claude",
        lists: Some(Dialect::Anthropic),
        ..Mount::of(Service::Claude, &[ANTHROPIC, LISTS, OWN, HELLO])
    },
    Mount { prefix: "/api", service: None, ..Mount::of(Service::Claude, &[ANTHROPIC, OPENAI, LISTS, OWN, HELLO]) },
    Mount {
        prefix: "",
        service: None,
        gemini: true,
        bedrock: true,
        ..Mount::of(Service::Claude, &[ANTHROPIC, OPENAI, LISTS, OWN, HELLO])
    },
];

const ANTHROPIC_MESSAGES: &[(&str, What)] = &[("/v1/messages", What::Call(Operation::Messages))];

impl Mount {
    const fn of(service: Service, calls: &'static [&'static [(&'static str, What)]]) -> Self {
        Self {
            prefix: "",
            service: Some(service),
            lists: None,
            calls,
            gemini: false,
            deployments: false,
            bedrock: false,
        }
    }

    /// What stands at `path` below it.
    pub(super) fn find(&'static self, path: &str) -> Option<Found> {
        let fixed = self.calls.iter().copied().flatten().find(|(known, _)| *known == path);
        let fixed =
            fixed.map(|(_, what)| Found { mount: self, what: *what, in_path: None, version: None, is_bedrock: false });
        fixed.or_else(|| self.gemini(path)).or_else(|| self.deployment(path)).or_else(|| self.bedrock(path))
    }

    /// `/{version}/models/{model}:{verb}` and `/{version}/models`.
    fn gemini(&'static self, path: &str) -> Option<Found> {
        if !self.gemini {
            return None;
        }
        let (version, rest) = GEMINI_VERSIONS
            .iter()
            .find_map(|version| Some((*version, path.strip_prefix('/')?.strip_prefix(version)?)))?;
        let found =
            |what, in_path| Some(Found { mount: self, what, in_path, version: Some(version), is_bedrock: false });
        if rest == "/models" && version != "v1" {
            return found(What::Call(Operation::Models(Dialect::Gemini)), None);
        }
        let (model, verb) = rest.strip_prefix("/models/")?.rsplit_once(':')?;
        let (operation, stream) = match verb {
            "generateContent" => (Operation::GenerateContent, false),
            "streamGenerateContent" => (Operation::GenerateContent, true),
            "countTokens" => (Operation::CountContentTokens, false),
            _ => return None,
        };
        found(What::Call(operation), Some(PathModel { model: decoded(model)?, stream }))
    }

    /// `/deployments/{deployment}/chat/completions` and `…/embeddings`: the deployment is the model's name.
    fn deployment(&'static self, path: &str) -> Option<Found> {
        let (deployment, call) = path.strip_prefix("/deployments/").filter(|_| self.deployments)?.split_once('/')?;
        let operation = match call {
            "chat/completions" => Operation::ChatCompletions,
            "embeddings" => Operation::Embeddings,
            _ => return None,
        };
        // Whether it is a stream stands in the body, as everywhere in this dialect.
        let in_path = Some(PathModel { model: decoded(deployment)?, stream: false });
        Some(Found { mount: self, what: What::Call(operation), in_path, version: None, is_bedrock: false })
    }

    /// `/model/{model}/invoke` and `…/invoke-with-response-stream`.
    fn bedrock(&'static self, path: &str) -> Option<Found> {
        let (call, model) = bedrock::Call::parse(path).filter(|_| self.bedrock)?;
        let in_path = Some(PathModel { model, stream: call == bedrock::Call::InvokeStream });
        let what = What::Call(Operation::Messages);
        Some(Found { mount: self, what, in_path, version: None, is_bedrock: true })
    }
}

impl Found {
    pub(super) fn answer(self, method: &Method, list_dialect: impl FnOnce() -> Dialect) -> Route {
        let Self { mount, what, in_path, version, is_bedrock } = self;
        let operation = match what {
            What::Hello if method == Method::HEAD => return Route::Hello,
            What::Hello => return Route::Nowhere,
            What::Own(call) if method == Method::GET => return Route::Own(call),
            What::Own(_) => return Route::WrongMethod { allow: "GET" },
            What::Models => Operation::Models(mount.lists.unwrap_or_else(list_dialect)),
            What::Call(operation) => operation,
        };
        let allow = if matches!(operation, Operation::Models(_)) { "GET" } else { "POST" };
        if method != allow {
            return Route::WrongMethod { allow };
        }
        Route::Call(Call { operation, in_path, service: mount.service, version, is_bedrock })
    }
}

/// A segment of a path with its escapes undone (RFC 3986, 2.1); none when they are no text, or it is no model's name.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                after
            }
            (b'%', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                after
            }
        };
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.is_empty() && text.len() <= MODEL_BYTES_MAX && !text.contains(|c: char| c.is_control())).then_some(text)
}
