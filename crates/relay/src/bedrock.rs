//! Clients that speak Bedrock: their requests become Messages at the door, and what they are told goes back in Bedrock's shape. Behind
//! the door nothing of it is known.

use crate::{body::RelayBody, read::Asked};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use protocol::{PathModel, Refusal, bedrock};

const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The version of the Messages API for clients that name none: the one that Bedrock's envelope was made for.
const VERSION_USUAL: HeaderValue = HeaderValue::from_static("2023-06-01");

const STREAM: &str = "application/vnd.amazon.eventstream";

/// Takes a request out of the envelope: the body as Messages has it, version and betas in `headers`.
pub(crate) fn open(body: &Bytes, path: &PathModel, headers: &mut HeaderMap) -> Result<Asked, Refusal> {
    let call = if path.stream { bedrock::Call::InvokeStream } else { bedrock::Call::Invoke };
    let opened = bedrock::from_bedrock(body, &path.model, call);
    let opened = opened.map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
    let unfit = |field: &str| Refusal::InvalidRequest(format!("{field}: has a character that no header has"));
    let version = opened.version.map(|version| HeaderValue::from_str(&version)).transpose();
    headers.insert(VERSION, version.map_err(|_| unfit("anthropic_version"))?.unwrap_or(VERSION_USUAL));
    if !opened.betas.is_empty() {
        let betas = HeaderValue::from_str(&opened.betas.join(",")).map_err(|_| unfit("anthropic_beta"))?;
        headers.append(BETA, betas);
    }
    // Bedrock's own headers, and a signature that was made for another host.
    let foreign: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("x-amz")).cloned().collect();
    for name in foreign {
        headers.remove(name);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Asked { body: opened.body.concat().into(), in_path: None })
}

/// Puts an answer into Bedrock's shape: streams into frames, refusals under AWS's names.
pub(crate) fn close(response: Response<RelayBody>) -> Response<RelayBody> {
    let (mut head, body) = response.into_parts();
    if let Some(id) = head.headers.get("request-id").cloned() {
        head.headers.insert(REQUEST_ID, id);
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("text/event-stream") {
        head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(STREAM));
        return Response::from_parts(head, body.in_frames());
    }
    if head.status.is_success() {
        return Response::from_parts(head, body);
    }
    head.headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type(head.status)));
    if head.status.as_u16() == 529 {
        head.status = StatusCode::SERVICE_UNAVAILABLE;
    }
    let body = body.map_whole(|whole| match protocol::anthropic::read_body(&whole) {
        protocol::BodyReading::Error(error) => bedrock::error_body(&error.message).into(),
        protocol::BodyReading::Answer(_) | protocol::BodyReading::Garbage => whole,
    });
    Response::from_parts(head, body)
}

/// AWS's name for what a status says (`InvokeModel`, "Errors").
fn error_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        429 => "ThrottlingException",
        400..=499 => "ValidationException",
        503 | 529 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_s_version_and_betas_become_headers() {
        let body = Bytes::from_static(
            br#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b"],"max_tokens":1,"messages":[]}"#,
        );
        let path = PathModel { model: "us.anthropic.claude-opus-5-5".to_owned(), stream: true };
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-date", HeaderValue::from_static("20261127T000000Z"));
        let asked = open(&body, &path, &mut headers).expect("a request");
        let document: serde_json::Value = serde_json::from_slice(&asked.body).expect("JSON");
        assert_eq!(document["model"], "us.anthropic.claude-opus-5-5");
        assert_eq!(document["stream"], true);
        assert!(document.get("anthropic_version").is_none() && document.get("anthropic_beta").is_none());
        assert_eq!((&headers[VERSION], &headers[BETA]), (&VERSION_USUAL, &HeaderValue::from_static("a,b")));
        assert!(!headers.contains_key("x-amz-date"));
    }

    #[test]
    fn what_is_no_envelope_is_refused_with_its_field() {
        let path = PathModel { model: "m".to_owned(), stream: false };
        let body = Bytes::from_static(br#"{"anthropic_beta":"a"}"#);
        assert!(matches!(open(&body, &path, &mut HeaderMap::new()), Err(Refusal::InvalidRequest(_))));
    }

    #[test]
    fn a_refusal_has_aws_s_name_and_message() {
        let refusal = br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
        let mut response = Response::new(RelayBody::from(Bytes::from_static(refusal)));
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let response = close(response);
        assert_eq!(response.headers()[ERROR_TYPE], "ThrottlingException");
        let mut told = Bytes::new();
        let _ = response.into_body().map_whole(|whole| {
            told = whole.clone();
            whole
        });
        assert_eq!(told, br#"{"message":"slow down"}"#.as_slice());
    }
}
