//! A response that came as events, put together for a client that wants a document.

use super::responses::kind_of;
use crate::{
    scan::{Edit, edited, pick},
    skim::{Fault, Members},
    sse::Event,
};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Takes the events of one Responses stream and gives its response as a document.
///
/// The last event holds the whole response by the provider's reference. ChatGPT leaves the output out of it: then the items stand in
/// the events that ended them (`response.output_item.done`).
#[derive(Debug, Default)]
pub struct ResponseCollector {
    /// What was put out, by its place.
    items: BTreeMap<u64, Bytes>,
    response: Option<Bytes>,
}

impl ResponseCollector {
    /// Takes the next event. What it does not know, or cannot read, it passes over.
    pub fn take(&mut self, event: &Event<'_>) {
        match kind_of(event).as_deref() {
            Ok(b"response.output_item.done") => {
                let next = self.items.last_key_value().map_or(0, |(place, _)| place + 1);
                if let Ok([place, Some(item)]) = pick(Members::of(event.data), ["output_index", "item"]) {
                    let place = place.and_then(|place| place.count()).unwrap_or(next);
                    self.items.insert(place, Bytes::copy_from_slice(item.raw()));
                }
            }
            Ok(b"response.completed" | b"response.incomplete") => {
                if let Ok([Some(response)]) = pick(Members::of(event.data), ["response"]) {
                    self.response = Some(Bytes::copy_from_slice(response.raw()));
                }
            }
            _ => {}
        }
    }

    /// The response; none when its stream has not come to an end, or ended without one.
    #[must_use]
    pub fn document(self) -> Option<Bytes> {
        let response = self.response?;
        let edit = if self.items.is_empty() { None } else { output(&response, self.items.values()).ok()? };
        Some(match edit {
            None => response,
            Some(edit) => edited(&response, vec![edit]).concat().into(),
        })
    }
}

/// The change by which `response` tells its output, where it does not itself.
fn output<'i>(response: &[u8], items: impl Iterator<Item = &'i Bytes>) -> Result<Option<Edit>, Fault> {
    let mut at = None;
    for member in Members::of(response) {
        let member = member?;
        if *member.key == *b"output" {
            if !member.value.is_null() && !member.value.is_empty() {
                return Ok(None);
            }
            at = Some(member.value.range());
        }
    }
    let items: Vec<_> = items.map(|item| String::from_utf8_lossy(item)).collect();
    let items = format!("[{}]", items.join(","));
    Ok(Some(match at {
        Some(range) => Edit { range, text: items },
        None => Edit::first(response, format!("\"output\":{items},")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::Decoder;
    use serde_json::{Value, json};

    fn document(events: &[Value]) -> Option<Value> {
        let mut collector = ResponseCollector::default();
        for event in events {
            let text = format!("event: {}\ndata: {event}\n\n", event["type"].as_str().expect("a type"));
            Decoder::default().push(text.as_bytes(), |event| collector.take(&event)).expect("an event");
        }
        collector.document().map(|document| serde_json::from_slice(&document).expect("JSON"))
    }

    fn done(place: u64, id: &str) -> Value {
        json!({"type": "response.output_item.done", "output_index": place, "item": {"id": id}})
    }

    #[test]
    fn the_last_event_holds_the_response() {
        let response = json!({"id": "resp_1", "object": "response", "output": [{"id": "msg_1", "text": "wörld"}]});
        let events = [done(0, "other"), json!({"type": "response.completed", "response": response})];
        assert_eq!(document(&events), Some(response));
    }

    #[test]
    fn an_output_that_is_left_out_is_made_of_its_items_in_their_places() {
        let whole = json!({"id": "resp_1", "output": [{"id": "rs_1"}, {"id": "msg_1"}], "status": "incomplete"});
        for output in [Some(json!([])), Some(Value::Null), None] {
            let mut response = json!({"id": "resp_1", "status": "incomplete"});
            if let Some(output) = output {
                response["output"] = output;
            }
            let last = json!({"type": "response.incomplete", "response": response});
            assert_eq!(document(&[done(1, "msg_1"), done(0, "rs_1"), last]), Some(whole.clone()));
        }
    }

    #[test]
    fn a_stream_without_its_last_event_is_no_document() {
        assert_eq!(document(&[done(0, "msg_1")]), None);
    }
}
