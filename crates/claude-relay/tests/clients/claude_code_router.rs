//! claude-code-router as the upstream of a `ccr` account: Claude Code asks the relay, the relay asks it, and it asks a Chat upstream.

use crate::{
    answers::{Said, chat, heard},
    claude_code::asking,
    platforms::other_upstream,
    programs::{self, Ended},
    stage::{CREDENTIAL, Stage, forgiving},
};
use domain::TokenUsage;
use serde_json::json;
use std::{
    process::Stdio,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use testkit::{HttpClient, Script, ScriptedUpstream, upstream::refused_base_url};
use tokio::process::Child;

/// Longest start of the router: twenty times what it takes.
const START_MAX: Duration = Duration::from_secs(30);

/// How long is waited between two looks whether it listens.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The model that the router asks for where the client does not say.
const MODEL: &str = "gpt-5.3-codex";

/// What every answer here costs.
const USAGE: TokenUsage = TokenUsage { input: 210, output: 31, cache_read: 9_000, ..TokenUsage::ZERO };

/// What a note says that Claude Code is asked to read.
const NOTE: &str = "the launch word is Schneeglöckchen";

/// The router, running in a home of its own. Dropping it kills it.
struct Router {
    _child: Child,
    _home: TempDir,
    base_url: String,
}

impl Router {
    async fn start(upstream: &ScriptedUpstream) -> Self {
        let home = TempDir::new().unwrap();
        let base_url = refused_base_url().await.unwrap();
        let port: u16 = base_url.rsplit(':').next().unwrap().parse().unwrap();
        // Without this it asks its provider for no usage.
        let transformer = json!({"use": ["streamoptions"]});
        let provider = json!({"name": "scripted", "transformer": transformer, "api_key": "sk-scripted", "models": [MODEL, "gpt-5"],
            "api_base_url": format!("{}/v1/chat/completions", upstream.base_url())});
        let config = json!({"APIKEY": CREDENTIAL, "HOST": "127.0.0.1", "PORT": port, "LOG": false,
            "NON_INTERACTIVE_MODE": true, "Providers": [provider], "Router": {"default": format!("scripted,{MODEL}")}});
        std::fs::create_dir(home.path().join(".claude-code-router")).unwrap();
        std::fs::write(home.path().join(".claude-code-router/config.json"), config.to_string()).unwrap();
        let mut command = programs::bare(programs::node());
        command.arg(programs::node_modules().join(".bin/ccr")).arg("start").env("HOME", home.path());
        // Node makes what it inherits non-blocking, for this process too: nothing is inherited.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let router = Self { _child: command.spawn().unwrap(), _home: home, base_url };
        router.listening().await;
        router
    }

    async fn listening(&self) {
        let (client, began) = (HttpClient::new(&self.base_url), Instant::now());
        while client.get("/health", &[]).await.is_err() {
            assert!(began.elapsed() < START_MAX, "the router does not listen within {START_MAX:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// A relay whose one account is the router, which asks the scripted upstream.
async fn stage(script: Script) -> (Stage, Router) {
    let upstream = other_upstream(script).await;
    let router = Router::start(&upstream).await;
    let account = json!({"platform": "ccr", "api_key": CREDENTIAL});
    (Stage::over(forgiving(), upstream, account, &router.base_url).await, router)
}

async fn says(stage: &Stage, model: &str, home: &TempDir, prompt: &str) -> Ended {
    let mut command = asking(home, prompt);
    command
        .env("ANTHROPIC_BASE_URL", stage.relay.base_url())
        .env("ANTHROPIC_AUTH_TOKEN", &stage.key.key)
        .env("ANTHROPIC_MODEL", model);
    programs::run(command, "").await
}

#[tokio::test]
async fn its_answers_arrive_by_each_name_of_a_model() {
    let script = Script::default().by(|_| Some(chat(&Said::Text("Grüße, 你好."), Some(USAGE))));
    let (stage, _router) = stage(script).await;
    for (asked, routed) in [("claude-opus-5-5", MODEL), ("ccr,claude-opus-5-5", MODEL), ("ccr,scripted,gpt-5", "gpt-5")]
    {
        let ended = says(&stage, asked, &TempDir::new().unwrap(), "say hi").await;
        assert!(ended.succeeded && ended.stdout.contains("Grüße, 你好."), "{asked}: {ended:?}");
        let exchanges = stage.upstream.books().exchanges;
        assert_eq!(exchanges.last().unwrap().request.model.as_deref(), Some(routed), "{asked}");
    }
    let told = [("claude-opus-5-5", USAGE), ("claude-opus-5-5", USAGE), ("gpt-5", USAGE)];
    stage.assert_recorded("ccr", &told).await;
}

#[tokio::test]
async fn its_tool_calls_arrive_and_are_answered() {
    let home = TempDir::new().unwrap();
    let note = home.path().join("note.txt");
    std::fs::write(&note, NOTE).unwrap();
    let call = Said::Call("Read", json!({"file_path": note}));
    let script = Script::default().by(move |request| {
        let said = if heard(request).contains(NOTE) { &Said::Text("I have read it.") } else { &call };
        Some(chat(said, Some(USAGE)))
    });
    let (stage, _router) = stage(script).await;
    let ended = says(&stage, "ccr,claude-opus-5-5", &home, "read note.txt").await;
    assert!(ended.succeeded && ended.stdout.contains("I have read it."), "{ended:?}");
    stage.assert_recorded("ccr", &[("claude-opus-5-5", USAGE); 2]).await;
}

/// It takes a usage from the finishing chunk alone; where none stands there (OpenAI's stands in a chunk behind it), it says that nothing
/// was used.
#[tokio::test]
async fn what_it_does_not_count_is_estimated() {
    let script = Script::default().by(|_| Some(chat(&Said::Text("Grüße, 你好."), None)));
    let (stage, _router) = stage(script).await;
    let ended = says(&stage, "ccr,claude-opus-5-5", &TempDir::new().unwrap(), "say hi").await;
    assert!(ended.succeeded && ended.stdout.contains("Grüße, 你好."), "{ended:?}");
    let records = stage.message_records().await;
    let told: Vec<_> = records.iter().map(|it| (&it["usage_source"], &it["usage"]["output_tokens"])).collect();
    assert_eq!(told, [(&json!("estimated"), &json!(4))], "a token for four bytes");
}
