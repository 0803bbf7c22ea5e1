//! OpenAI's official Python SDK over its WebSocket, as it is.

use crate::{
    programs::{self, Ended},
    room::Room,
};
use serde_json::{Value, json};
use testkit::upstream::{Said, ScriptedSocket, SocketReply};

const TEXT: &str = "Hello. Grüße 👋🏽";

/// Makes the responses in order, on one connection.
async fn turns(room: &Room, turns: &[Value]) -> Vec<Value> {
    let order = json!({"base_url": format!("{}/v1", room.relay.base_url()), "api_key": room.key.key, "turns": turns});
    let mut command = programs::bare(programs::installed("CLAUDE_RELAY_TEST_PYTHON_OPENAI"));
    command.arg(programs::script("openai_socket.py"));
    let Ended { succeeded, stdout, stderr } = programs::run(command, &order.to_string()).await;
    assert!(succeeded, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn turn(input: &str, goes_on: bool) -> Value {
    json!({"goes_on": goes_on, "params": {"model": "gpt-5", "input": input, "store": false}})
}

#[tokio::test]
async fn it_goes_on_from_its_last_response_and_hears_what_is_refused() {
    let choice = |said: &Said| {
        let is_refused = said.message["input"].to_string().contains("refuse me");
        if is_refused { SocketReply::Refused(400, "invalid_prompt", None) } else { SocketReply::Text(TEXT) }
    };
    let upstream = ScriptedSocket::start(choice).await.unwrap();
    let room = Room::start(&upstream.base_url()).await;
    let outcomes = turns(&room, &[turn("hello", false), turn("and again", true), turn("refuse me", false)]).await;
    for outcome in &outcomes[..2] {
        assert_eq!((&outcome["type"], &outcome["text"]), (&json!("response.completed"), &json!(TEXT)), "{outcome}");
        assert_eq!(outcome["usage"]["total_tokens"], 150, "{outcome}");
    }
    assert_eq!(outcomes[2]["error"]["error"]["code"], "invalid_prompt", "{outcomes:?}");
    let said = upstream.said();
    assert_eq!(said.len(), 3);
    assert_eq!(
        (&said[1].message["previous_response_id"], &said[1].message["input"]),
        (&outcomes[0]["id"], &json!("and again"))
    );
    let mut outcomes: Vec<_> = room.records(3).await.iter().map(|record| record["outcome"].clone()).collect();
    outcomes.sort_by_key(Value::to_string);
    assert_eq!(outcomes, ["completed", "completed", "refused"]);
}
