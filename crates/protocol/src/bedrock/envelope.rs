//! A Messages body in Bedrock's envelope and back: `model` and `stream` stand in the path, the version and the betas in the body.
//!
//! By edits on the bytes: what stays is not copied, not parsed, and stays as it was written.

use crate::{
    bedrock::Call,
    scan::ScanError,
    skim::{Member, Members, Value},
};
use bytes::Bytes;
use std::ops::Range;

/// The version of the envelope, the one that there is.
pub const VERSION: &str = "bedrock-2023-05-31";

/// Versions with this beginning are of the envelope; others, which some clients write, are of the Messages API.
const VERSION_PREFIX: &str = "bedrock-";

const VERSION_FIELD: &str = "anthropic_version";
const BETA_FIELD: &str = "anthropic_beta";

/// Longest version that is read, in bytes as written; those in use have 18.
const VERSION_BYTES_MAX: usize = 64;

/// Longest list of betas in a body, in bytes as written; Claude Code's has about 300.
const BETAS_BYTES_MAX: usize = 16 << 10;

/// A Messages body that came in Bedrock's envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The body in parts to be sent one after the other, with `model` and `stream`, without version and betas.
    pub body: Vec<Bytes>,
    /// The version of the Messages API that the client names, if it names one: what belongs into `anthropic-version`.
    pub version: Option<String>,
    /// What belongs into `anthropic-beta`.
    pub betas: Vec<String>,
}

/// Puts a Messages `body` into the envelope: `model` and `stream` are taken out, the version put in unless there is one, and of `betas`,
/// the values of `anthropic-beta` headers (each may list several), those are put to `anthropic_beta` that are not in it.
///
/// The parts are to be sent one after the other.
///
/// # Errors
///
/// When the body is no JSON object, has a field of the envelope twice, or betas that are no array of texts.
pub fn to_bedrock<'b>(body: &Bytes, betas: impl IntoIterator<Item = &'b str>) -> Result<Vec<Bytes>, ScanError> {
    let fields = Fields::read(body)?;
    let written = fields.betas(body)?.unwrap_or_default();
    let added = missing(betas, &written);
    let mut edits = vec![Edit::TakeOut(Field::Model), Edit::TakeOut(Field::Stream)];
    if fields.version.is_none() {
        edits.push(Edit::Add(VERSION_FIELD, VERSION.into()));
    }
    match &fields.betas {
        _ if added.is_empty() => {}
        Some(list) if !list.is_null() => {
            // Between its last element and its closing bracket.
            let comma = if written.is_empty() { "" } else { "," };
            let texts = added.into_iter().map(|beta| serde_json::Value::from(beta).to_string()).collect::<Vec<_>>();
            edits.push(Edit::Insert(list.range().end - 1, format!("{comma}{}", texts.join(","))));
        }
        _ => edits.extend([Edit::TakeOut(Field::Betas), Edit::Add(BETA_FIELD, added.into())]),
    }
    Ok(fields.apply(body, edits))
}

/// Takes a Messages body out of the envelope: `model` and `stream` are what the path says, version and betas go into headers.
///
/// # Errors
///
/// When the body is no JSON object, has a field of the envelope twice, a version that is no text, or betas that are no array of texts.
pub fn from_bedrock(body: &Bytes, model: &str, call: Call) -> Result<Opened, ScanError> {
    let fields = Fields::read(body)?;
    let unfit = ScanError::Unfit { field: VERSION_FIELD, expected: "a short string" };
    let version = fields.version.map(|value| value.short_text(VERSION_BYTES_MAX).ok_or(unfit)).transpose()?;
    let betas = fields.betas(body)?.unwrap_or_default();
    let taken = [Field::Model, Field::Stream, Field::Version, Field::Betas];
    let mut edits: Vec<_> = taken.into_iter().map(Edit::TakeOut).collect();
    edits.push(Edit::Add("model", model.into()));
    match call {
        Call::Invoke => {}
        Call::InvokeStream => edits.push(Edit::Add("stream", true.into())),
    }
    let version = version.filter(|version| !version.starts_with(VERSION_PREFIX));
    Ok(Opened { body: fields.apply(body, edits), version, betas })
}

/// What the headers ask for that is not `written`, each once.
fn missing<'b>(headers: impl IntoIterator<Item = &'b str>, written: &[String]) -> Vec<&'b str> {
    let mut missing = Vec::new();
    let asked = headers.into_iter().flat_map(|header| header.split(',')).map(str::trim);
    for beta in asked.filter(|beta| !beta.is_empty()) {
        if !missing.contains(&beta) && written.iter().all(|known| known != beta) {
            missing.push(beta);
        }
    }
    missing
}

/// What a top-level member is to the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Model,
    Stream,
    Version,
    Betas,
    Other,
}

/// A change of the body.
enum Edit {
    TakeOut(Field),
    /// Puts a text at this offset.
    Insert(usize, String),
    /// Adds a member behind the last.
    Add(&'static str, serde_json::Value),
}

/// The members of a body, as far as the envelope is about them.
struct Fields<'a> {
    /// Members in order, each from its key to the end of its value; neighbours of no concern are one. Nine at most: no field of
    /// the envelope is there twice.
    runs: Vec<(Field, Range<usize>)>,
    version: Option<Value<'a>>,
    betas: Option<Value<'a>>,
}

impl<'a> Fields<'a> {
    fn read(body: &'a [u8]) -> Result<Self, ScanError> {
        let mut fields = Self { runs: Vec::new(), version: None, betas: None };
        for member in Members::of(body) {
            let Member { key, start, value } = member?;
            let (field, name) = match &*key {
                b"model" => (Field::Model, "model"),
                b"stream" => (Field::Stream, "stream"),
                b"anthropic_version" => (Field::Version, VERSION_FIELD),
                b"anthropic_beta" => (Field::Betas, BETA_FIELD),
                _ => (Field::Other, ""),
            };
            let end = value.range().end;
            if field != Field::Other && fields.runs.iter().any(|(before, _)| *before == field) {
                return Err(ScanError::Repeated { field: name });
            }
            match fields.runs.last_mut() {
                Some((Field::Other, run)) if field == Field::Other => run.end = end,
                _ => fields.runs.push((field, start..end)),
            }
            match field {
                Field::Version => fields.version = Some(value),
                Field::Betas => fields.betas = Some(value),
                Field::Model | Field::Stream | Field::Other => {}
            }
        }
        Ok(fields)
    }

    /// The texts of `anthropic_beta`; none where it is not there, or `null`.
    fn betas(&self, body: &[u8]) -> Result<Option<Vec<String>>, ScanError> {
        let Some(written) = self.betas.filter(|value| !value.is_null()) else { return Ok(None) };
        let unfit = ScanError::Unfit { field: BETA_FIELD, expected: "an array of strings" };
        if written.written_bytes() > BETAS_BYTES_MAX {
            return Err(unfit);
        }
        serde_json::from_slice(&body[written.range()]).map(Some).map_err(|_| unfit)
    }

    fn apply(&self, body: &Bytes, edits: Vec<Edit>) -> Vec<Bytes> {
        let is_taken = |field: Field| edits.iter().any(|edit| matches!(edit, Edit::TakeOut(taken) if *taken == field));
        let insertion = edits.iter().find_map(|edit| match edit {
            Edit::Insert(at, text) => Some((*at, text)),
            Edit::TakeOut(_) | Edit::Add(..) => None,
        });
        let mut parts = vec![Bytes::from_static(b"{")];
        for (_, run) in self.runs.iter().filter(|(field, _)| !is_taken(*field)) {
            if parts.len() > 1 {
                parts.push(Bytes::from_static(b","));
            }
            match insertion.filter(|(at, _)| run.contains(at)) {
                None => parts.push(body.slice(run.clone())),
                Some((at, text)) => {
                    let inserted = Bytes::copy_from_slice(text.as_bytes());
                    parts.extend([body.slice(run.start..at), inserted, body.slice(at..run.end)]);
                }
            }
        }
        let mut tail = Vec::new();
        for edit in edits {
            if let Edit::Add(name, value) = edit {
                let comma = if parts.len() > 1 || !tail.is_empty() { "," } else { "" };
                tail.extend_from_slice(format!("{comma}\"{name}\":{value}").as_bytes());
            }
        }
        tail.push(b'}');
        parts.push(tail.into());
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(parts: &[Bytes]) -> String {
        String::from_utf8(parts.concat()).expect("text")
    }

    fn sealed(body: &str, betas: &[&str]) -> String {
        let parts = to_bedrock(&Bytes::copy_from_slice(body.as_bytes()), betas.iter().copied());
        joined(&parts.expect("an object"))
    }

    fn opened(body: &str, call: Call) -> (String, Option<String>, Vec<String>) {
        let opened = from_bedrock(&Bytes::copy_from_slice(body.as_bytes()), "m\"1", call).expect("an object");
        (joined(&opened.body), opened.version, opened.betas)
    }

    #[test]
    fn model_and_stream_go_and_the_rest_stays_as_it_was_written() {
        let version = r#""anthropic_version":"bedrock-2023-05-31""#;
        for (body, expected) in [
            ("{}", format!("{{{version}}}")),
            (r#"{"model":"m"}"#, format!("{{{version}}}")),
            (r#" { "model" : "m" , "stream" : true } "#, format!("{{{version}}}")),
            (r#"{"model":"m","a": 1.0 , "b":[]}"#, format!(r#"{{"a": 1.0 , "b":[],{version}}}"#)),
            (r#"{"a":1,"model":"m","b":2,"stream":false,"c":3}"#, format!(r#"{{"a":1,"b":2,"c":3,{version}}}"#)),
            (
                r#"{"a":{"model":"m","stream":1},"stream":true}"#,
                format!(r#"{{"a":{{"model":"m","stream":1}},{version}}}"#),
            ),
            (
                r#"{"anthropic_version":"2026-10-21","mod\u0065l":"m"}"#,
                r#"{"anthropic_version":"2026-10-21"}"#.to_owned(),
            ),
        ] {
            assert_eq!(sealed(body, &[]), expected, "{body}");
        }
    }

    #[test]
    fn betas_of_headers_are_put_to_those_of_the_body_each_once() {
        let version = r#""anthropic_version":"bedrock-2023-05-31""#;
        for (body, betas, expected) in [
            ("{}", vec!["a, b,,a", "c"], format!(r#"{{{version},"anthropic_beta":["a","b","c"]}}"#)),
            ("{}", vec!["", " , "], format!("{{{version}}}")),
            (
                r#"{"anthropic_beta":[ "a" ],"x":1}"#,
                vec!["a"],
                format!(r#"{{"anthropic_beta":[ "a" ],"x":1,{version}}}"#),
            ),
            (
                r#"{"y":0,"anthropic_beta":[ "a" ],"x":1}"#,
                vec!["b,a"],
                format!(r#"{{"y":0,"anthropic_beta":[ "a" ,"b"],"x":1,{version}}}"#),
            ),
            (r#"{"anthropic_beta":[]}"#, vec!["b,c"], format!(r#"{{"anthropic_beta":["b","c"],{version}}}"#)),
            (r#"{"anthropic_beta":null}"#, vec!["b"], format!(r#"{{{version},"anthropic_beta":["b"]}}"#)),
            (r#"{"anthropic_beta":null}"#, vec![], format!(r#"{{"anthropic_beta":null,{version}}}"#)),
            ("{}", vec!["a\"b"], format!(r#"{{{version},"anthropic_beta":["a\"b"]}}"#)),
        ] {
            assert_eq!(sealed(body, &betas), expected, "{body} {betas:?}");
        }
    }

    #[test]
    fn the_way_back_puts_in_what_the_path_says() {
        let none = (None, Vec::new());
        for (body, call, expected, (version, betas)) in [
            ("{}", Call::Invoke, r#"{"model":"m\"1"}"#, none.clone()),
            (r#"{"a":1}"#, Call::InvokeStream, r#"{"a":1,"model":"m\"1","stream":true}"#, none.clone()),
            (r#"{"model":"x","a":1,"stream":true}"#, Call::Invoke, r#"{"a":1,"model":"m\"1"}"#, none.clone()),
            (
                r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b"],"a":1}"#,
                Call::Invoke,
                r#"{"a":1,"model":"m\"1"}"#,
                (None, vec!["a".to_owned(), "b".to_owned()]),
            ),
            (
                r#"{"a":1,"anthropic_version":"2026-10-21","anthropic_beta":null}"#,
                Call::Invoke,
                r#"{"a":1,"model":"m\"1"}"#,
                (Some("2026-10-21".to_owned()), Vec::new()),
            ),
        ] {
            assert_eq!(opened(body, call), (expected.to_owned(), version, betas), "{body}");
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let long = format!(r#"{{"anthropic_beta":["{}"]}}"#, "x".repeat(BETAS_BYTES_MAX));
        for (body, error) in [
            (r#"{"model":"a","model":"b"}"#, "model: given more than once"),
            (r#"{"stream":true,"x":1,"stream":true}"#, "stream: given more than once"),
            (r#"{"anthropic_beta":[],"anthropic_beta":[]}"#, "anthropic_beta: given more than once"),
            (r#"{"anthropic_beta":"a"}"#, "anthropic_beta: an array of strings expected"),
            (r#"{"anthropic_beta":[1]}"#, "anthropic_beta: an array of strings expected"),
            (&long, "anthropic_beta: an array of strings expected"),
            ("[]", "The request body is not valid JSON: an object expected at byte 0."),
            (r#"{"a":1"#, "The request body is not valid JSON: `,` or `}` expected at byte 6."),
        ] {
            let body = Bytes::copy_from_slice(body.as_bytes());
            let told = [
                to_bedrock(&body, ["b"]).map(drop).expect_err("no envelope"),
                from_bedrock(&body, "m", Call::Invoke).map(drop).expect_err("no envelope"),
            ];
            assert_eq!(told.map(|error| error.to_string()), [error, error]);
        }
        let body = Bytes::from_static(br#"{"anthropic_version":1}"#);
        assert!(from_bedrock(&body, "m", Call::Invoke).is_err());
    }
}
