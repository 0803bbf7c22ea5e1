//! Bedrock's stream and envelope: where bytes are cut does not matter, frames are those of AWS's own crate, and real bodies go in and
//! come back.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64ct::{Base64, Encoding};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use protocol::{
    UpstreamError, UpstreamErrorKind, anthropic,
    bedrock::{
        Call, FRAME_BYTES_MAX, FrameFault, StreamDecoder, StreamEncoder, StreamFault, error_event, exception_frame,
        from_bedrock, to_bedrock,
    },
    sse::Decoder,
};

const WHOLE: &str = include_str!("golden/stream-whole.sse");
const CLAUDE_CODE: &str = include_str!("golden/request-claude-code.json");
/// What Claude Code sends in its Bedrock mode, with texts and tools cut short.
const CLAUDE_CODE_BEDROCK: &str = include_str!("golden/request-claude-code-bedrock.json");
const IMAGE: &str = include_str!("golden/request-sdk-image.json");

/// A frame as AWS's crate writes it.
fn frame(headers: &[(&str, HeaderValue)], payload: &[u8]) -> Vec<u8> {
    let message = Message::new(payload.to_vec());
    let message = headers
        .iter()
        .fold(message, |message, (name, value)| message.add_header(Header::new((*name).to_owned(), value.clone())));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("a small frame");
    bytes
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::String(value.to_owned().into())
}

/// A chunk as Bedrock sends it, with the padding that it adds.
fn chunk(document: &str) -> Vec<u8> {
    let payload = format!(r#"{{"bytes":"{}","p":"abcdefgh"}}"#, Base64::encode_string(document.as_bytes()));
    let headers =
        [(":event-type", text("chunk")), (":content-type", text("application/json")), (":message-type", text("event"))];
    frame(&headers, payload.as_bytes())
}

fn exception(name: &str, payload: &str) -> Vec<u8> {
    let headers = [
        (":exception-type", text(name)),
        (":content-type", text("application/json")),
        (":message-type", text("exception")),
    ];
    frame(&headers, payload.as_bytes())
}

/// The documents of a stream of events, in order.
fn documents(stream: &[u8]) -> Vec<(String, String)> {
    let mut documents = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Decoder::default()
        .push(stream, |event| documents.push((text(event.name), text(event.data))))
        .expect("small events");
    documents
}

/// The golden stream as Bedrock would send it.
fn golden_frames() -> Vec<u8> {
    documents(WHOLE.as_bytes()).iter().flat_map(|(_, document)| chunk(document)).collect()
}

/// The events that the chunks of a stream become, and why it went on no further.
fn decode<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> (Vec<u8>, Option<StreamFault>, bool) {
    let (mut decoder, mut events) = (StreamDecoder::default(), Vec::new());
    let mut fault = None;
    for chunk in chunks {
        fault = decoder.push(chunk, &mut events).err();
    }
    (events, fault, decoder.is_inside_frame())
}

/// The frames of a stream as AWS's crate reads them: message type, event or exception type, payload.
fn read_frames(bytes: &[u8]) -> Vec<(String, String, Bytes)> {
    let (mut decoder, mut buffer, mut frames) = (MessageFrameDecoder::new(), BytesMut::from(bytes), Vec::new());
    while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut buffer).expect("frames") {
        let header = |name: &str| {
            let header = message.headers().iter().find(|header| header.name().as_str() == name);
            let value = header.and_then(|header| header.value().as_string().ok());
            value.map_or_else(String::new, |text| text.as_str().to_owned())
        };
        assert_eq!(header(":content-type"), "application/json");
        let kind = header(":event-type") + &header(":exception-type");
        frames.push((header(":message-type"), kind, message.payload().clone()));
    }
    assert!(buffer.is_empty(), "whole frames");
    frames
}

#[test]
fn a_stream_cut_at_any_byte_becomes_the_provider_s_events() {
    let frames = golden_frames();
    let expected = documents(WHOLE.as_bytes())
        .iter()
        .fold(String::new(), |events, (name, document)| events + &format!("event: {name}\ndata: {document}\n\n"));
    let (events, fault, is_inside) = decode([&frames[..]]);
    assert_eq!((String::from_utf8(events).expect("text"), fault, is_inside), (expected.clone(), None, false));
    for cut in 0..=frames.len() {
        let (first, second) = frames.split_at(cut);
        assert_eq!(decode([first, second]), (expected.clone().into_bytes(), None, false), "cut at {cut}");
    }
    for size in [1, 2, 3, 5, 7, 11, 13, 4096] {
        assert_eq!(decode(frames.chunks(size)).0, expected.as_bytes(), "chunks of {size}");
    }
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_known_to_be_cut() {
    let frame = chunk(r#"{"type":"ping"}"#);
    for length in 0..=frame.len() {
        let (events, fault, is_inside) = decode([&frame[..length]]);
        assert_eq!((fault, is_inside), (None, length > 0 && length < frame.len()), "{length} bytes");
        assert_eq!(events.is_empty(), length < frame.len());
    }
}

#[test]
fn a_byte_that_was_changed_anywhere_is_noticed() {
    let frame = chunk(r#"{"type":"ping"}"#);
    for at in 0..frame.len() {
        let mut changed = frame.clone();
        changed[at] ^= 0x10;
        for size in [1, frame.len()] {
            let (events, fault, _) = decode(changed.chunks(size));
            assert!(events.is_empty(), "byte {at}");
            assert_eq!(fault, Some(StreamFault::Frame(FrameFault::Checksum)), "byte {at} in chunks of {size}");
        }
    }
}

/// A prelude whose checksum fits, whatever its lengths say.
fn prelude(total: u32, headers: u32) -> Vec<u8> {
    let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

#[test]
fn lengths_that_cannot_be_are_refused_before_anything_is_kept() {
    let largest = u32::try_from(FRAME_BYTES_MAX).expect("small");
    for (total, headers, fault) in [
        (0, 0, Some(FrameFault::Lengths)),
        (15, 0, Some(FrameFault::Lengths)),
        (100, 85, Some(FrameFault::Lengths)),
        (100, u32::MAX, Some(FrameFault::Lengths)),
        (largest + 1, 0, Some(FrameFault::TooLarge)),
        (u32::MAX, 0, Some(FrameFault::TooLarge)),
        (largest, 0, None),
        (100, 84, None),
    ] {
        for size in [1, 12] {
            let found = decode(prelude(total, headers).chunks(size)).1;
            assert_eq!(found, fault.map(StreamFault::Frame), "{total} {headers}");
        }
    }
}

#[test]
fn headers_of_all_types_are_stepped_over_and_frames_of_other_types_are_no_events() {
    let all = [
        ("a", HeaderValue::Bool(true)),
        ("b", HeaderValue::Bool(false)),
        ("c", HeaderValue::Byte(1)),
        ("d", HeaderValue::Int16(2)),
        ("e", HeaderValue::Int32(3)),
        ("f", HeaderValue::Int64(4)),
        ("g", HeaderValue::ByteArray(Bytes::from_static(b"chunk"))),
        ("h", HeaderValue::Timestamp(aws_smithy_types::DateTime::from_secs(5))),
        ("i", HeaderValue::Uuid(6)),
        (":event-type", text("chunk")),
    ];
    let stream = [
        frame(&[(":message-type", text("event")), (":event-type", text("metadata"))], b"not looked at"),
        frame(&all, br#"{"p":"x","bytes":"eyJ0eXBlIjoicGluZyJ9"}"#),
        frame(&[], b""),
    ];
    assert_eq!(decode([&stream.concat()[..]]), (b"event: ping\ndata: {\"type\":\"ping\"}\n\n".to_vec(), None, false));
}

#[test]
fn a_chunk_without_a_document_ends_the_stream() {
    let headers = [(":message-type", text("event")), (":event-type", text("chunk"))];
    for payload in ["", "{}", "[]", r#"{"bytes":7}"#, r#"{"bytes":"%%%"}"#, r#"{"bytes":"e30"}"#, r#"{"bytes":"e30="#] {
        let (events, fault, _) = decode([&frame(&headers, payload.as_bytes())[..]]);
        assert_eq!((events.as_slice(), fault), (b"".as_slice(), Some(StreamFault::Chunk)), "{payload}");
    }
}

#[test]
fn documents_of_odd_shape_are_events_that_say_the_same() {
    for (document, event) in [
        (r#"{"a":1}"#, "data: {\"a\":1}\n\n"),
        ("{\r\n\"type\":\"ping\"\n}", "event: ping\ndata: { \ndata: \"type\":\"ping\"\ndata: }\n\n"),
        (r#"{"type":"a\nb"}"#, "data: {\"type\":\"a\\nb\"}\n\n"),
        (r#"{"type":7}"#, "data: {\"type\":7}\n\n"),
        ("no json", "data: no json\n\n"),
        ("", "data: \n\n"),
    ] {
        let (events, fault, _) = decode([&chunk(document)[..]]);
        assert_eq!((String::from_utf8(events).expect("text").as_str(), fault), (event, None), "{document}");
    }
}

#[test]
fn each_exception_ends_the_stream_with_its_kind_and_words() {
    let before = chunk(r#"{"type":"ping"}"#);
    for (name, payload, kind) in [
        ("throttlingException", r#"{"message":"why"}"#, UpstreamErrorKind::RateLimit),
        ("modelStreamErrorException", r#"{"message":"why","originalStatusCode":500}"#, UpstreamErrorKind::Api),
        (
            "modelStreamErrorException",
            r#"{"originalMessage":"why","originalStatusCode":529}"#,
            UpstreamErrorKind::Overloaded,
        ),
        ("modelStreamErrorException", r#"{"message":"why","originalStatusCode":429}"#, UpstreamErrorKind::RateLimit),
        ("validationException", r#"{"message":"why"}"#, UpstreamErrorKind::InvalidRequest),
        ("internalServerException", r#"{"message":"why"}"#, UpstreamErrorKind::Api),
        ("serviceUnavailableException", r#"{"message":"why"}"#, UpstreamErrorKind::Overloaded),
        ("modelTimeoutException", r#"{"message":"why"}"#, UpstreamErrorKind::Timeout),
        ("somethingNewException", r#"{"message":"why"}"#, UpstreamErrorKind::Other),
    ] {
        let stream = [before.clone(), exception(name, payload), chunk(r#"{"type":"message_stop"}"#)].concat();
        let refused = StreamFault::Refused(UpstreamError { kind, message: "why".to_owned(), retry_after: None });
        for size in [1, 16, stream.len()] {
            let (events, fault, _) = decode(stream.chunks(size));
            assert_eq!(events, b"event: ping\ndata: {\"type\":\"ping\"}\n\n", "{name}: nothing behind it");
            assert_eq!(fault.as_ref(), Some(&refused), "{name}");
        }
    }
    let headers = [
        (":message-type", text("error")),
        (":error-code", text("ThrottlingException")),
        (":error-message", text("why")),
    ];
    let error = UpstreamError { kind: UpstreamErrorKind::RateLimit, message: "why".to_owned(), retry_after: None };
    assert_eq!(decode([&frame(&headers, b"")[..]]).1, Some(StreamFault::Refused(error)));
}

#[test]
fn an_exception_as_an_event_is_read_as_the_same_error() {
    let told =
        UpstreamError { kind: UpstreamErrorKind::Overloaded, message: "a \"b\"\nc".to_owned(), retry_after: None };
    let mut reader = anthropic::UsageReader::default();
    let read = |event: protocol::sse::Event<'_>| {
        reader.read(&event);
    };
    Decoder::default().push(&error_event(&told), read).expect("small");
    assert_eq!(reader.ending(), Some(&protocol::Ending::Failed(told)));
}

#[test]
fn events_cut_at_any_byte_become_frames_that_aws_s_crate_reads() {
    let expected: Vec<_> = documents(WHOLE.as_bytes()).into_iter().map(|(_, document)| document).collect();
    let encode = |chunks: &mut dyn Iterator<Item = &[u8]>| {
        let (mut encoder, mut frames) = (StreamEncoder::default(), Vec::new());
        chunks.for_each(|chunk| encoder.push(chunk, &mut frames).expect("small events"));
        frames
    };
    let whole = encode(&mut [WHOLE.as_bytes()].into_iter());
    let read = read_frames(&whole);
    assert_eq!(read.len(), expected.len());
    for ((message, kind, payload), document) in read.iter().zip(&expected) {
        assert_eq!((message.as_str(), kind.as_str()), ("event", "chunk"));
        let payload: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
        let bytes = payload["bytes"].as_str().expect("a text");
        assert_eq!(Base64::decode_vec(bytes).expect("base64"), document.as_bytes());
    }
    for cut in 0..=WHOLE.len() {
        let (first, second) = WHOLE.as_bytes().split_at(cut);
        assert_eq!(encode(&mut [first, second].into_iter()), whole, "cut at {cut}");
    }
    let back = decode([&whole[..]]).0;
    assert_eq!(documents(&back), documents(WHOLE.as_bytes()), "and back");
}

#[test]
fn an_error_event_becomes_an_exception_and_the_last_frame() {
    let stream = "event: ping\ndata: {\"type\":\"ping\"}\n\n: comment\n\nevent: error\n\
         data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n\
         event: ping\ndata: {\"type\":\"ping\"}\n\n";
    let (mut encoder, mut frames) = (StreamEncoder::default(), Vec::new());
    encoder.push(stream.as_bytes(), &mut frames).expect("small events");
    let read = read_frames(&frames);
    let kinds: Vec<_> = read.iter().map(|(message, kind, _)| (message.as_str(), kind.as_str())).collect();
    assert_eq!(kinds, [("event", "chunk"), ("exception", "serviceUnavailableException")]);
    assert_eq!(read[1].2, r#"{"message":"Overloaded"}"#);
    let refusal = read_frames(&exception_frame(UpstreamErrorKind::RateLimit, "slow \"down\""));
    assert_eq!(
        (refusal[0].1.as_str(), &refusal[0].2[..]),
        ("throttlingException", br#"{"message":"slow \"down\""}"#.as_slice())
    );
}

#[test]
fn real_bodies_go_into_the_envelope_and_come_back() {
    for body in [CLAUDE_CODE, IMAGE] {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let scanned = anthropic::scan(&bytes, None).expect("a request");
        let sealed = to_bedrock(&bytes, ["a-2025-01-01,b-2025-01-01"]).expect("an object");
        let copied: usize = sealed.iter().filter(|part| !is_slice_of(part, &bytes)).map(Bytes::len).sum();
        assert!(copied < 256, "{copied} bytes were copied");
        let sealed = Bytes::from(sealed.concat());
        let mut expected: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let members = expected.as_object_mut().expect("an object");
        let stream = members.remove("stream").is_some_and(|stream| stream == true);
        members.remove("model");
        members.insert("anthropic_version".to_owned(), "bedrock-2023-05-31".into());
        members.insert("anthropic_beta".to_owned(), serde_json::json!(["a-2025-01-01", "b-2025-01-01"]));
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&sealed).expect("JSON"), expected);

        let call = if stream { Call::InvokeStream } else { Call::Invoke };
        let opened = from_bedrock(&sealed, &scanned.model, call).expect("an object");
        assert_eq!((opened.version, opened.betas), (None, vec!["a-2025-01-01".to_owned(), "b-2025-01-01".to_owned()]));
        let back = opened.body.concat();
        let (read, original): (serde_json::Value, serde_json::Value) =
            (serde_json::from_slice(&back).expect("JSON"), serde_json::from_str(body).expect("JSON"));
        let without_false = |mut value: serde_json::Value| {
            let members = value.as_object_mut().expect("an object");
            members.retain(|name, value| !(name == "stream" && *value == false));
            value
        };
        assert_eq!(without_false(read), without_false(original));
    }
}

#[test]
fn what_claude_code_sends_to_bedrock_is_a_messages_body_in_an_envelope() {
    let body = Bytes::from_static(CLAUDE_CODE_BEDROCK.as_bytes());
    let opened = from_bedrock(&body, "us.anthropic.claude-opus-5-5", Call::InvokeStream).expect("an object");
    let betas = ["interleaved-thinking-2025-05-14", "tool-search-tool-2025-10-19", "thinking-token-count-2026-05-13"];
    assert_eq!((opened.version, opened.betas), (None, betas.map(str::to_owned).to_vec()));
    let read = anthropic::scan(&opened.body.concat(), None).expect("a request");
    assert_eq!((read.model.as_str(), read.stream), ("us.anthropic.claude-opus-5-5", true));
    // Its headers name betas that its body does not; an account on Bedrock is told of all of them.
    let header = "claude-code-20250219,thinking-token-count-2026-05-13,effort-2025-11-24";
    let sealed = to_bedrock(&body, [header]).expect("an object").concat();
    let sealed: serde_json::Value = serde_json::from_slice(&sealed).expect("JSON");
    let mut expected: serde_json::Value = serde_json::from_str(CLAUDE_CODE_BEDROCK).expect("JSON");
    let list = expected["anthropic_beta"].as_array_mut().expect("an array");
    list.extend(["claude-code-20250219".into(), "effort-2025-11-24".into()]);
    assert_eq!(sealed, expected);
}

#[test]
fn what_the_sdks_send_to_bedrock_names_a_version_of_the_api_or_of_the_envelope() {
    for (body, version) in [
        (r#"{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 256, "messages": []}"#, None),
        (r#"{"max_tokens":256,"messages":[],"anthropic_version":"2026-10-21"}"#, Some("2026-10-21")),
    ] {
        let opened = from_bedrock(&Bytes::from_static(body.as_bytes()), "m", Call::Invoke).expect("an object");
        assert_eq!(opened.version.as_deref(), version, "{body}");
        assert!(opened.betas.is_empty());
    }
}

fn is_slice_of(part: &Bytes, whole: &Bytes) -> bool {
    whole.as_ptr_range().contains(&part.as_ptr())
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_the_same_in_any_chunks(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1_usize..20
    ) {
        let (events, fault, _) = decode([&bytes[..]]);
        let (other_events, other_fault, _) = decode(bytes.chunks(size));
        prop_assert_eq!((events, fault), (other_events, other_fault));
    }

    #[test]
    fn any_document_arrives_as_it_was_sent(document in "[^\r\n]{0,300}", size in 1_usize..50) {
        let frame = chunk(&document);
        let (events, fault, _) = decode(frame.chunks(size));
        prop_assert_eq!(fault, None);
        let read = documents(&events);
        prop_assert_eq!(&read[0].1, &document);
        let (mut encoder, mut frames) = (StreamEncoder::default(), Vec::new());
        encoder.push(&events, &mut frames).expect("small events");
        prop_assert_eq!(decode([&frames[..]]).0, events);
    }

    #[test]
    fn any_object_goes_into_the_envelope_and_comes_back(
        values in proptest::collection::vec(("[a-z_]{1,8}", "[ -~]{0,9}"), 0..6), beta in "[a-z0-9-]{1,9}"
    ) {
        let mut body = serde_json::Map::new();
        body.extend(values.into_iter().filter(|(name, _)| name != "model" && name != "stream").map(|(name, value)| (name, value.into())));
        body.insert("model".to_owned(), "m".into());
        let bytes = Bytes::from(serde_json::to_vec(&body).expect("JSON"));
        let sealed = Bytes::from(to_bedrock(&bytes, [beta.as_str()]).expect("an object").concat());
        let opened = from_bedrock(&sealed, "m", Call::Invoke).expect("an object");
        prop_assert_eq!(serde_json::from_slice::<serde_json::Map<_, _>>(&opened.body.concat()).expect("JSON"), body);
        prop_assert_eq!(opened.betas, [beta]);
    }
}
