//! Still room 1: the body is read, and what it asks for is checked against the key.

use crate::{
    accept::Arrival,
    authenticate::Caller,
    bedrock,
    budget::{Budget, BudgetSpent, Hold},
    decode::{self, Coding},
    form::Form,
    refuse::BUSY_RETRY_AFTER,
    relay::Relay,
    route::Call,
    select::wanted,
    serve::service_of,
    spoken::Spoken,
};
use bytes::{Bytes, BytesMut};
use domain::{ApiKey, AttemptKind, RequestId, Service, Timestamp};
use http::{HeaderMap, request};
use http_body::Body;
use http_body_util::BodyExt;
use protocol::{PathModel, Refusal, Scan};
use std::sync::Arc;

/// A request that was understood, from a client that may ask it.
pub(crate) struct Inbound {
    /// Its identity.
    pub(crate) id: RequestId,
    /// When it came.
    pub(crate) at: Timestamp,
    /// What it asks for.
    pub(crate) call: Call,
    /// Whose accounts answer it.
    pub(crate) service: Service,
    /// The key.
    pub(crate) key: Arc<ApiKey>,
    /// How the client hears the answer.
    pub(crate) form: Form,
    /// Method, URL and headers.
    pub(crate) head: request::Parts,
    /// What routing needs of the body; none for a call without one.
    pub(crate) scan: Option<Scan>,
    /// The body, decompressed.
    pub(crate) body: Bytes,
    /// What its client said on a WebSocket, where it came over one.
    pub(crate) spoken: Option<Spoken>,
    /// The memory that it takes.
    pub(crate) _hold: Hold,
}

impl Inbound {
    /// Whether the answer is to be a stream.
    pub(crate) fn wants_stream(&self) -> bool {
        self.scan.as_ref().is_some_and(|scan| scan.stream)
    }
}

/// A body in its dialect, and what the path says of its model.
pub(crate) struct Asked {
    pub(crate) body: Bytes,
    pub(crate) in_path: Option<PathModel>,
}

impl Relay {
    /// Reads the body within all bounds and checks the model. Cancel-safe in that nothing is owed yet.
    pub(crate) async fn read<B>(&self, caller: Caller<B>) -> Result<Inbound, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let Caller { key, arrival: Arrival { id, at, call, mut head, body } } = caller;
        let has_body = call.operation.kind() != AttemptKind::ModelList;
        let mut hold = Budget::hold();
        let body = if has_body {
            let reading = self.read_body(&head.headers, body, &mut hold);
            tokio::time::timeout(self.settings.body_timeout, reading).await.map_err(|_| Refusal::RequestTimeout)??
        } else {
            Bytes::new()
        };
        let Asked { body, in_path } = match &call.in_path {
            Some(path) if call.is_bedrock => bedrock::open(&body, path, &mut head.headers)?,
            in_path => Asked { body, in_path: in_path.clone() },
        };
        let scan = if has_body {
            let scan = protocol::scan_request(call.operation, &body, in_path.as_ref());
            Some(scan.map_err(|error| Refusal::InvalidRequest(error.to_string()))?)
        } else {
            None
        };
        let model = scan.as_ref().map(|scan| wanted(&scan.model).1);
        let service = service_of(&call, model, |platforms, model| self.accounts.names(platforms, model));
        if !key.permissions.allow(service) {
            return Err(Refusal::NotPermitted(service));
        }
        if let Some(scan) = &scan {
            check_model(&key, &scan.model)?;
        }
        let form = Form::of(call.operation.dialect(), head.uri.query());
        Ok(Inbound { id, at, call, service, key, form, head, scan, body, spoken: None, _hold: hold })
    }

    async fn read_body<B>(&self, headers: &HeaderMap, mut body: B, hold: &mut Hold) -> Result<Bytes, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let limit = self.settings.body_bytes_max;
        let declared = body.size_hint().lower();
        if declared > limit {
            return Err(Refusal::TooLarge { limit_bytes: limit });
        }
        self.cover(hold, declared).await?;
        let mut read = ReadBytes::default();
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|_| Refusal::InvalidRequest("The request body ended before its end.".to_owned()))?;
            let Ok(part) = frame.into_data() else { continue };
            let length = read.len().saturating_add(part.len() as u64);
            if length > limit {
                return Err(Refusal::TooLarge { limit_bytes: limit });
            }
            self.cover(hold, length).await?;
            read.push(part, declared);
        }
        let codings = decode::codings(headers).ok_or(Refusal::UnsupportedEncoding)?;
        self.decompress(codings, read.into_bytes(), hold).await
    }

    async fn decompress(&self, codings: Vec<Coding>, body: Bytes, hold: &mut Hold) -> Result<Bytes, Refusal> {
        let limit = self.settings.body_bytes_max;
        let mut body = body;
        for coding in codings.into_iter().rev() {
            let compressed = body.len() as u64;
            let mut decoder = decode::Decoder::of_bytes(coding, body);
            let mut read = ReadBytes::default();
            while let Some(part) = decoder.next().await {
                let part =
                    part.map_err(|_| Refusal::InvalidRequest(format!("The request body is not valid {coding}.")))?;
                let length = read.len().saturating_add(part.len() as u64);
                if length > limit {
                    return Err(Refusal::TooLarge { limit_bytes: limit });
                }
                self.cover(hold, compressed.saturating_add(length)).await?;
                read.push(part, 0);
            }
            body = read.into_bytes();
        }
        Ok(body)
    }

    async fn cover(&self, hold: &mut Hold, bytes: u64) -> Result<(), Refusal> {
        let covered = self.buffers.cover(hold, bytes).await;
        covered.map_err(|BudgetSpent| Refusal::Busy { retry_after: BUSY_RETRY_AFTER })
    }
}

/// A body that is being read: copied together only when it comes in more than one part.
#[derive(Default)]
struct ReadBytes {
    first: Bytes,
    joined: BytesMut,
}

impl ReadBytes {
    fn len(&self) -> u64 {
        (self.first.len() + self.joined.len()) as u64
    }

    fn push(&mut self, part: Bytes, declared: u64) {
        if self.joined.is_empty() {
            if self.first.is_empty() {
                self.first = part;
                return;
            }
            // The declared length was covered by the budget and is within the limit.
            self.joined.reserve(usize::try_from(declared).unwrap_or(0).max(self.first.len() + part.len()));
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(&part);
    }

    fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

fn check_model(key: &ApiKey, model: &str) -> Result<(), Refusal> {
    // A `ccr,` in front names the platform, not the model.
    let bare = model.split_once(',').map_or(model, |(_, bare)| bare);
    let names = [model, bare, maker_s_name(bare)];
    let is_restricted = |name: &String| names.iter().any(|asked| name.eq_ignore_ascii_case(asked));
    if key.restricted_models.iter().any(is_restricted) {
        return Err(Refusal::ModelNotAllowed(model.to_owned()));
    }
    Ok(())
}

/// The name that its maker gives a model, of the one that a cloud has for it: `us.anthropic.claude-opus-5-v1:0` is `claude-opus-5`.
/// Others are given back as they are.
pub(crate) fn maker_s_name(model: &str) -> &str {
    let Some((_, name)) = model.rsplit_once("anthropic.") else {
        return model.strip_prefix("models/").unwrap_or(model);
    };
    let is_version = |version: &str| version.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    match name.rsplit_once("-v") {
        Some((name, version)) if is_version(version) => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_s_name_of_a_model_is_its_maker_s() {
        for (model, name) in [
            ("us.anthropic.claude-opus-5-5", "claude-opus-5-5"),
            ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku-20240307"),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-opus-5-v2", "claude-opus-5"),
            ("models/gemini-3.8-flash", "gemini-3.8-flash"),
            ("glm-5-vision", "glm-5-vision"),
        ] {
            assert_eq!(maker_s_name(model), name, "{model}");
        }
    }

    #[test]
    fn parts_are_read_as_one_body() {
        for parts in [&["ab"][..], &["ab", "c"], &["", "ab", "c"], &[]] {
            let mut read = ReadBytes::default();
            for part in parts {
                read.push(Bytes::from_static(part.as_bytes()), 3);
            }
            assert_eq!(read.len(), parts.concat().len() as u64);
            assert_eq!(read.into_bytes(), parts.concat());
        }
    }
}
