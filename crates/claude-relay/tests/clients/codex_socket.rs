//! Codex over its WebSocket, in a home directory of its own, told of nothing but the relay's address and a key.

use crate::{
    programs::{self, Ended},
    room::Room,
};
use serde_json::{Value, json};
use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};
use tempfile::TempDir;
use testkit::{
    Reply, Script, ScriptedUpstream,
    upstream::{Expect, Received, Said, ScriptedSocket, SocketReply, spoken_call, spoken_stream, spoken_text},
};

/// What the model says in the end.
const TEXT: &str = "The tool said: Schneeglöckchen.";

/// What the model has Codex run.
const COMMAND: &str = "echo tool-loop-ok";

/// Runs Codex to its end, in a home of its own.
async fn codex(room: &Room, prompt: &str) -> Ended {
    let home = TempDir::new().unwrap();
    let base_url = room.relay.base_url();
    let config = format!(
        "model = \"gpt-5.2-codex\"\nmodel_provider = \"relay\"\n\n[model_providers.relay]\nname = \"relay\"\n\
         base_url = \"{base_url}/v1\"\nenv_key = \"RELAY_KEY\"\nwire_api = \"responses\"\nsupports_websockets = true\n"
    );
    fs::create_dir(home.path().join(".codex")).unwrap();
    fs::write(home.path().join(".codex/config.toml"), config).unwrap();
    let mut command = programs::bare(programs::node());
    command
        .arg(programs::node_modules().join("@openai/codex/bin/codex.js"))
        .args(["exec", "--skip-git-repo-check", "--sandbox", "read-only", prompt])
        .current_dir(home.path())
        .env("HOME", home.path())
        .env("RELAY_KEY", &room.key.key);
    programs::run(command, "").await
}

/// Whether a request's last item is what a tool put out.
fn has_output(request: &Value) -> bool {
    request["input"]
        .as_array()
        .and_then(|items| items.last())
        .is_some_and(|item| item["type"] == "function_call_output")
}

#[tokio::test]
async fn its_turns_go_over_one_socket_to_the_account_and_the_tool_s_output_alone_is_sent() {
    let choice = |said: &Said| {
        if has_output(&said.message) { SocketReply::Text(TEXT) } else { SocketReply::Call("exec_command", COMMAND) }
    };
    let upstream = ScriptedSocket::start(choice).await.unwrap();
    let room = Room::start(&upstream.base_url()).await;
    let ended = codex(&room, "run the tool").await;
    assert!(ended.succeeded && ended.stdout.contains(TEXT), "{ended:?}");
    assert!(!ended.stderr.to_lowercase().contains("falling back"), "{ended:?}");
    let said = upstream.said();
    assert_eq!(said.iter().map(|said| said.connection).collect::<Vec<_>>(), [0, 0], "{ended:?}");
    assert_eq!(said[1].message["input"].as_array().map(Vec::len), Some(1), "{:?}", said[1]);
    assert!(said[1].message["previous_response_id"].is_string());
    for record in room.records(2).await {
        assert_eq!(
            (&record["outcome"], &record["usage"]["output_tokens"]),
            (&json!("completed"), &json!(30)),
            "{record}"
        );
        assert!(record["client"].as_str().is_some_and(|client| client.starts_with("codex_exec/")), "{record}");
    }
}

#[tokio::test]
async fn an_account_over_http_gets_its_whole_conversation() {
    let answers = |received: &Received| {
        if received.method == "GET" {
            return Some(Reply::bytes(404, "application/json", "{}"));
        }
        let request: Value = serde_json::from_slice(&received.body).ok()?;
        let item = if has_output(&request) { spoken_text(TEXT) } else { spoken_call("exec_command", COMMAND) };
        Some(Reply::bytes(200, "text/event-stream", spoken_stream("resp_1", &item)))
    };
    let upstream = ScriptedUpstream::start_expecting(Script::default().by(answers), Expect::nothing()).await.unwrap();
    let room = Room::start(&upstream.base_url()).await;
    let ended = codex(&room, "run the tool").await;
    assert!(ended.succeeded && ended.stdout.contains(TEXT), "{ended:?}");
    let posts: Vec<Value> = upstream
        .books()
        .exchanges
        .iter()
        .filter(|exchange| exchange.request.method == "POST")
        .map(|exchange| serde_json::from_slice(&exchange.request.body).unwrap())
        .collect();
    assert_eq!(posts.len(), 2);
    let kinds: Vec<_> =
        posts[1]["input"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert!(kinds.ends_with(&["message", "function_call", "function_call_output"]), "{kinds:?}");
    assert!(posts.iter().all(|post| post.get("previous_response_id").is_none() && post["stream"] == true));
    assert_eq!(room.records(2).await.len(), 2);
}

/// Its own words are those of the provider: it waits as long as it is told, and asks again.
#[tokio::test]
async fn a_rate_limit_in_band_is_waited_for() {
    let turns = AtomicUsize::new(0);
    let choice = move |_: &Said| match turns.fetch_add(1, Ordering::Relaxed) {
        0 => SocketReply::Refused(429, "rate_limit_exceeded", Some(1)),
        _ => SocketReply::Text(TEXT),
    };
    let upstream = ScriptedSocket::start(choice).await.unwrap();
    let room = Room::start(&upstream.base_url()).await;
    let ended = codex(&room, "say it").await;
    assert!(ended.succeeded && ended.stdout.contains(TEXT), "{ended:?}");
    let mut outcomes: Vec<_> =
        room.records(2).await.iter().map(|record| record["outcome"].as_str().unwrap().to_owned()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["completed", "refused"]);
}
