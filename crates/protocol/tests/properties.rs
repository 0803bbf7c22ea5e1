//! What holds for every input: where chunks are cut does not matter, a scan reads what a whole parser reads, and
//! nothing panics.

use bytes::Bytes;
use domain::Dialect;
use proptest::prelude::*;
use protocol::{
    BodyReading, EndUser, Operation, PathModel, Reading, StreamReader, anthropic, edited, gemini, read_body,
    scan_request,
    sse::{Decoder, EVENT_BYTES_MAX, Event, EventTooLarge},
};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

const WHOLE: &str = include_str!("golden/stream-whole.sse");

/// Name, data and start of each event.
type Events = Vec<(Vec<u8>, Vec<u8>, u64)>;

fn decode<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> Events {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for chunk in chunks {
        let on_event = |event: Event<'_>| {
            events.push((event.name.to_vec(), event.data.to_vec(), event.start));
        };
        decoder.push(chunk, on_event).expect("small events");
        assert!(decoder.open_start() <= decoder.position());
    }
    events
}

fn reading<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> Reading {
    let (mut decoder, mut reader) = (Decoder::default(), anthropic::UsageReader::default());
    for chunk in chunks {
        decoder
            .push(chunk, |event| {
                reader.read(&event);
            })
            .expect("small events");
    }
    reader.reading()
}

/// The stream with each of the line ends that the standard allows, and with a byte order mark.
fn spellings() -> Vec<Vec<u8>> {
    let marked = format!("\u{feff}{WHOLE}").into_bytes();
    let mixed = WHOLE.replacen("\n\n", "\r\n\n", 3).replacen("\n\n", "\r\r", 2);
    let ends = [WHOLE.replace('\n', "\r\n"), WHOLE.replace('\n', "\r"), WHOLE.to_owned(), mixed];
    ends.into_iter().map(String::into_bytes).chain([marked]).collect()
}

#[test]
fn a_stream_cut_at_any_byte_has_the_same_events() {
    for stream in spellings() {
        let whole = decode([&stream[..]]);
        for cut in 0..=stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(decode([first, second]), whole, "cut at {cut}");
        }
        assert_eq!(decode(stream.chunks(1)), whole, "byte by byte");
    }
}

#[test]
fn every_spelling_of_line_ends_has_the_same_events_and_the_same_usage() {
    let names_and_data = |events: Events| events.into_iter().map(|(name, data, _)| (name, data)).collect::<Vec<_>>();
    let expected = names_and_data(decode([WHOLE.as_bytes()]));
    assert_eq!(expected.len(), 17);
    for stream in spellings() {
        assert_eq!(names_and_data(decode([&stream[..]])), expected);
        assert_eq!(reading(stream.chunks(7)), reading([WHOLE.as_bytes()]));
    }
}

#[test]
fn events_are_read_as_the_standard_says() {
    for (stream, expected) in [
        ("data: YHOO\ndata: +2\ndata: 10\n\n", vec![("", "YHOO\n+2\n10")]),
        (
            ": test\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\n",
            vec![("", "first"), ("", "second"), ("", " third")],
        ),
        ("data\n\ndata\ndata\n\ndata:", vec![("", ""), ("", "\n")]),
        ("event: a\n\ndata: x\n\n", vec![("", "x")]),
        ("event: a\nevent: b\ndata: x\ndatax: y\n data: z\n\n", vec![("b", "x")]),
        ("\n\n\r\rdata: x\r\r\n\ndata: y\n\n", vec![("", "x"), ("", "y")]),
        ("data: cut off\n", vec![]),
        ("", vec![]),
    ] {
        let events = decode([stream.as_bytes()]);
        let found: Vec<(&str, &str)> = events
            .iter()
            .map(|(name, data, _)| {
                (std::str::from_utf8(name).expect("UTF-8"), std::str::from_utf8(data).expect("UTF-8"))
            })
            .collect();
        assert_eq!(found, expected, "{stream:?}");
    }
}

#[test]
fn the_open_event_begins_where_the_last_one_ended() {
    let mut decoder = Decoder::default();
    for (chunk, open_start, position) in
        [("data: a\n\r", 9, 9), ("\n\r", 11, 11), ("\nevent: x", 12, 20), ("\ndata: b\n\n", 30, 30), ("", 30, 30)]
    {
        decoder.push(chunk.as_bytes(), |_| ()).expect("small events");
        assert_eq!((decoder.open_start(), decoder.position()), (open_start, position), "{chunk:?}");
    }
}

#[test]
fn an_event_over_the_bound_is_refused_however_it_is_cut() {
    for (excess, expected) in [(0, Ok(())), (1, Err(EventTooLarge))] {
        let event = [b"data:".as_slice(), &vec![b'x'; EVENT_BYTES_MAX - 7 + excess], b"\n\n"].concat();
        for chunk_bytes in [event.len(), 1 << 20] {
            let mut decoder = Decoder::default();
            let mut events = 0;
            let pushed = event.chunks(chunk_bytes).try_for_each(|chunk| decoder.push(chunk, |_| events += 1));
            assert_eq!((pushed, events), (expected, usize::from(expected.is_ok())), "chunks of {chunk_bytes}");
            assert_eq!(decoder.push(b"\n", |_| ()), expected, "and stays so");
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~äß東\u{1f326}\\\\\"\n\t\u{1}]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-z\\\\\"}\\]]{0,6}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A request whose routing fields stand among others, in any order.
fn any_request() -> impl Strategy<Value = Map<String, Value>> {
    let others = prop::collection::btree_map("[a-z_\\\\\"]{1,8}", any_json(), 0..8);
    let model = "[ -~é\\\\\"\n]{1,30}";
    (others, model, any::<Option<bool>>(), any::<Option<u32>>(), any_json()).prop_map(
        |(others, model, stream, max_tokens, messages)| {
            let mut request: Map<String, Value> = others.into_iter().collect();
            for (key, value) in [
                ("model", json!(model)),
                ("stream", json!(stream)),
                ("max_tokens", json!(max_tokens)),
                ("messages", messages),
                ("metadata", json!({"user_id": model})),
            ] {
                request.insert(key.to_owned(), value);
            }
            request
        },
    )
}

/// Every letter of every string escaped, which changes no document.
fn escape_letters(json: &str) -> String {
    let mut in_escape = false;
    let mut in_string = false;
    let mut text = String::new();
    for letter in json.chars() {
        if in_string && !in_escape && letter.is_ascii_alphabetic() {
            write!(text, "\\u{:04x}", u32::from(letter)).expect("a string takes all");
        } else {
            text.push(letter);
        }
        if letter == '"' && !in_escape {
            in_string = !in_string;
        }
        in_escape = letter == '\\' && !in_escape;
    }
    text
}

/// Whatever the bytes are, as a request, a document, an event or an array: nothing panics, no count passes the bound.
fn read_in_every_dialect(bytes: &[u8]) {
    let path = PathModel { model: "m".to_owned(), stream: true };
    for operation in Dialect::ALL.iter().map(|dialect| Operation::answer_in(*dialect)).chain([Operation::Embeddings]) {
        for in_path in [None, Some(&path)] {
            drop(scan_request(operation, bytes, in_path));
        }
        drop(read_body(operation, bytes));
        let mut reader = StreamReader::new(operation.dialect());
        for name in [&b""[..], b"response.completed", b"response.output_text.delta", b"error"] {
            reader.read(&Event { name, data: bytes, start: 0 });
        }
        reader.end_of_transport();
        assert!(reader.reading().usage.total() < 10 * protocol::TOKENS_MAX);
    }
    let mut whole = Vec::new();
    let in_one =
        gemini::array::Decoder::default().push(bytes, |element| whole.push((element.data.to_vec(), element.start)));
    let (mut decoder, mut pieces) = (gemini::array::Decoder::default(), Vec::new());
    let in_many = bytes
        .chunks(1)
        .try_for_each(|chunk| decoder.push(chunk, |element| pieces.push((element.data.to_vec(), element.start))));
    assert_eq!((whole, in_one), (pieces, in_many));
}

proptest! {
    #[test]
    fn a_scan_reads_what_a_whole_parser_reads(request in any_request(), pretty: bool, escaped: bool) {
        let text = if pretty { serde_json::to_string_pretty(&request) } else { serde_json::to_string(&request) };
        let text = text.expect("JSON");
        let text = if escaped { escape_letters(&text) } else { text };
        let whole: Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(whole.get("model"), request.get("model"));
        let scan = anthropic::scan(text.as_bytes(), None).expect("a request");
        prop_assert_eq!(Some(scan.model.as_str()), request["model"].as_str());
        prop_assert_eq!(scan.stream, request["stream"].as_bool().unwrap_or(false));
        prop_assert_eq!(scan.max_tokens, request["max_tokens"].as_u64().map(|tokens| tokens.min(protocol::TOKENS_MAX)));
        prop_assert_eq!(scan.end_user.map(|user| user.id), Some(scan.model));
    }

    #[test]
    fn a_replaced_model_reads_back_and_the_rest_is_unchanged(request in any_request(), model in "[ -~é\\\\\"\n]{1,30}") {
        let body = Bytes::from(serde_json::to_vec(&request).expect("JSON"));
        let scan = anthropic::scan(&body, None).expect("a request");
        let mapped = edited(&body, scan.model_edit(&body, &model).into_iter().collect()).concat();
        let mut expected = request;
        expected.insert("model".to_owned(), json!(model));
        let expected = serde_json::to_vec(&expected).expect("JSON");
        prop_assert_eq!(&mapped[..], &expected[..]);
        prop_assert_eq!(anthropic::scan(&mapped, None).expect("a request").model, model);
    }

    #[test]
    fn a_request_cut_anywhere_is_refused(request in any_request(), cut in any::<prop::sample::Index>()) {
        let body = serde_json::to_vec(&request).expect("JSON");
        prop_assert!(anthropic::scan(&body[..cut.index(body.len())], None).is_err());
    }

    #[test]
    fn events_survive_any_cuts(cuts in prop::collection::vec(0..WHOLE.len(), 0..12)) {
        let mut cuts = cuts;
        cuts.extend([0, WHOLE.len()]);
        cuts.sort_unstable();
        let chunks = || cuts.windows(2).map(|pair| &WHOLE.as_bytes()[pair[0]..pair[1]]);
        prop_assert_eq!(decode(chunks()), decode([WHOLE.as_bytes()]));
        prop_assert_eq!(reading(chunks()), reading([WHOLE.as_bytes()]));
    }

    #[test]
    fn random_line_ends_and_fields_decode_alike_in_one_piece_and_byte_by_byte(
        stream in "(\r|\n|\r\n|:|data|data:|event:|x|é| |\u{feff}){0,60}",
    ) {
        prop_assert_eq!(decode(stream.as_bytes().chunks(1)), decode([stream.as_bytes()]));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(anthropic::scan(&bytes, None));
        drop(anthropic::read_body(&bytes));
        drop(reading([&bytes[..]]));
        drop(EndUser::parse(&String::from_utf8_lossy(&bytes)));
        read_in_every_dialect(&bytes);
    }

    #[test]
    fn broken_json_never_panics(
        text in r#"[{}\[\]",:\\ 0-9eE.+-]{0,60}|(\[?\{"(model|usage|error|metadata|delta|choices|response|candidates|content|parts|details|stream_options|request)":\[?){1,4}[{}\[\]",:\\0-9-]{0,40}"#,
    ) {
        read_in_every_dialect(text.as_bytes());
        drop(anthropic::scan(text.as_bytes(), None));
        drop(anthropic::read_body(text.as_bytes()));
        for name in ["message_start", "message_delta", "content_block_delta", "error", ""] {
            drop(reading([format!("event: {name}\ndata: {text}\n\n").as_bytes()]));
        }
    }

    #[test]
    fn a_stream_with_one_byte_changed_never_panics_and_never_counts_past_the_bound(
        at in 0..WHOLE.len(), byte: u8,
    ) {
        let mut stream = WHOLE.as_bytes().to_vec();
        stream[at] = byte;
        prop_assert!(reading([&stream[..]]).usage.total() < 10 * protocol::TOKENS_MAX);
    }

    #[test]
    fn what_is_no_object_is_never_an_answer(value in any_json().prop_filter("no object", |value| !value.is_object())) {
        let text = value.to_string();
        prop_assert_eq!(anthropic::read_body(text.as_bytes()), BodyReading::Garbage);
        prop_assert!(anthropic::scan(text.as_bytes(), None).is_err());
    }
}
