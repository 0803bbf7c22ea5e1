//! Claude Code through the relay, in a home directory of its own, told of nothing but the relay's address and a key.

use crate::{
    programs::{self, Ended},
    stage::{CREDENTIAL, Stage, cost, forgiving, tokens},
};
use domain::{NanoUsd, TokenUsage};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use testkit::{
    Answer, ErrorKind, Reply, Script, ScriptedUpstream,
    upstream::{Credential, Expect, Received, Then},
};
use tokio::process::Command;

/// What a note says that Claude Code is asked to read.
const NOTE: &str = "the launch word is Schneeglöckchen";

/// How Claude Code is given the key.
#[derive(Debug, Clone, Copy)]
enum KeyAs {
    ApiKey,
    AuthToken,
}

/// One session: a home and a working directory that go away with it.
struct Session {
    home: TempDir,
    base_url: String,
    key: (KeyAs, String),
}

impl Session {
    fn at(stage: &Stage) -> Self {
        let key = (KeyAs::AuthToken, stage.key.key.clone());
        Self { home: TempDir::new().unwrap(), base_url: stage.relay.base_url(), key }
    }

    fn below(mut self, mount: &str) -> Self {
        self.base_url.push_str(mount);
        self
    }

    fn with_key(mut self, key_as: KeyAs, key: &str) -> Self {
        self.key = (key_as, key.to_owned());
        self
    }

    async fn says(&self, prompt: &str) -> Ended {
        let variable = match self.key.0 {
            KeyAs::ApiKey => "ANTHROPIC_API_KEY",
            KeyAs::AuthToken => "ANTHROPIC_AUTH_TOKEN",
        };
        let mut command = asking(&self.home, prompt);
        command.env("ANTHROPIC_BASE_URL", &self.base_url).env(variable, &self.key.1);
        programs::run(command, "").await
    }
}

/// Claude Code, about to ask; it lacks an address and a key.
pub(crate) fn asking(home: &TempDir, prompt: &str) -> Command {
    let mut command = programs::bare(programs::node_modules().join(".bin/claude"));
    command.args(["-p", prompt, "--allowedTools", "Read"]).current_dir(home.path()).env("HOME", home.path());
    for switch in [
        "DISABLE_TELEMETRY",
        "DISABLE_AUTOUPDATER",
        "DISABLE_ERROR_REPORTING",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    ] {
        command.env(switch, "1");
    }
    command
}

fn said(request: &Received) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

#[tokio::test]
async fn it_gets_its_answer_at_the_root_and_below_api_with_a_token_and_with_a_key() {
    let usage = TokenUsage { input: 12, output: 345, cache_write_5m: 6_700, cache_write_1h: 89, cache_read: 10_111 };
    let stage = Stage::start(Script::always(Reply::message(Answer::hello().with_usage(usage)))).await;
    for (mount, key_as) in [("", KeyAs::AuthToken), ("/api", KeyAs::ApiKey)] {
        let session = Session::at(&stage).below(mount).with_key(key_as, &stage.key.key);
        let ended = session.says("say hi").await;
        assert!(ended.succeeded && ended.stdout.contains("Hello! Grüße, 你好, 👋🏽."), "at {mount:?}: {ended:?}");
    }
    stage.assert_books_match().await;
    let records = stage.message_records().await;
    assert_eq!(records.len(), 2);
    // In dollars per million: input 4, output 20, cache writes 5 and 8, cache reads 0.20.
    // 12 × 4 + 345 × 20 + 6700 × 5 + 89 × 8 + 10111 × 0.2 = 43182.2 millionths.
    for record in records {
        assert_eq!((&record["model"], &record["stream"]), (&json!("claude-opus-5-5"), &json!(true)), "{record}");
        assert_eq!(tokens(&record["usage"]), usage);
        assert_eq!(cost(&record), NanoUsd::parse_usd("0.043182200").unwrap());
    }
}

#[tokio::test]
async fn it_reads_a_file_by_a_tool_and_tells_the_model_what_stands_there() {
    let home = TempDir::new().unwrap();
    let note = home.path().join("note.txt");
    std::fs::write(&note, NOTE).unwrap();
    let input = json!({"file_path": note});
    let script = Script::default().by(move |request| {
        let answer = if said(request).contains(NOTE) {
            Answer::text("I have read it.")
        } else {
            Answer::tool_call("Read", input.clone())
        };
        Some(Reply::message(answer))
    });
    let stage = Stage::start(script).await;
    let session = Session { home, ..Session::at(&stage) };
    let ended = session.says("read note.txt").await;
    assert!(ended.succeeded && ended.stdout.contains("I have read it."), "{ended:?}");
    let books = stage.upstream.books();
    assert_eq!(books.messages().filter(|it| said(&it.request).contains(NOTE)).count(), 1);
    stage.assert_books_match().await;
}

#[tokio::test]
async fn an_overloaded_provider_is_asked_again_by_itself() {
    let script =
        Script::default().then(Reply::error(ErrorKind::Overloaded)).otherwise(Reply::message(Answer::text("At last.")));
    let stage = Stage::start(script).await;
    let ended = Session::at(&stage).says("say hi").await;
    assert!(ended.succeeded && ended.stdout.contains("At last."), "{ended:?}");
    assert_eq!(stage.upstream.books().messages().count(), 2);
    stage.assert_books_match().await;
}

#[tokio::test]
async fn an_overloaded_account_is_not_noticed_where_there_is_another() {
    let stage = Stage::start_as(forgiving(), Script::always(Reply::error(ErrorKind::Overloaded))).await;
    let expect = Expect::credential(Credential::ApiKey(CREDENTIAL.to_owned()));
    let script = Script::always(Reply::message(Answer::text("From the other.")));
    let other = ScriptedUpstream::start_expecting(script, expect).await.unwrap();
    let account = json!({"platform": "claude-console", "name": "second", "base_url": other.base_url(),
        "api_key": CREDENTIAL, "priority": 90});
    stage.admin.post("/admin/accounts", &account).await.unwrap();
    let ended = Session::at(&stage).says("say hi").await;
    assert!(ended.succeeded && ended.stdout.contains("From the other."), "{ended:?}");
    let seen = (stage.upstream.books().messages().count(), other.books().messages().count());
    assert_eq!(seen, (1, 1), "each account is asked once, and Claude Code asks once");
}

#[tokio::test]
async fn a_stream_that_breaks_is_asked_for_again_and_never_taken_for_the_answer() {
    let asked = AtomicUsize::new(0);
    let script = Script::default().by(move |_| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        let broken = || Reply::message(Answer::numbered(40)).stop_after(900, Then::Close);
        Some(if first { broken() } else { Reply::message(Answer::text("Whole now.")) })
    });
    let stage = Stage::start(script).await;
    let ended = Session::at(&stage).says("say hi").await;
    assert!(ended.succeeded && ended.stdout.trim().ends_with("Whole now."), "{ended:?}");
    let outcomes: Vec<_> = stage.message_records().await.iter().map(|it| it["outcome"].clone()).collect();
    assert_eq!(outcomes, ["truncated", "completed"]);
}

#[tokio::test]
async fn an_unknown_key_ends_it_without_a_second_try() {
    let stage = Stage::start(Script::default()).await;
    for key_as in [KeyAs::ApiKey, KeyAs::AuthToken] {
        let ended = Session::at(&stage).with_key(key_as, &format!("cr_{}", "0".repeat(64))).says("say hi").await;
        assert!(!ended.succeeded, "{ended:?}");
        assert!(format!("{}{}", ended.stdout, ended.stderr).contains("This API key is not known here."), "{ended:?}");
    }
    assert_eq!(stage.metric("refusals_total{status=\"401\"}").await, Some(2), "one request each");
    assert_eq!(stage.upstream.books().exchanges.len(), 0);
}

#[tokio::test]
async fn a_restricted_model_is_refused_in_words_that_its_user_reads() {
    let stage = Stage::start(Script::default()).await;
    let key = stage.key_with(json!({"restricted_models": ["claude-opus-5-5"]})).await;
    let ended = Session::at(&stage).with_key(KeyAs::AuthToken, &key.key).says("say hi").await;
    assert!(!ended.succeeded, "{ended:?}");
    let words = "This API key may not use the model claude-opus-5-5.";
    assert!(format!("{}{}", ended.stdout, ended.stderr).contains(words), "{ended:?}");
    assert_eq!(stage.upstream.books().exchanges.len(), 0);
}

#[tokio::test]
async fn a_key_for_claude_code_alone_lets_it_in() {
    let stage = Stage::start(Script::always(Reply::message(Answer::text("Welcome.")))).await;
    let key = stage.key_with(json!({"allowed_clients": ["claude_code"]})).await;
    let ended = Session::at(&stage).with_key(KeyAs::AuthToken, &key.key).says("say hi").await;
    assert!(ended.succeeded && ended.stdout.contains("Welcome."), "{ended:?}");
    stage.assert_books_match().await;
}
