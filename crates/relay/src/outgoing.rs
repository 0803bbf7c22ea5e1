//! The request as it goes upstream: the client's bytes, with what the account's platform needs put in their place.

use crate::{admit::Admission, attempt::upstream_model, directory::Seat, forward::is_of_this_hop, serve::Passage};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use protocol::{
    Edit, Operation, ScanError, bedrock,
    convert::Converted,
    edited,
    headers::{Body, forwards_request_header},
    stream_edit,
};
use upstream::{Call, Envelope, client::Parts};

const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// A request that cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmade {
    /// The client's query or model has a character that no URL has.
    #[error("the URL cannot be made")]
    Url(#[from] http::Error),
    /// The body does not go into the platform's envelope.
    #[error(transparent)]
    Body(#[from] ScanError),
}

/// The client's request as `seat` is to get it, but for its credential; `converted` where it is asked in another dialect.
///
/// # Errors
///
/// When it cannot be made: see [`Unmade`].
pub(crate) fn upstream_request(
    admission: &Admission,
    seat: &Seat,
    passage: Passage,
    converted: Option<&Converted>,
) -> Result<Request<Parts>, Unmade> {
    let inbound = &admission.inbound;
    let operation = passage.upstream(inbound.call.operation);
    let model = upstream_model(admission, &seat.account);
    // What a client says in the query of one dialect means nothing in another's.
    let query = inbound.head.uri.query().filter(|_| converted.is_none()).map(without_key);
    let call = Call {
        operation,
        model: &model,
        streamed: inbound.wants_stream() || seat.destination.only_streams(operation),
        version: inbound.call.version.filter(|_| converted.is_none()),
        query: query.as_deref().filter(|query| !query.is_empty()),
    };
    let uri = seat.destination.uri(&call)?;
    let was_decoded = inbound.head.headers.contains_key(header::CONTENT_ENCODING);
    let changed = if was_decoded || converted.is_some() { Body::Changed } else { Body::AsSent };
    let mut headers = request_headers(&inbound.head.headers, changed);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in converted.map(|converted| converted.headers).unwrap_or_default() {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in seat.destination.required_headers() {
        require(&mut headers, name, value);
    }
    let (body, mut edits) = match converted {
        Some(converted) => (&converted.body, Vec::new()),
        None => (&inbound.body, edits(admission, &model)),
    };
    if seat.destination.only_streams(operation) {
        edits.extend(stream_edit(body)?);
    }
    let body = if edits.is_empty() { body.clone().into() } else { edited(body, edits).into_iter().collect() };
    let body = wrapped(body, seat.destination.envelope(), operation, &model, &mut headers)?;
    let mut request = Request::new(body);
    *request.method_mut() = inbound.head.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// What must be different in the client's bytes.
fn edits(admission: &Admission, model: &str) -> Vec<Edit> {
    let Some(scan) = &admission.inbound.scan else { return Vec::new() };
    [scan.model_edit(&admission.inbound.body, model), scan.usage_edit.clone()].into_iter().flatten().collect()
}

/// `body` in the platform's envelope. What stands in the envelope of Bedrock does not stand in `headers`.
fn wrapped(
    body: Parts,
    envelope: Envelope<'_>,
    operation: Operation,
    model: &str,
    headers: &mut HeaderMap,
) -> Result<Parts, Unmade> {
    match envelope {
        Envelope::None => Ok(body),
        Envelope::CodeAssist { project } => {
            Ok(enveloped(operation, &body.into_whole(), model, project).into_iter().collect())
        }
        Envelope::Bedrock => {
            let betas: Vec<_> = headers.get_all(BETA).iter().filter_map(|line| line.to_str().ok()).collect();
            let parts = bedrock::to_bedrock(&body.into_whole(), betas)?;
            headers.remove(BETA);
            headers.remove(VERSION);
            Ok(parts.into_iter().collect())
        }
    }
}

/// A Gemini request in Code Assist's envelope.
fn enveloped(operation: Operation, body: &Bytes, model: &str, project: &str) -> Vec<Bytes> {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    if operation == Operation::CountContentTokens {
        let brace = body.iter().position(|&byte| byte == b'{').map_or(0, |brace| brace + 1);
        let is_empty = body[brace..].trim_ascii_start().starts_with(b"}");
        let member = format!("\"model\":{}{}", text(&format!("models/{model}")), if is_empty { "" } else { "," });
        let inner = edited(body, vec![Edit { range: brace..brace, text: member }]);
        let (before, after) = (Bytes::from_static(b"{\"request\":"), Bytes::from_static(b"}"));
        return [vec![before], inner, vec![after]].concat();
    }
    let project = if project.is_empty() { String::new() } else { format!(",\"project\":{}", text(project)) };
    let head = format!("{{\"model\":{}{project},\"request\":", text(model));
    vec![Bytes::from(head), body.clone(), Bytes::from_static(b"}")]
}

fn request_headers(headers: &HeaderMap, body: Body) -> HeaderMap {
    let mut forwarded = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        if forwards_request_header(name.as_str(), body) && !is_of_this_hop(headers, name) {
            forwarded.append(name.clone(), value.clone());
        }
    }
    forwarded
}

/// Puts a header that the provider requires beside the client's: into the list of betas where it is one, else in its place.
fn require(headers: &mut HeaderMap, name: &HeaderName, value: &HeaderValue) {
    if *name != BETA {
        headers.insert(name.clone(), value.clone());
        return;
    }
    let required = value.to_str().unwrap_or_default();
    let lines: Vec<_> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    let is_there = lines.iter().flat_map(|line| line.split(',')).any(|beta| beta.trim() == required);
    if !is_there {
        headers.append(name.clone(), value.clone());
    }
}

/// The client's query without a key of ours in it.
fn without_key(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.starts_with("key=") && *pair != "key");
    kept.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_query_does_not_go_upstream() {
        assert_eq!(without_key("beta=true&key=cr_x"), "beta=true");
        assert_eq!(without_key("key=cr_x"), "");
        assert_eq!(without_key("monkey=1"), "monkey=1");
    }

    #[test]
    fn a_required_beta_stands_beside_the_client_s_own() {
        let name = BETA;
        let beta = HeaderValue::from_static("oauth-2025-04-20");
        let mut headers = HeaderMap::new();
        require(&mut headers, &name, &beta);
        require(&mut headers, &name, &beta);
        assert_eq!(headers.get_all(&name).iter().collect::<Vec<_>>(), [&beta]);
        headers.insert(name.clone(), HeaderValue::from_static("a, b"));
        require(&mut headers, &name, &beta);
        assert_eq!(headers.get_all(&name).iter().collect::<Vec<_>>(), ["a, b", "oauth-2025-04-20"]);
    }

    #[test]
    fn code_assist_s_envelope_holds_the_client_s_bytes() {
        let body = Bytes::from_static(b"{\"contents\":[]}");
        let whole = |operation, project| {
            String::from_utf8(enveloped(operation, &body, "gemini-3.8-flash", project).concat()).expect("text")
        };
        assert_eq!(
            whole(Operation::GenerateContent, "p-1"),
            r#"{"model":"gemini-3.8-flash","project":"p-1","request":{"contents":[]}}"#
        );
        assert_eq!(whole(Operation::GenerateContent, ""), r#"{"model":"gemini-3.8-flash","request":{"contents":[]}}"#);
        assert_eq!(
            whole(Operation::CountContentTokens, "p-1"),
            r#"{"request":{"model":"models/gemini-3.8-flash","contents":[]}}"#
        );
    }
}
