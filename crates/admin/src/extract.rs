//! Reads requests: bodies, queries, path ids, `If-Match`. Whatever is wrong becomes a [`Refusal`]; nothing here can fail otherwise.

use crate::{
    faults::Faults,
    members,
    refusal::{Refusal, RefusalType},
    unenforced,
};
use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, FromRequestParts, OptionalFromRequest, Path, Query, Request},
};
use bytes::Bytes;
use http::{HeaderMap, Uri, header, request::Parts};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use std::{str::FromStr, time::Duration};
use store::Version;

/// Longest body that is read: a document of this API has a few KiB.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How long a body may take to arrive: even 1 MiB over a slow line needs seconds, and whoever sends one byte at a time shall
/// not hold a connection for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Versions in one `If-Match` that are looked at.
const VERSIONS_MAX: usize = 16;

/// What a parameter begins with that may be given several times: its type reads its [`lines`].
const REPEATED: &str = "tag=";

/// A JSON body without a field that its type does not have.
pub(crate) struct Document<T>(pub(crate) T);

/// A query string without a parameter that its type does not have.
pub(crate) struct Params<T>(pub(crate) T);

/// The id in a path; what is no id names nothing that exists.
pub(crate) struct PathId<T>(pub(crate) T);

/// Two ids in a path, the one below the other.
pub(crate) struct PathIds<T, U>(pub(crate) T, pub(crate) U);

/// The versions that a change is meant for (`If-Match`, RFC 9110, 13.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Whatever version there is: no such header, or `*`.
    Any,
    /// One of these.
    OneOf(Vec<Version>),
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Document<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        check_content_type(request.headers())?;
        let bytes = read(request.into_body()).await?;
        let mut value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            Refusal::new(RefusalType::InvalidRequest, format!("The body is not JSON: {error}. Correct it there."))
        })?;
        // A struct would be read of an array, field by field.
        if value.is_array() {
            let message = "The body is a list. Write an object with the fields of the document.";
            return Err(Refusal::new(RefusalType::Unprocessable, message));
        }
        check_members(&bytes)?;
        make_whole(&mut value);
        parse(&value).map(Self)
    }
}

/// No body at all is none, and so is `null`.
impl<S: Send + Sync, T: DeserializeOwned> OptionalFromRequest<S> for Document<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Refusal> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        let Document(document) = <Document<Option<T>> as FromRequest<S>>::from_request(request, state).await?;
        Ok(document.map(Self))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let uri = with_lines(&parts.uri);
        let query = Query::<T>::try_from_uri(uri.as_ref().unwrap_or(&parts.uri));
        query.map(|Query(params)| Self(params)).map_err(|rejection| {
            Refusal::new(RefusalType::InvalidRequest, format!("{}. Correct the query.", rejection.body_text()))
        })
    }
}

/// The same query with the values of [`REPEATED`] below each other in one; none where it stands there once at most.
fn with_lines(uri: &Uri) -> Option<Uri> {
    let query = uri.query()?;
    let (repeated, mut rest): (Vec<_>, Vec<_>) = query.split('&').partition(|pair| pair.starts_with(REPEATED));
    if repeated.len() < 2 {
        return None;
    }
    let values: Vec<_> = repeated.iter().map(|pair| &pair[REPEATED.len()..]).collect();
    let lines = format!("{REPEATED}{}", values.join("%0A"));
    rest.push(&lines);
    format!("/?{}", rest.join("&")).parse().ok()
}

/// The lines of a parameter that may be given several times.
pub(crate) fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    String::deserialize(deserializer).map(|text| text.split('\n').map(str::to_owned).collect())
}

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        text.parse().map(Self).map_err(|_| missing())
    }
}

impl<S: Send + Sync, T: FromStr, U: FromStr> FromRequestParts<S> for PathIds<T, U> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let ids = Path::<(String, String)>::from_request_parts(parts, &()).await;
        let Path((one, other)) = ids.map_err(|_| missing())?;
        match (one.parse(), other.parse()) {
            (Ok(one), Ok(other)) => Ok(Self(one, other)),
            _ => Err(missing()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut lines = parts.headers.get_all(header::IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Ok(Self::Any);
        }
        let texts = lines.map(|line| line.to_str().unwrap_or_default()).flat_map(|line| line.split(','));
        let tags = texts.map(str::trim).take(VERSIONS_MAX).collect::<Vec<_>>();
        if tags == ["*"] {
            return Ok(Self::Any);
        }
        if !tags.iter().all(|tag| is_entity_tag(tag)) {
            let message = "The header `if-match` names no version: write it as `etag` carries it, in quotes, or `*`.";
            return Err(Refusal::new(RefusalType::InvalidRequest, message));
        }
        Ok(Self::OneOf(tags.into_iter().filter_map(version).collect()))
    }
}

impl IfMatch {
    /// Refuses unless the change is meant for `current`.
    pub(crate) fn check(&self, current: Version) -> Result<(), Refusal> {
        match self {
            Self::OneOf(versions) if !versions.contains(&current) => Err(Refusal::new(
                RefusalType::PreconditionFailed,
                format!("It was changed in the meantime and has the version {}: read it again.", entity_tag(current)),
            )),
            _ => Ok(()),
        }
    }
}

fn missing() -> Refusal {
    Refusal::new(RefusalType::NotFound, "There is nothing with this id: take one from the list.")
}

/// A version as `ETag` carries it.
pub(crate) fn entity_tag(version: Version) -> String {
    format!("\"{}\"", version.0)
}

/// Whether it is an entity-tag, of this service or of another (RFC 9110, 8.8.3).
fn is_entity_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"')
}

/// Reads [`entity_tag`]. A weak tag matches nothing here (RFC 9110, 8.8.3.2).
fn version(tag: &str) -> Option<Version> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    digits.parse().ok().map(Version)
}

/// Turns `30.0` into `30`: to JSON Schema, and to many a program, it is the same whole number.
fn make_whole(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(make_whole),
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|digits| digits.parse::<i64>().ok());
            if let Some(whole) = whole {
                *value = whole.into();
            }
        }
        _ => {}
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let message = "The body has to be JSON: send it with `content-type: application/json`.";
    Err(Refusal::new(RefusalType::InvalidRequest, message))
}

/// The whole of `body`. One that announces more than is read is refused before any of it is.
pub(crate) async fn read(body: Body) -> Result<Bytes, Refusal> {
    let too_long = || Refusal::new(RefusalType::PayloadTooLarge, "The body is longer than 1 MiB: send less at once.");
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_long());
    }
    let read = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let read = read.map_err(|_elapsed| {
        let message = "The body did not arrive within 30 seconds: send it again, over a faster line.";
        Refusal::new(RefusalType::RequestTimeout, message)
    })?;
    read.map(Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            return too_long();
        }
        Refusal::new(RefusalType::InvalidRequest, "The body did not arrive whole: send it again.")
    })
}

/// Refuses a document with a member that stands twice: which of the two was meant cannot be known.
fn check_members(document: &[u8]) -> Result<(), Refusal> {
    let mut faults = Faults::default();
    for field in members::repeated(document) {
        faults.add(field, "stands twice; write it once");
    }
    faults.settle()
}

/// Reads `value` as `T`, naming the field that cannot be taken, or else every field that `T` does not have.
pub(crate) fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, Refusal> {
    let mut unknown = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(place(&path));
    let read = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(value, &mut note));
    let mut faults = Faults::default();
    for field in unknown {
        let reason = unenforced::reason(&field);
        faults.add(field, reason);
    }
    match read {
        Ok(document) => faults.settle().map(|()| document),
        Err(error) => {
            let path = error.path().to_string();
            faults.add(path, error.into_inner().to_string());
            // There is a fault: settling refuses.
            Err(faults.settle().err().unwrap_or_else(|| Refusal::unprocessable(Vec::new())))
        }
    }
}

/// A path as `serde_path_to_error` writes it, `prices[0].tiers`; options and wrappers on the way do not show.
fn place(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path::{Map, NewtypeStruct, NewtypeVariant, Root, Seq, Some};
    match path {
        Root => String::new(),
        Seq { parent, index } => format!("{}[{index}]", place(parent)),
        Map { parent, key } => match place(parent) {
            parent if parent.is_empty() => key.clone(),
            parent => format!("{parent}.{key}"),
        },
        Some { parent } | NewtypeStruct { parent } | NewtypeVariant { parent } => place(parent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::{Frame, SizeHint};
    use serde_json::json;
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[serde(rename = "number")]
        _number: u8,
        #[serde(default, rename = "inner")]
        _inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[serde(rename = "text")]
        _text: String,
    }

    /// A body of which nothing ever arrives.
    struct Silent {
        announced: u64,
    }

    impl HttpBody for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.announced)
        }
    }

    async fn refusal(announced: u64) -> (RefusalType, Duration) {
        let begun = tokio::time::Instant::now();
        let refused = read(Body::new(Silent { announced })).await.expect_err("refused");
        (refused.r#type, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_is_refused_in_the_end() {
        assert_eq!(refusal(BODY_BYTES_MAX as u64).await.0, RefusalType::RequestTimeout);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_announces_too_much_is_refused_unread() {
        let (refused, waited) = refusal(BODY_BYTES_MAX as u64 + 1).await;
        assert_eq!((refused, waited), (RefusalType::PayloadTooLarge, Duration::ZERO));
    }

    fn faults(value: &Value) -> String {
        let refusal = parse::<Outer>(value).expect_err("refused");
        assert_eq!(refusal.r#type, RefusalType::Unprocessable);
        format!("{refusal:?}")
    }

    #[test]
    fn every_unknown_field_is_named_also_below() {
        let said = faults(&json!({"number": 1, "colour": 2, "inner": {"text": "t", "size": 3}}));
        assert!(said.contains("\"colour\"") && said.contains("\"inner.size\""), "{said}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_place() {
        assert!(faults(&json!({"number": 1, "inner": {"text": 5}})).contains("\"inner.text\""));
    }

    #[test]
    fn a_limit_that_is_not_enforced_is_refused_by_name() {
        let said = faults(&json!({"number": 1, "daily_cost_limit": 5}));
        assert!(said.contains("daily_cost_limit") && said.contains("does not enforce"), "{said}");
    }

    #[test]
    fn only_a_strong_tag_is_a_version() {
        assert_eq!(version("\"7\""), Some(Version(7)));
        for wrong in ["7", "W/\"7\"", "\"x\"", "\"\"", "\""] {
            assert_eq!(version(wrong), None, "{wrong}");
        }
    }
}
