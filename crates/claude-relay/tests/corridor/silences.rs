//! An upstream of each dialect that is silent, before its stream and within it: what is sent in its place harms no reader.

use crate::{
    leaving::{ask_raw, cases, halting},
    platforms::site_as,
    support::command,
};
use serde_json::Value;
use testkit::{
    client::SseTranscript,
    upstream::{Gate, Then, Wait},
};

/// Whatever is sent in the silence, the readers of each dialect find in the stream what its upstream said.
#[tokio::test]
async fn what_is_sent_in_a_silence_disturbs_no_dialect_s_reader() {
    for case in cases() {
        let (before, within) = (Gate::new(), Gate::new());
        let halting = halting(case.golden, Then::Gate(within.clone()));
        let reply = halting.head_after(Wait::Gate(before.clone()));
        let is_array = case.path.ends_with(":streamGenerateContent");
        // Who takes an array waits for its begin without a word.
        if is_array {
            before.open();
        }
        let site = site_as(command().env("RELAY_KEEP_ALIVE_EVERY", "30ms"), &case.account, reply).await;
        let (mut client, head) = ask_raw(&site, &case).await;
        let mut begun = client.read_body_up_to(&head, 3).await.unwrap().bytes.to_vec();
        before.open();
        while !String::from_utf8_lossy(&begun).contains("Hel") {
            begun.extend(client.read_body_up_to(&head, 1).await.unwrap().bytes);
        }
        begun.extend(client.read_body_up_to(&head, 3).await.unwrap().bytes);
        within.open();
        let rest = client.read_body(&head).await.unwrap().bytes;
        let told = format!("{} by {}: {head:?}", case.path, case.account["platform"]);
        let media_type = if is_array { "application/json" } else { "text/event-stream" };
        assert!(head.header("content-type").unwrap().starts_with(media_type), "{told}");
        assert_eq!(text_of(&[&begun[..], &rest].concat(), is_array), "Hello, \"wörld\"\n👋", "{told}");
    }
}

/// The text of a stream of any dialect; each part of it must be a document, but the end of a chat's.
fn text_of(stream: &[u8], is_array: bool) -> String {
    let documents: Vec<Value> = if is_array {
        serde_json::from_slice(stream).unwrap()
    } else {
        let events = SseTranscript::read(stream).events;
        let data = events.iter().map(|event| event.data.as_str()).filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    };
    let text = |document: &Value| {
        let places = ["/delta/text", "/choices/0/delta/content", "/candidates/0/content/parts/0/text"];
        let found = places.iter().find_map(|place| document.pointer(place)?.as_str());
        let is_part = document["type"] == "response.output_text.delta";
        found.or(document["delta"].as_str().filter(|_| is_part)).unwrap_or_default().to_owned()
    };
    documents.iter().map(text).collect()
}
