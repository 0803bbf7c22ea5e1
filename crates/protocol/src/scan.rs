//! What routing reads of a request body, and the changes that are made to it. The document is never built.

use crate::{
    skim::{Fault, Members, Value},
    tariff::Tariff,
};
use bytes::Bytes;
use std::ops::Range;

/// Longest model name, in bytes as written; the longest in use (an inference profile's ARN) has about 130.
pub const MODEL_BYTES_MAX: usize = 256;

/// Longest name of an end user that is looked at, in bytes as written. Claude Code's has about 200; the provider
/// allows 256 characters.
pub const END_USER_BYTES_MAX: usize = 2048;

/// What routing needs to know of a request body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The model's name, without escapes; 1 to [`MODEL_BYTES_MAX`] bytes.
    pub model: String,
    /// Where the model's value stands in the body, quotes included; none when the path names it.
    pub model_range: Option<Range<usize>>,
    /// Whether the answer is to be a stream of events.
    pub stream: bool,
    /// The ceiling of output tokens, if one is given as a number; at most [`TOKENS_MAX`](crate::TOKENS_MAX).
    pub max_tokens: Option<u64>,
    /// Whom the client calls its end user.
    pub end_user: Option<EndUser>,
    /// What the client asks for that changes the price.
    pub tariff: Tariff,
    /// The session that the body tells, if it does: what requests of one conversation have in common, or at least those of
    /// one end user. At most [`END_USER_BYTES_MAX`] bytes as written.
    pub session: Option<String>,
    /// The change by which a Chat stream tells its usage; none where the client has asked for it, or the answer tells it
    /// anyway. Whoever makes it keeps the events that mean [`UsageOnly`](crate::Meaning::UsageOnly) from the client.
    pub usage_edit: Option<Edit>,
}

/// What a path says of a call, where the body does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathModel {
    /// The model, or the deployment that stands for it; 1 to [`MODEL_BYTES_MAX`] bytes. Empty where the path tells the
    /// stream alone (Code Assist).
    pub model: String,
    /// Whether the answer is to be a stream, where the path says so.
    pub stream: bool,
}

/// A change of a body: what stands at `range` becomes `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where, in bytes; empty to insert.
    pub range: Range<usize>,
    /// What stands there afterwards.
    pub text: String,
}

/// Whom a client calls its end user (`metadata.user_id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndUser {
    /// The whole text, as the client gave it.
    pub id: String,
    /// The session in it, when the text is one of Claude Code's two forms.
    pub session: Option<String>,
}

/// Why a body cannot be routed. Every case is the client's to mend: 400, with the text as message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// It is no JSON object, as far as was looked.
    #[error("The request body is not valid JSON: {expected} expected at byte {at}.")]
    Malformed {
        /// Offset in the body, in bytes.
        at: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A field that routing reads stands there twice. Readers differ in which one counts, so that the relay might
    /// check one and the upstream obey the other.
    #[error("{field}: given more than once")]
    Repeated {
        /// The field.
        field: &'static str,
    },
    /// A field that routing needs is not there.
    #[error("{field}: Field required")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field that routing needs has a value that cannot be used.
    #[error("{field}: {expected} expected")]
    Unfit {
        /// The field.
        field: &'static str,
        /// What should have stood there.
        expected: &'static str,
    },
}

/// `body` with `edits`, which overlap nowhere, as parts to be sent one after the other: nothing of the body is copied.
#[must_use]
pub fn edited(body: &Bytes, mut edits: Vec<Edit>) -> Vec<Bytes> {
    edits.sort_by_key(|edit| edit.range.start);
    let (mut parts, mut at) = (Vec::with_capacity(edits.len() * 2 + 1), 0);
    for Edit { range, text } in edits {
        parts.push(body.slice(at..range.start));
        parts.push(Bytes::from(text));
        at = range.end;
    }
    parts.push(body.slice(at..));
    parts
}

impl Scan {
    /// The change by which `body`, which this was read of, asks for `model`; none when it does already, or names none.
    #[must_use]
    pub fn model_edit(&self, body: &[u8], model: &str) -> Option<Edit> {
        let range = self.model_range.clone()?;
        let asked = body.get(range.clone()).and_then(|text| serde_json::from_slice::<String>(text).ok());
        let text = || serde_json::Value::from(model).to_string();
        (asked.as_deref() != Some(model)).then(|| Edit { range, text: text() })
    }
}

/// The change by which `body`, a request that names `stream` in its body, asks for a stream; none when it does already.
///
/// # Errors
///
/// When the body is no JSON object, or has `stream` twice.
pub fn stream_edit(body: &[u8]) -> Result<Option<Edit>, ScanError> {
    let [stream] = pick(Members::of(body), ["stream"])?;
    Ok(match stream {
        Some(value) if value.boolean() == Some(true) => None,
        Some(value) => Some(Edit { range: value.range(), text: "true".to_owned() }),
        None => Some(Edit::first(body, "\"stream\":true,".to_owned())),
    })
}

impl Edit {
    /// Puts `members`, with a comma behind each, before those that the object `body` has.
    pub(crate) fn first(body: &[u8], members: String) -> Self {
        let at = body.iter().position(|&byte| byte == b'{').map_or(0, |brace| brace + 1);
        Self { range: at..at, text: members }
    }
}

/// The values of the members `names` of an object, each at most once.
///
/// # Errors
///
/// When it is no JSON object, or has one of the names twice.
pub(crate) fn pick<'a, const N: usize>(
    members: Members<'a>,
    names: [&'static str; N],
) -> Result<[Option<Value<'a>>; N], ScanError> {
    let mut found = [None; N];
    for member in members {
        let member = member?;
        let place = names.iter().position(|name| *member.key == *name.as_bytes());
        if let Some(place) = place
            && found[place].replace(member.value).is_some()
        {
            return Err(ScanError::Repeated { field: names[place] });
        }
    }
    Ok(found)
}

/// The model, from the path where it names one, else from the body's `value`; and where the body has it.
pub(crate) fn model_of(
    value: Option<&Value<'_>>,
    in_path: Option<&PathModel>,
) -> Result<(String, Option<Range<usize>>), ScanError> {
    let is_fit = |name: &String| (1..=MODEL_BYTES_MAX).contains(&name.len());
    let unfit = ScanError::Unfit { field: "model", expected: "a string of 1 to 256 bytes" };
    if let Some(PathModel { model, .. }) = in_path {
        let name = Some(model.clone()).filter(is_fit).ok_or(unfit)?;
        return Ok((name, value.filter(|value| value.is_string()).map(Value::range)));
    }
    let value = value.ok_or(ScanError::Missing { field: "model" })?;
    let name = value.short_text(MODEL_BYTES_MAX).filter(is_fit).ok_or(unfit)?;
    Ok((name, Some(value.range())))
}

/// `stream`, which is off unless it is given.
pub(crate) fn wants_stream(value: Option<&Value<'_>>) -> Result<bool, ScanError> {
    match value {
        None => Ok(false),
        Some(value) if value.is_null() => Ok(false),
        Some(value) => value.boolean().ok_or(ScanError::Unfit { field: "stream", expected: "a boolean" }),
    }
}

/// A text that tells a session: one of 1 to [`END_USER_BYTES_MAX`] bytes. A longer one tells none.
pub(crate) fn session_text(value: Option<&Value<'_>>) -> Option<String> {
    value?.short_text(END_USER_BYTES_MAX).filter(|text| !text.is_empty())
}

impl EndUser {
    /// Reads `metadata.user_id`. Claude Code writes `{"device_id":…,"account_uuid":…,"session_id":…}` as text, and
    /// before 2.1 wrote `user_<hex>_account_<uuid or nothing>_session_<id>`.
    #[must_use]
    pub fn parse(id: &str) -> Self {
        let session = if id.starts_with('{') { session_in_json(id) } else { session_in_name(id) };
        Self { id: id.to_owned(), session: session.filter(|session| !session.is_empty()) }
    }
}

fn session_in_json(id: &str) -> Option<String> {
    let mut session = None;
    for member in Members::of(id.as_bytes()) {
        let member = member.ok()?;
        if *member.key == *b"session_id" {
            session = member.value.short_text(END_USER_BYTES_MAX);
        }
    }
    session
}

fn session_in_name(id: &str) -> Option<String> {
    let (device, rest) = id.strip_prefix("user_")?.split_once("_account_")?;
    let (_account, session) = rest.split_once("_session_")?;
    let is_hex = !device.is_empty() && device.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| session.to_owned())
}

impl From<Fault> for ScanError {
    fn from(Fault { at, expected }: Fault) -> Self {
        Self::Malformed { at, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_change_their_places_and_nothing_else() {
        let body = Bytes::from_static(b"{\"model\":\"a\",\"x\":1}");
        let edit = |range, text: &str| Edit { range, text: text.to_owned() };
        let parts = edited(&body, vec![edit(9..12, "\"long\""), edit(1..1, "\"y\":2,")]);
        assert_eq!(parts.concat(), b"{\"y\":2,\"model\":\"long\",\"x\":1}");
        assert_eq!(edited(&body, Vec::new()).concat(), body);
    }

    #[test]
    fn a_stream_is_asked_for_once() {
        for (body, asked) in [
            (r#" {"model":"m"}"#, r#" {"stream":true,"model":"m"}"#),
            (r#"{"stream":false,"model":"m"}"#, r#"{"stream":true,"model":"m"}"#),
            (r#"{"model":"m","stream":null}"#, r#"{"model":"m","stream":true}"#),
            (r#"{"model":"m","stream": true}"#, r#"{"model":"m","stream": true}"#),
        ] {
            let edit = stream_edit(body.as_bytes()).expect("an object");
            let parts = edited(&Bytes::from_static(body.as_bytes()), edit.into_iter().collect());
            assert_eq!(String::from_utf8(parts.concat()).expect("text"), asked);
        }
        let twice = stream_edit(br#"{"stream":true,"stream":false}"#);
        assert_eq!(twice, Err(ScanError::Repeated { field: "stream" }));
    }

    #[test]
    fn both_forms_of_a_claude_code_user_hold_their_session() {
        let hex = "0f".repeat(32);
        for (id, session) in [
            (format!(r#"{{"device_id":"{hex}","account_uuid":"","session_id":"s-1"}}"#), Some("s-1")),
            (format!("user_{hex}_account__session_s-2"), Some("s-2")),
            (format!("user_{hex}_account_6f1f1c0e-7d0f-4a57-9d3c-0c6b3a5f7d11_session_s-3"), Some("s-3")),
            ("user-42".to_owned(), None),
            ("user_nothex_account__session_s".to_owned(), None),
            (r#"{"session_id":""}"#.to_owned(), None),
            (r#"{"session_id":"s""#.to_owned(), None),
            (r#"{"session_id":7}"#.to_owned(), None),
        ] {
            assert_eq!(EndUser::parse(&id).session.as_deref(), session, "{id}");
        }
    }
}
