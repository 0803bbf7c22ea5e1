//! The request as it goes upstream: the client's bytes, with what the account's platform needs put in their place.

use crate::{admit::Admission, attempt::upstream_model, directory::Seat, forward::is_of_this_hop};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use protocol::{
    Edit, Operation, edited,
    headers::{Body, forwards_request_header},
};
use upstream::{Call, Envelope, Opening, client::Parts};

/// A request that cannot be made as the account is configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmade {
    /// The client's query or model has a character that no URL has.
    #[error("the URL cannot be made")]
    Url(#[from] http::Error),
    /// The account's credential is not at hand.
    #[error("the account is not signed in")]
    NotOpened,
}

/// The client's request as `seat` is to get it.
///
/// # Errors
///
/// When it cannot be made: see [`Unmade`].
pub(crate) fn upstream_request(admission: &Admission, seat: &Seat) -> Result<Request<Parts>, Unmade> {
    let inbound = &admission.inbound;
    let model = upstream_model(admission, &seat.account);
    let query = inbound.head.uri.query().map(without_key).filter(|query| !query.is_empty());
    let call = Call {
        operation: inbound.call.operation,
        model: &model,
        streamed: inbound.scan.as_ref().is_some_and(|scan| scan.stream),
        version: inbound.call.version,
        query: query.as_deref(),
    };
    let uri = seat.destination.uri(&call)?;
    let mut request = Request::new(body(admission, seat, &model));
    *request.method_mut() = inbound.head.method.clone();
    *request.uri_mut() = uri;
    let was_decoded = inbound.head.headers.contains_key(header::CONTENT_ENCODING);
    *request.headers_mut() =
        request_headers(&inbound.head.headers, if was_decoded { Body::Changed } else { Body::AsSent });
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in seat.destination.required_headers() {
        require(request.headers_mut(), name, value);
    }
    let (name, value) = match seat.destination.opening() {
        Opening::Header(pair) => pair,
        Opening::InTurn(pairs) => pairs.next(),
        Opening::OAuth | Opening::AwsSignature { .. } => return Err(Unmade::NotOpened),
    };
    request.headers_mut().insert(name.clone(), value.clone());
    Ok(request)
}

/// The client's bytes, with what must be different in them.
fn body(admission: &Admission, seat: &Seat, model: &str) -> Parts {
    let inbound = &admission.inbound;
    let Some(scan) = &inbound.scan else { return Parts::default() };
    let edits: Vec<Edit> =
        [scan.model_edit(&inbound.body, model), scan.usage_edit.clone()].into_iter().flatten().collect();
    if let Envelope::CodeAssist { project } = seat.destination.envelope() {
        return enveloped(inbound.call.operation, &inbound.body, model, project).into_iter().collect();
    }
    if edits.is_empty() {
        return inbound.body.clone().into();
    }
    edited(&inbound.body, edits).into_iter().collect()
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
fn require(headers: &mut HeaderMap, name: &header::HeaderName, value: &HeaderValue) {
    if name.as_str() != "anthropic-beta" {
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
        let name = header::HeaderName::from_static("anthropic-beta");
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
