//! Claude Code in its Bedrock mode through the relay: it speaks to Bedrock, whichever accounts answer.

use crate::{
    answers::{Said, bedrock, heard},
    claude_code::asking,
    programs::{self, Ended},
    stage::{CREDENTIAL, Stage},
};
use bytes::Bytes;
use domain::TokenUsage;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Answer, HttpClient, Reply, Script, upstream::Exchange};

/// What every answer here costs.
const USAGE: TokenUsage =
    TokenUsage { input: 40, output: 19, cache_write_5m: 300, cache_read: 7_000, ..TokenUsage::ZERO };

/// What a note says that it is asked to read.
const NOTE: &str = "the launch word is Schneeglöckchen";

/// The model that it asks for, as Bedrock and as its maker calls it.
const MODELS: (&str, &str) = ("us.anthropic.claude-opus-5-5", "claude-opus-5-5");

/// The models that it looks for by a question of one token each, before it begins, as the books call them.
const LOOKED_FOR: [&str; 3] = ["claude-haiku-4-5-20251001", "claude-opus-5-5", "claude-sonnet-4-5-20250929-v1:0"];

fn account() -> Value {
    json!({"platform": "bedrock", "region": "us-east-1", "access": "bearer_token", "bearer_token": CREDENTIAL})
}

async fn says(stage: &Stage, key: &str, home: &TempDir, prompt: &str) -> Ended {
    let mut command = asking(home, prompt);
    command
        .env("CLAUDE_CODE_USE_BEDROCK", "1")
        .env("ANTHROPIC_BEDROCK_BASE_URL", stage.relay.base_url())
        .env("AWS_BEARER_TOKEN_BEDROCK", key)
        .env("AWS_REGION", "us-east-1")
        // In this mode a refusal of a key is asked for again ten times, for four minutes.
        .env("CLAUDE_CODE_MAX_RETRIES", "0");
    programs::run(command, "").await
}

/// Checks the books for what it looked for, in any order, and then for `answers` of its model.
async fn assert_recorded(stage: &Stage, platform: &str, answers: usize) {
    let records = stage.message_records().await;
    let mut looked_for: Vec<_> = records.iter().take(3).map(|record| record["model"].as_str().unwrap()).collect();
    looked_for.sort_unstable();
    assert_eq!(looked_for, LOOKED_FOR);
    let told = records.iter().map(|record| (record["model"].as_str().unwrap(), USAGE)).collect::<Vec<_>>();
    assert_eq!(told[3..], vec![(MODELS.1, USAGE); answers]);
    stage.assert_recorded(platform, &told).await;
}

/// The last path that was asked for, and the model in its body.
fn last_asked(exchanges: &[Exchange]) -> (&str, Option<&str>) {
    let last = &exchanges.last().unwrap().request;
    (last.path(), last.model.as_deref())
}

#[tokio::test]
async fn a_bedrock_account_answers_it_and_its_tools() {
    let home = TempDir::new().unwrap();
    let note = home.path().join("note.txt");
    std::fs::write(&note, NOTE).unwrap();
    let call = Said::Call("Read", json!({"file_path": note}));
    let script = Script::default().by(move |request| {
        let said = if heard(request).contains(NOTE) { &Said::Text("I have read it.") } else { &call };
        Some(bedrock(request, said, USAGE))
    });
    let stage = Stage::of(account(), script).await;
    let key = stage.key_with(json!({"allowed_clients": ["claude_code"]})).await;
    let ended = says(&stage, &key.key, &home, "read note.txt").await;
    assert!(ended.succeeded && ended.stdout.contains("I have read it."), "{ended:?}");
    let path = format!("/model/{}/invoke-with-response-stream", MODELS.0);
    assert_eq!(last_asked(&stage.upstream.books().exchanges), (path.as_str(), None));
    assert_recorded(&stage, "bedrock", 2).await;
}

#[tokio::test]
async fn an_account_of_anthropic_s_own_answers_it_and_is_asked_by_anthropic_s_names() {
    let stage = Stage::start(Script::always(Reply::message(Answer::hello().with_usage(USAGE)))).await;
    let ended = says(&stage, &stage.key.key, &TempDir::new().unwrap(), "say hi").await;
    assert!(ended.succeeded && ended.stdout.contains("Hello! Grüße, 你好, 👋🏽."), "{ended:?}");
    let mut exchanges = stage.upstream.books().exchanges;
    assert_eq!(last_asked(&exchanges), ("/v1/messages", Some(MODELS.1)));
    exchanges.sort_by(|one, other| one.request.model.cmp(&other.request.model));
    assert_eq!(exchanges[3].request.model.as_deref(), Some("claude-sonnet-4-5-20250929"));
    stage.assert_books_match().await;
    assert_recorded(&stage, "claude-console", 1).await;
}

#[tokio::test]
async fn a_key_for_another_program_is_refused_in_words_that_its_user_reads() {
    let stage = Stage::of(account(), Script::default()).await;
    let key = stage.key_with(json!({"allowed_clients": ["codex_cli"]})).await;
    let ended = says(&stage, &key.key, &TempDir::new().unwrap(), "say hi").await;
    let words = "This API key is restricted to other client programs.";
    assert!(!ended.succeeded && format!("{}{}", ended.stdout, ended.stderr).contains(words), "{ended:?}");
    assert_eq!(stage.upstream.books().exchanges.len(), 0);
}

/// Bedrock's frames were passed on under their own media type, though events are what a client gets of them: those of Anthropic's
/// dialect were told nonsense, and those of Bedrock's got events where they look for frames.
#[tokio::test]
async fn a_stream_of_bedrock_s_is_told_to_be_what_its_client_gets() {
    let script = Script::default().by(|request| Some(bedrock(request, &Said::Text("Grüße."), USAGE)));
    let stage = Stage::of(account(), script).await;
    let messages = json!({"model": MODELS.0, "max_tokens": 9, "stream": true,
        "messages": [{"role": "user", "content": "say hi"}]});
    let mut invoked = messages.clone();
    for field in ["model", "stream"] {
        invoked.as_object_mut().unwrap().remove(field);
    }
    invoked["anthropic_version"] = json!("bedrock-2023-05-31");
    let path = format!("/model/{}/invoke-with-response-stream", MODELS.0);
    for (path, body, media_type, begins_with) in [
        ("/v1/messages", messages, "text/event-stream", &b"event: message_start\n"[..]),
        (&path, invoked, "application/vnd.amazon.eventstream", &[0, 0]),
    ] {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {}", stage.key.key))
            .header("content-type", "application/json")
            .header("anthropic-version", "2023-06-01");
        let request = request.body(Bytes::from(body.to_string())).unwrap();
        let answered = HttpClient::new(stage.relay.base_url()).send(request).await.unwrap();
        assert_eq!(answered.header("content-type"), media_type, "{path}");
        assert!(answered.body.starts_with(begins_with), "{path}: {answered:?}");
    }
}
