//! Bodies and streams as real clients and the provider write them, and what is read of them.

use bytes::Bytes;
use domain::{Dialect, RequestId, Service, TokenUsage, UsageSource};
use protocol::{
    Answer, BodyReading, Ending, Meaning, Reading, Refusal, Tariff, UpstreamError, UpstreamErrorKind, anthropic,
    edited, keepalive,
    sse::{Decoder, Event},
};
use std::{fmt::Write as _, time::Duration};

const CLAUDE_CODE: &str = include_str!("golden/request-claude-code.json");
const SDK_IMAGE: &str = include_str!("golden/request-sdk-image.json");
const WHOLE: &str = include_str!("golden/stream-whole.sse");
const OVERLOADED: &str = include_str!("golden/stream-overloaded.sse");
const MESSAGE: &str = include_str!("golden/message.json");
const REFUSALS: &str = include_str!("golden/refusals.txt");

fn read(stream: &str) -> (anthropic::UsageReader, Vec<Meaning>) {
    let (mut decoder, mut reader) = (Decoder::default(), anthropic::UsageReader::default());
    let mut meanings = Vec::new();
    decoder.push(stream.as_bytes(), |event| meanings.push(reader.read(&event))).expect("small events");
    (reader, meanings)
}

/// The stream up to the end of its `count`th event.
fn first_events(stream: &str, count: usize) -> &str {
    let end = stream.match_indices("\n\n").nth(count - 1).map_or(stream.len(), |(at, _)| at + 2);
    &stream[..end]
}

fn the_answer(stop_reason: Option<&str>, speed: Option<&str>) -> Answer {
    let text = |text: &str| Some(text.to_owned());
    Answer {
        id: text("msg_01XFDUDYJgAACzvnptvVoYEL"),
        model: text("claude-opus-5-5-20260901"),
        stop_reason: stop_reason.map(str::to_owned),
        tariff: Tariff { service_tier: text("standard"), speed: speed.map(str::to_owned), inference_geo: text("us") },
    }
}

#[test]
fn claude_code_s_request_is_read() {
    let scan = anthropic::scan(CLAUDE_CODE.as_bytes(), None).expect("a request");
    assert_eq!((scan.model.as_str(), scan.stream, scan.max_tokens), ("claude-opus-5-5", true, Some(128_000)));
    let session = scan.end_user.and_then(|user| user.session);
    assert_eq!(session.as_deref(), Some("00000000-0000-4000-8000-000000000001"));
    assert_eq!(&CLAUDE_CODE[scan.model_range.expect("in the body")], "\"claude-opus-5-5\"");
}

#[test]
fn an_sdk_s_request_is_read() {
    let scan = anthropic::scan(SDK_IMAGE.as_bytes(), None).expect("a request");
    assert_eq!((scan.model.as_str(), scan.stream, scan.max_tokens), ("claude-sonnet-4-5-20250929", false, Some(256)));
    assert_eq!((scan.end_user, scan.tariff), (None, Tariff::default()));
}

#[test]
fn a_mapped_model_changes_one_value_and_no_other_byte() {
    for body in [CLAUDE_CODE, SDK_IMAGE] {
        let scan = anthropic::scan(body.as_bytes(), None).expect("a request");
        let edit = scan.model_edit(body.as_bytes(), "glm \"5\"").expect("another name");
        let mapped = edited(&Bytes::from_static(body.as_bytes()), vec![edit]).concat();
        let expected = body.replacen(&format!("\"{}\"", scan.model), r#""glm \"5\"""#, 1);
        assert_eq!(std::str::from_utf8(&mapped), Ok(expected.as_str()));
    }
}

#[test]
fn a_whole_stream_has_the_provider_s_last_numbers() {
    let (reader, meanings) = read(WHOLE);
    let usage = TokenUsage { input: 27, output: 89, cache_write_5m: 200, cache_write_1h: 1000, cache_read: 30_000 };
    let answer = the_answer(Some("tool_use"), Some("fast"));
    assert_eq!(reader.reading(), Reading { usage, source: UsageSource::Reported, answer });
    assert!(reader.is_complete());
    assert_eq!((meanings.first(), meanings.last()), (Some(&Meaning::Aside), Some(&Meaning::End)));
}

#[test]
fn a_stream_cut_before_its_last_numbers_is_estimated() {
    // As written, thinking has 27 bytes (7 tokens), text 40 and 2 (11 tokens), tool input 16 and 6 (6 tokens).
    for (events, output) in [(1, 1), (4, 1 + 7), (7, 1 + 7), (10, 1 + 7 + 11), (15, 1 + 7 + 11 + 6)] {
        let (reader, _) = read(first_events(WHOLE, events));
        let reading = reader.reading();
        assert_eq!((reading.usage.output, reading.source), (output, UsageSource::Estimated), "{events} events");
        assert_eq!((reading.usage.input, reading.usage.cache_read), (25, 30_000));
    }
}

#[test]
fn a_stream_cut_behind_its_last_numbers_is_not_whole() {
    let cut = WHOLE.strip_suffix('\n').expect("the empty line of the terminal event");
    let (reader, _) = read(cut);
    assert!(!reader.is_complete() && !reader.is_terminal());
    assert_eq!(reader.reading().source, UsageSource::Estimated);
    assert_eq!(reader.reading().usage.output, 89);
}

#[test]
fn content_begins_with_the_first_block_and_not_with_the_greeting() {
    let (reader, _) = read(first_events(WHOLE, 1));
    assert!(!reader.content_seen());
    let (reader, meanings) = read(first_events(WHOLE, 2));
    assert!(reader.content_seen());
    assert_eq!(meanings, [Meaning::Aside, Meaning::Content]);
}

#[test]
fn an_error_event_ends_the_stream_with_its_kind() {
    let (reader, meanings) = read(OVERLOADED);
    let error =
        UpstreamError { kind: UpstreamErrorKind::Overloaded, message: "Overloaded".to_owned(), retry_after: None };
    assert_eq!(reader.ending(), Some(&Ending::Failed(error)));
    assert_eq!(meanings.last(), Some(&Meaning::Failure));
    let reading = reader.reading();
    assert_eq!((reading.usage.output, reading.source), (1 + 2, UsageSource::Estimated));
}

#[test]
fn the_terminal_event_says_where_it_begins() {
    for (stream, terminal) in [(WHOLE, "event: message_stop"), (OVERLOADED, "event: error")] {
        let mut last = 0;
        Decoder::default().push(stream.as_bytes(), |event| last = event.start).expect("small events");
        assert_eq!(usize::try_from(last).ok(), stream.find(terminal));
    }
}

#[test]
fn a_stream_without_event_names_is_read_by_its_types() {
    let nameless: String =
        WHOLE.lines().filter(|line| !line.starts_with("event:")).fold(String::new(), |all, line| all + line + "\n");
    assert_eq!(read(&nameless).0.reading(), read(WHOLE).0.reading());
    assert!(read(&nameless).0.is_complete());
}

#[test]
fn garbage_is_said_to_be_garbage_and_the_stream_goes_on() {
    let garbled = WHOLE.replacen("\"usage\":{\"input_tokens\":27", "\"usage\":{\"input_tokens\"27", 1);
    let (reader, meanings) = read(&garbled);
    assert_eq!(meanings.iter().filter(|meaning| **meaning == Meaning::Garbage).count(), 1);
    assert_eq!((reader.garbled_events(), reader.is_complete()), (1, true));
    assert_eq!(reader.reading().usage.output, 15, "the numbers before it");
}

#[test]
fn events_that_are_not_known_change_nothing() {
    let strange = "event: message_hint\ndata: not json\n\ndata: [1]\n\nevent: vendor\ndata: {}\n\n";
    let (reader, meanings) = read(&format!("{strange}{WHOLE}{strange}"));
    assert_eq!(reader.reading(), read(WHOLE).0.reading());
    assert_eq!(meanings[..3], [Meaning::Aside; 3]);
    assert_eq!(reader.garbled_events(), 0);
}

#[test]
fn a_whole_answer_whose_output_nobody_counted_is_estimated() {
    let uncounted: String = WHOLE.split_inclusive("\n\n").filter(|event| !event.contains("message_delta")).collect();
    let reading = read(&uncounted).0.reading();
    assert_eq!((reading.usage.output, reading.source), (1 + 7 + 11 + 6, UsageSource::Estimated));
}

#[test]
fn a_stream_that_said_nothing_used_nothing() {
    let reading = read("event: ping\ndata: {\"type\": \"ping\"}\n\n").0.reading();
    assert_eq!((reading.usage, reading.source), (TokenUsage::ZERO, UsageSource::None));
}

#[test]
fn a_whole_body_is_read_as_a_stream_is() {
    let usage = TokenUsage { input: 25, output: 42, cache_write_5m: 200, cache_write_1h: 1000, cache_read: 30_000 };
    let answer = the_answer(Some("end_turn"), None);
    let expected = Reading { usage, source: UsageSource::Reported, answer };
    assert_eq!(anthropic::read_body(MESSAGE.as_bytes()), BodyReading::Answer(expected));
}

fn every_refusal() -> Vec<Refusal> {
    let retry_after = Duration::from_millis(1500);
    vec![
        Refusal::InvalidRequest("model: Field \"required\"".to_owned()),
        Refusal::UnknownKey,
        Refusal::KeyDisabled,
        Refusal::KeyExpired,
        Refusal::NotPermitted(Service::Claude),
        Refusal::ClientNotAllowed,
        Refusal::ModelNotAllowed("claude-opus-5-5".to_owned()),
        Refusal::NotFound,
        Refusal::MethodNotAllowed { allow: "POST" },
        Refusal::TooLarge { limit_bytes: 104_857_600 },
        Refusal::UnsupportedEncoding,
        Refusal::RequestTimeout,
        Refusal::TooManyGuesses { retry_after: Duration::from_secs(10) },
        Refusal::RateLimited { retry_after: Duration::from_secs(3600) },
        Refusal::NoAccount { reasons: String::new(), retry_after: None },
        Refusal::NoAccount { reasons: "2 cooling down (rate_limit)".to_owned(), retry_after: Some(retry_after) },
        Refusal::Overloaded { retry_after: Duration::ZERO },
        Refusal::Busy { retry_after },
        Refusal::UpstreamFailed,
        Refusal::UpstreamTimeout,
        Refusal::Internal,
    ]
}

#[test]
fn every_refusal_has_its_status_headers_and_body_in_every_dialect() {
    let id = RequestId::parse("req-1").expect("an id");
    let mut text = String::new();
    for dialect in Dialect::ALL {
        for refusal in every_refusal() {
            let rendered = refusal.render(*dialect, &id);
            let headers: Vec<String> =
                rendered.headers[1..].iter().map(|(name, value)| format!(" {name}={value}")).collect();
            let body = std::str::from_utf8(&rendered.body).expect("UTF-8");
            writeln!(text, "{dialect} {}{} {body}", rendered.status, headers.concat()).expect("a string takes all");
        }
    }
    assert_eq!(text, REFUSALS);
}

#[test]
fn a_refusal_in_a_stream_is_one_event_with_json() {
    let id = RequestId::parse("req-1").expect("an id");
    for (dialect, name) in [
        (Dialect::Anthropic, "error"),
        (Dialect::OpenAiChat, ""),
        (Dialect::OpenAiResponses, "error"),
        (Dialect::Gemini, ""),
    ] {
        let mut names = Vec::new();
        let text = Refusal::UpstreamFailed.render_event(dialect, &id);
        let on_event = |event: Event<'_>| {
            let json: serde_json::Value = serde_json::from_slice(event.data).expect("JSON");
            assert!(json.to_string().contains("req-1"), "{json}");
            names.push(String::from_utf8_lossy(event.name).into_owned());
        };
        Decoder::default().push(&text, on_event).expect("a small event");
        assert_eq!(names, [name], "{dialect}");
    }
}

#[test]
fn our_own_error_event_reads_as_a_failure_of_its_kind() {
    let id = RequestId::parse("req-1").expect("an id");
    let event = Refusal::Overloaded { retry_after: Duration::ZERO }.render_event(Dialect::Anthropic, &id);
    let (reader, _) = read(std::str::from_utf8(&event).expect("UTF-8"));
    let Some(Ending::Failed(error)) = reader.ending() else { panic!("a failure") };
    assert_eq!(error.kind, UpstreamErrorKind::Overloaded);
}

#[test]
fn a_keep_alive_is_complete_and_says_nothing() {
    for dialect in Dialect::ALL {
        let mut decoder = Decoder::default();
        let mut reader = anthropic::UsageReader::default();
        decoder.push(keepalive(*dialect), |event| assert_eq!(reader.read(&event), Meaning::Aside)).expect("small");
        assert_eq!(decoder.open_start(), decoder.position(), "{dialect}");
    }
}
