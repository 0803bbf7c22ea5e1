//! What is read of the requests of real clients, and of streams as each provider's documentation writes them: the same
//! wherever they are cut, and never whole where they are.

use bytes::Bytes;
use domain::{Dialect, UsageSource};
use protocol::{
    BodyReading, Ending, Meaning, Operation, PathModel, Reading, StreamReader, edited, gemini::array, read_body,
    scan_request, sse,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt::Write as _;

/// One request a line, as a client sent it (long texts and lists are cut), with what stands in it.
const REQUESTS: &str = include_str!("golden/requests.jsonl");

/// What the streams say.
const READINGS: &str = include_str!("golden/streams.txt");

macro_rules! streams {
    ($($dialect:ident $name:literal,)*) => {
        &[$((Dialect::$dialect, $name, include_str!(concat!("golden/streams/", $name, ".sse"))),)*]
    };
}

const STREAMS: &[(Dialect, &str, &str)] = streams! {
    OpenAiChat "chat-text",
    OpenAiChat "chat-tools",
    OpenAiChat "chat-two-choices",
    OpenAiChat "chat-no-done",
    OpenAiChat "chat-azure",
    OpenAiChat "chat-error",
    OpenAiResponses "responses-text",
    OpenAiResponses "responses-tools",
    OpenAiResponses "responses-incomplete",
    OpenAiResponses "responses-failed",
    OpenAiResponses "responses-error",
    Gemini "gemini-text",
    Gemini "gemini-tools",
    Gemini "gemini-length-without-counts",
    Gemini "gemini-blocked",
    Gemini "gemini-error",
    Gemini "gemini-code-assist",
};

#[derive(Deserialize)]
struct Request<'a> {
    from: &'a str,
    operation: &'a str,
    path_model: Option<String>,
    path_stream: bool,
    model: &'a str,
    stream: bool,
    max_tokens: Option<u64>,
    session: Option<&'a str>,
    asks_for_usage: bool,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Request<'_> {
    fn operation(&self) -> Operation {
        match self.operation {
            "messages" => Operation::Messages,
            "countTokens" => Operation::CountTokens,
            "chat" => Operation::ChatCompletions,
            "embeddings" => Operation::Embeddings,
            "responses" => Operation::Responses,
            "generateContent" => Operation::GenerateContent,
            "countContentTokens" => Operation::CountContentTokens,
            other => panic!("{other}"),
        }
    }
}

fn requests() -> impl Iterator<Item = Request<'static>> {
    REQUESTS.lines().map(|line| serde_json::from_str(line).expect("a request"))
}

#[test]
fn every_real_client_s_request_is_read_in_its_dialect() {
    for request in requests() {
        let in_path = request.path_model.clone().map(|model| PathModel { model, stream: request.path_stream });
        let scan = scan_request(request.operation(), request.body.get().as_bytes(), in_path.as_ref());
        let scan = scan.unwrap_or_else(|error| panic!("{} {}: {error}", request.from, request.operation));
        let read = (&*scan.model, scan.stream, scan.max_tokens, scan.session.as_deref(), scan.usage_edit.is_some());
        let expected = (request.model, request.stream, request.max_tokens, request.session, request.asks_for_usage);
        assert_eq!(read, expected, "{} {}", request.from, request.operation);
    }
}

#[test]
fn both_changes_of_a_request_are_made_at_once_and_no_other() {
    for request in requests() {
        let in_path = request.path_model.clone().map(|model| PathModel { model, stream: request.path_stream });
        let body = Bytes::copy_from_slice(request.body.get().as_bytes());
        let scan = scan_request(request.operation(), &body, in_path.as_ref()).expect("a request");
        let edits = scan.model_edit(&body, "mapped \"m\"").into_iter().chain(scan.usage_edit.clone()).collect();
        let changed: serde_json::Value = serde_json::from_slice(&edited(&body, edits).concat()).expect("JSON");
        let mut expected: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        if scan.model_range.is_some() {
            expected["model"] = "mapped \"m\"".into();
        }
        if request.asks_for_usage {
            expected["stream_options"]["include_usage"] = true.into();
        }
        assert_eq!(changed, expected, "{} {}", request.from, request.operation);
    }
}

/// A reader behind a decoder, and what it said of each event.
struct Read {
    reader: StreamReader,
    meanings: Vec<Meaning>,
}

fn read<'c>(dialect: Dialect, chunks: impl IntoIterator<Item = &'c [u8]>) -> Read {
    let (mut decoder, mut read) = (sse::Decoder::default(), Read::new(dialect));
    for chunk in chunks {
        decoder.push(chunk, |event| read.meanings.push(read.reader.read(&event))).expect("small events");
    }
    read
}

impl Read {
    fn new(dialect: Dialect) -> Self {
        Self { reader: StreamReader::new(dialect), meanings: Vec::new() }
    }

    /// All that can be asked.
    fn facts(mut self) -> (Vec<Meaning>, Reading, Option<Ending>, bool, u32, Option<Ending>, Reading) {
        let (reading, ending) = (self.reader.reading(), self.reader.ending().cloned());
        let (seen, garbled) = (self.reader.content_seen(), self.reader.garbled_events());
        let at_the_end = self.reader.end_of_transport().cloned();
        assert_eq!(self.reader.is_terminal(), at_the_end.is_some());
        assert_eq!(self.reader.is_complete(), at_the_end == Some(Ending::Whole));
        (self.meanings, reading, ending, seen, garbled, at_the_end, self.reader.reading())
    }
}

#[test]
fn the_streams_of_the_documentation_are_read() {
    let mut text = String::new();
    for (dialect, name, stream) in STREAMS {
        let (meanings, _, ending, _, garbled, at_the_end, Reading { usage, source, answer }) =
            read(*dialect, [stream.as_bytes()]).facts();
        let said = if ending.is_some() { "in its own words" } else { "by the end of the transport" };
        writeln!(text, "{name}\n  {meanings:?}").expect("a string takes all");
        writeln!(text, "  {at_the_end:?} {said}, {garbled} garbled").expect("a string takes all");
        writeln!(text, "  {source:?} {usage:?}\n  {answer:?}").expect("a string takes all");
    }
    assert_eq!(text, READINGS);
}

#[test]
fn a_stream_is_read_alike_wherever_it_is_cut_into_chunks() {
    for (dialect, name, stream) in STREAMS {
        let whole = read(*dialect, [stream.as_bytes()]).facts();
        for at in 0..=stream.len() {
            let (first, rest) = stream.as_bytes().split_at(at);
            assert_eq!(read(*dialect, [first, rest]).facts(), whole, "{name} at {at}");
        }
        assert_eq!(read(*dialect, stream.as_bytes().chunks(1)).facts(), whole, "{name} byte by byte");
    }
}

#[test]
fn a_stream_that_breaks_off_is_never_whole() {
    for (dialect, name, stream) in STREAMS {
        let whole = read(*dialect, [stream.as_bytes()]);
        let end = whole.meanings.iter().position(|meaning| *meaning == Meaning::End);
        let finish = whole.meanings.iter().position(|meaning| *meaning == Meaning::Finish).or(end);
        for at in 0..stream.len() {
            let mut cut = read(*dialect, [&stream.as_bytes()[..at]]);
            let holds = |last: Option<usize>, cut: &Read| last.is_some_and(|last| cut.meanings.len() > last);
            assert_eq!(cut.reader.is_complete(), holds(end, &cut), "{name} broken at {at}");
            cut.reader.end_of_transport();
            assert_eq!(cut.reader.is_complete(), holds(finish, &cut), "{name} ended at {at}");
            assert!(cut.reader.is_complete() || cut.reader.reading().source != UsageSource::Reported, "{name} at {at}");
        }
    }
}

#[test]
fn nothing_counts_behind_the_end() {
    for (dialect, name, stream) in STREAMS {
        let whole = read(*dialect, [stream.as_bytes()]).facts();
        if whole.2.is_some() {
            let twice = read(*dialect, [stream.as_bytes(), stream.as_bytes()]).facts();
            assert_eq!((twice.1, twice.2, twice.5), (whole.1, whole.2, whole.5), "{name}");
        }
    }
}

#[test]
fn events_that_are_not_known_change_nothing() {
    for (dialect, name, stream) in STREAMS {
        let strange = "event: vendor.hint\ndata: {\"type\":\"vendor.hint\",\"choices\":[],\"x\":{\"y\":[1]}}\n\n";
        let mixed = format!("{strange}{}", stream.replacen("\n\n", &format!("\n\n{strange}"), 2));
        let (plain, mixed) = (read(*dialect, [stream.as_bytes()]).facts(), read(*dialect, [mixed.as_bytes()]).facts());
        assert_eq!((mixed.1, mixed.3, mixed.4, mixed.5), (plain.1, plain.3, plain.4, plain.5), "{name}");
    }
}

#[test]
fn an_event_that_cannot_be_read_is_counted_and_the_stream_goes_on() {
    for (dialect, name, stream) in STREAMS {
        let garbled = format!("data: {{\"type\":\"response.created\",\"response\":{{]\n\n{stream}");
        let (plain, garbled) =
            (read(*dialect, [stream.as_bytes()]).facts(), read(*dialect, [garbled.as_bytes()]).facts());
        assert_eq!(garbled.0.first(), Some(&Meaning::Garbage), "{name}");
        assert_eq!((garbled.1, garbled.4, garbled.5), (plain.1, plain.4 + 1, plain.5), "{name}");
    }
}

#[test]
fn a_responses_stream_without_event_names_is_read_by_its_types() {
    for (dialect, name, stream) in STREAMS.iter().filter(|(dialect, ..)| *dialect == Dialect::OpenAiResponses) {
        let nameless: String = stream.split_inclusive('\n').filter(|line| !line.starts_with("event:")).collect();
        assert_eq!(
            read(*dialect, [nameless.as_bytes()]).facts(),
            read(*dialect, [stream.as_bytes()]).facts(),
            "{name}"
        );
    }
}

/// The chunks of a Gemini stream as the array that it is without `alt=sse`.
fn as_array(stream: &str) -> String {
    let chunks: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    format!("[{}\r\n]", chunks.join("\r\n,\r\n"))
}

fn read_array(stream: &[u8]) -> (Read, bool) {
    let (mut decoder, mut read) = (array::Decoder::default(), Read::new(Dialect::Gemini));
    decoder.push(stream, |event| read.meanings.push(read.reader.read(&event))).expect("an array");
    (read, decoder.is_closed())
}

#[test]
fn a_gemini_stream_is_read_alike_as_events_and_as_an_array() {
    for (dialect, name, stream) in STREAMS.iter().filter(|(dialect, ..)| *dialect == Dialect::Gemini) {
        let array = as_array(stream);
        let (read_whole, is_closed) = read_array(array.as_bytes());
        assert!(is_closed, "{name}");
        let facts = read_whole.facts();
        assert_eq!(facts, read(*dialect, [stream.as_bytes()]).facts(), "{name}");
        for at in 0..array.len() {
            assert!(!read_array(&array.as_bytes()[..at]).1, "{name} is closed at {at}");
        }
        match read_body(Operation::GenerateContent, array.as_bytes()) {
            BodyReading::Answer(reading) => {
                assert_eq!((reading.usage, reading.answer), (facts.6.usage, facts.6.answer));
            }
            BodyReading::Error(error) => assert_eq!(facts.5, Some(Ending::Failed(error)), "{name}"),
            BodyReading::Garbage => panic!("{name}"),
        }
    }
}
