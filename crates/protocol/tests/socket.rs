//! Responses over a WebSocket, for every input: a message is the request that a whole parser makes of it, and nothing panics.

use proptest::prelude::*;
use protocol::{
    openai::socket::{
        AnswerItems, ClientMessage, Create, History, create_message, end_of, event_message, read_message,
        refused_message, stream_event,
    },
    sse::{Decoder, Event},
};
use serde_json::{Map, Value, json};

fn create(text: &[u8]) -> Create<'_> {
    match read_message(text) {
        Ok(ClientMessage::Create(create)) => create,
        other => panic!("{other:?}"),
    }
}

fn any_items() -> impl Strategy<Value = Vec<Value>> {
    let item =
        ("[ -~é東\"\\\\{}\\[\\],]{0,20}", any::<i32>()).prop_map(|(text, number)| json!({"t": text, "n": [number]}));
    prop::collection::vec(item, 0..5)
}

fn any_others() -> impl Strategy<Value = Map<String, Value>> {
    let others = prop::collection::btree_map("x_[a-z\\\\\"]{1,6}", "[ -~é\"\\\\]{0,20}".prop_map(Value::from), 0..6);
    others.prop_map(|others| others.into_iter().collect())
}

fn items_text(items: &[Value]) -> String {
    items.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
}

proptest! {
    #[test]
    fn a_message_becomes_the_request_that_a_whole_parser_makes_of_it(
        others in any_others(), before in any_items(), own in any_items(), pretty: bool,
    ) {
        let mut message = others.clone();
        for (key, value) in [("type", json!("response.create")), ("previous_response_id", json!("resp_1")),
            ("input", json!(own)), ("generate", json!(true)), ("stream", json!(false))] {
            message.insert(key.to_owned(), value);
        }
        let text = if pretty { serde_json::to_string_pretty(&message) } else { serde_json::to_string(&message) };
        let text = text.expect("JSON");
        let history = items_text(&before);
        let request = create(text.as_bytes()).request(History::Items(history.as_bytes())).expect("a request");
        let read: Value = serde_json::from_slice(&request.body).expect("JSON");
        let mut expected = others;
        expected.insert("stream".to_owned(), json!(true));
        expected.insert("input".to_owned(), json!([&before[..], &own[..]].concat()));
        prop_assert_eq!(read, Value::Object(expected));
        let items: Value = serde_json::from_str(&format!("[{}]", std::str::from_utf8(&request.body[request.items]).expect("text")))
            .expect("an array");
        prop_assert_eq!(items, json!([&before[..], &own[..]].concat()));
    }

    #[test]
    fn a_message_of_an_upstream_is_one_event_with_its_text(message in any_others(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&message) } else { serde_json::to_string(&message) };
        let text = text.expect("JSON");
        let mut events = Vec::new();
        let on_event = |event: Event<'_>| events.push(serde_json::from_slice::<Value>(event.data).expect("JSON"));
        Decoder::default().push(&stream_event(text.as_bytes()), on_event).expect("small");
        prop_assert_eq!(events, [Value::Object(message.clone())]);
        let created: Value = serde_json::from_slice(&create_message(text.as_bytes()).expect("an object")).expect("JSON");
        let mut expected = message;
        expected.insert("type".to_owned(), json!("response.create"));
        prop_assert_eq!(created, Value::Object(expected));
    }

    #[test]
    fn whatever_is_said_nothing_panics(
        text in r#"[{}\[\]",:\\ 0-9a-z.+-]{0,60}|(\{"(type|input|error|status|headers|response|output|item|previous_response_id)":(\[|"response.create"|"error"|)?,?){1,4}[{}\[\]",:\\0-9-]{0,40}"#,
    ) {
        let bytes = text.as_bytes();
        if let Ok(ClientMessage::Create(create)) = read_message(bytes) {
            drop(create.request(History::AsSent));
        }
        drop(refused_message(bytes));
        drop(end_of(bytes));
        drop(create_message(bytes));
        let mut items = AnswerItems::new(100);
        for name in [&b""[..], b"error", b"response.completed", b"response.output_item.done"] {
            let event = Event { name, data: bytes, start: 0 };
            drop(event_message(&event));
            items.read(&event);
        }
        drop(items.finish());
    }
}
