//! The official SDKs, as programs that make the calls they are told and say how each ended.

use crate::{
    programs::{self, Ended},
    stage::Stage,
};
use serde_json::{Value, json};
use std::fmt;
use tokio::process::Command;

/// An SDK and its major version; both that people run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sdk {
    /// Python, 2.x: `anthropic-version` 2026-10-21, the key as Bearer.
    Python,
    /// Python, 1.x: `anthropic-version` 2023-06-01, the key in `x-api-key`.
    PythonBefore2,
    /// TypeScript, 1.x: like Python 2.x.
    TypeScript,
    /// TypeScript, 0.x: like Python 1.x.
    TypeScriptBefore1,
}

/// Calls for one run of each SDK.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    base_url: String,
    credential: (&'static str, String),
    retries_max: u32,
    calls: Vec<Value>,
}

/// What each SDK made of each call, in order.
pub(crate) type Outcomes = [(Sdk, Vec<Value>); 4];

impl Order {
    /// Calls at the relay's root with the stage's key, and no retries.
    pub(crate) fn to(stage: &Stage) -> Self {
        Self {
            base_url: stage.relay.base_url(),
            credential: ("api_key", stage.key.key.clone()),
            retries_max: 0,
            calls: Vec::new(),
        }
    }

    /// At a mount of the relay.
    pub(crate) fn below(mut self, mount: &str) -> Self {
        self.base_url.push_str(mount);
        self
    }

    /// With another key.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.credential.1);
        self
    }

    /// With the key as an auth token.
    pub(crate) fn with_auth_token(mut self) -> Self {
        self.credential.0 = "auth_token";
        self
    }

    /// With the SDK's own retries.
    pub(crate) fn retrying(mut self, times_max: u32) -> Self {
        self.retries_max = times_max;
        self
    }

    /// Adds a call.
    pub(crate) fn call(mut self, operation: &str, params: &Value) -> Self {
        self.calls.push(json!({"op": operation, "params": params}));
        self
    }

    /// Adds a call that the upstream answers with the reply of this name.
    pub(crate) fn call_for(mut self, reply: &str, operation: &str, params: &Value) -> Self {
        self.calls.push(json!({"op": operation, "params": params, "headers": {"x-test-script": reply}}));
        self
    }

    /// Lets every SDK make the calls, all at the same time.
    pub(crate) async fn by_all(&self) -> Outcomes {
        let run = async |sdk: Sdk| (sdk, self.by(sdk).await);
        tokio::join!(run(Sdk::Python), run(Sdk::PythonBefore2), run(Sdk::TypeScript), run(Sdk::TypeScriptBefore1))
            .into()
    }

    async fn by(&self, sdk: Sdk) -> Vec<Value> {
        let mut order = json!({"base_url": self.base_url, "max_retries": self.retries_max, "calls": self.calls});
        order[self.credential.0] = json!(self.credential.1);
        let Ended { succeeded, stdout, stderr } = programs::run(sdk.command(), &order.to_string()).await;
        assert!(succeeded, "{sdk}: {stderr}");
        let outcomes: Vec<Value> =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{sdk}: {error}: {stdout}"));
        assert_eq!(outcomes.len(), self.calls.len(), "{sdk}");
        outcomes
    }
}

impl Sdk {
    fn command(self) -> Command {
        let python = |program| {
            let mut command = programs::bare(program);
            command.arg(programs::script("sdk.py"));
            command
        };
        let node = |package| {
            let mut command = programs::bare(programs::node());
            command.arg(programs::script("sdk.mjs")).arg(programs::node_modules()).arg(package);
            command
        };
        match self {
            Self::Python => python(programs::python()),
            Self::PythonBefore2 => python(programs::python_sdk1()),
            Self::TypeScript => node("@anthropic-ai/sdk"),
            Self::TypeScriptBefore1 => node("anthropic-sdk-before-1"),
        }
    }
}

impl fmt::Display for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "Python SDK 2",
            Self::PythonBefore2 => "Python SDK 1",
            Self::TypeScript => "TypeScript SDK 1",
            Self::TypeScriptBefore1 => "TypeScript SDK 0",
        })
    }
}

/// A question to `model`.
pub(crate) fn question(model: &str) -> Value {
    json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "Grüße, 你好, 👋🏽?"}]})
}
