//! Signs requests to Bedrock: AWS Signature Version 4 in headers, for the service `bedrock`. No clock and no store of keys here.
//!
//! Source: "Create a signed AWS API request" in AWS's reference of IAM. Why not AWS's crate: ADR 0011.

mod canonical;

use crate::client::Parts;
use canonical::Canonical;
use data_encoding::HEXLOWER;
use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use http::{
    HeaderMap, HeaderValue, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "bedrock";
const TERMINATOR: &str = "aws4_request";

const AMZ_DATE: &str = "x-amz-date";
const AMZ_TOKEN: &str = "x-amz-security-token";
const AMZ_CONTENT: &str = "x-amz-content-sha256";

/// Whoever passes the request on may write it anew.
const AMZ_TRACE: &str = "x-amzn-trace-id";

/// An access key of AWS. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct AwsKeys {
    /// Its id, `AKIA…` or `ASIA…`; no secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretString,
    /// The session token, where the key is a temporary one.
    pub session_token: Option<SecretString>,
}

/// A request that cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The URL has no host.
    #[error("a request without a host cannot be signed")]
    Host,
    /// The key's id, the token or the region has a character that no header value has.
    #[error("the AWS key's id, its session token or the region has a character that cannot be sent in a header")]
    Unsendable,
    /// A header that has to be signed is no text.
    #[error("a request with a header that is no text cannot be signed")]
    Header,
    /// `now` is no instant of the years 1 to 9999.
    #[error("the time to sign at cannot be written")]
    Time,
}

/// Signs `request` as one of the service `bedrock` in `region` at `now`, with its whole body. What a client may have sent in the
/// headers of a signature is replaced.
///
/// Signed are `host`, `content-type` and all `x-amz…` headers but the trace's: what AWS acts on. Other headers may be changed on the way, and
/// are not. The path must be as it will be sent; the signature is made over its segments encoded once more, as AWS reads it
/// (`…-v1:0` as `…-v1%3A0`, `…-v1%3A0` as `…-v1%253A0`).
///
/// # Errors
///
/// When the request or the keys cannot be put into a signature; then nothing has been signed.
pub fn sign(request: &mut Request<Parts>, keys: &AwsKeys, region: &str, now: Timestamp) -> Result<(), SignError> {
    let at = basic_form(now)?;
    let payload = hash_parts(request.body());
    let (host, target) = (host_of(request.uri())?, target_of(request.uri()));
    let method = request.method().clone();
    let headers = request.headers_mut();
    headers.remove(AUTHORIZATION);
    headers.remove(AMZ_TOKEN);
    headers.insert(HOST, text(&host)?);
    headers.insert(AMZ_DATE, text(&at)?);
    headers.insert(AMZ_CONTENT, text(&payload)?);
    if let Some(token) = &keys.session_token {
        headers.insert(AMZ_TOKEN, secret_text(token.expose_secret())?);
    }
    let signed = signed_headers(headers)?;
    let canonical = Canonical { method: method.as_str(), target: &target, headers: &signed, payload: &payload };
    let scope = Scope { day: &at[..DAY_LENGTH], region, service: SERVICE };
    let authorization = authorize(&canonical, &at, &scope, keys);
    headers.insert(AUTHORIZATION, secret_text(&authorization)?);
    Ok(())
}

/// Where and when a signature counts.
struct Scope<'a> {
    day: &'a str,
    region: &'a str,
    service: &'a str,
}

/// The value of `authorization`.
fn authorize(canonical: &Canonical<'_>, at: &str, scope: &Scope<'_>, keys: &AwsKeys) -> String {
    let Scope { day, region, service } = scope;
    let full_scope = format!("{day}/{region}/{service}/{TERMINATOR}");
    // The canonical request has the session token in it.
    let hash = HEXLOWER.encode(&Sha256::digest(Zeroizing::new(canonical.to_string()).as_bytes()));
    let to_sign = format!("{ALGORITHM}\n{at}\n{full_scope}\n{hash}");
    let signature = HEXLOWER.encode(&mac(&*signing_key(&keys.secret_access_key, scope), &to_sign));
    let (id, names) = (&keys.access_key_id, canonical.signed_names());
    format!("{ALGORITHM} Credential={id}/{full_scope}, SignedHeaders={names}, Signature={signature}")
}

fn signing_key(secret: &SecretString, scope: &Scope<'_>) -> Zeroizing<[u8; 32]> {
    let secret = Zeroizing::new(format!("AWS4{}", secret.expose_secret()));
    let mut key = Zeroizing::new(mac(secret.as_bytes(), scope.day));
    for part in [scope.region, scope.service, TERMINATOR] {
        *key = mac(&*key, part);
    }
    key
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length (RFC 2104)");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Length of the day at the beginning of what [`basic_form`] writes.
const DAY_LENGTH: usize = "20261123".len();

/// An instant in ISO 8601's basic form, `20261123T010830Z`.
fn basic_form(now: Timestamp) -> Result<String, SignError> {
    // `2026-11-23T01:08:30.000Z`
    let extended = now.to_string();
    let (seconds, _) = extended.split_once('.').ok_or(SignError::Time)?;
    let mut basic: String = seconds.chars().filter(|&letter| letter != '-' && letter != ':').collect();
    basic.push('Z');
    if basic.len() == "20261123T010830Z".len() { Ok(basic) } else { Err(SignError::Time) }
}

fn hash_parts(body: &Parts) -> String {
    let mut hash = Sha256::new();
    body.iter().for_each(|part| hash.update(part));
    HEXLOWER.encode(&hash.finalize())
}

/// The value of `host` as it is sent: without the port that the scheme means anyway.
fn host_of(uri: &Uri) -> Result<String, SignError> {
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(SignError::Host)?;
    let port_default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    match uri.port_u16().filter(|port| *port != port_default) {
        Some(port) => Ok(format!("{host}:{port}")),
        None => Ok(host.to_owned()),
    }
}

fn target_of(uri: &Uri) -> String {
    uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned()
}

/// Names and values of the headers that are signed.
fn signed_headers(headers: &HeaderMap) -> Result<Vec<(&str, &str)>, SignError> {
    let is_signed = |name: &str| match name {
        AMZ_TRACE => false,
        name => name == HOST.as_str() || name == CONTENT_TYPE.as_str() || name.starts_with("x-amz"),
    };
    let signed = headers.iter().filter(|(name, _)| is_signed(name.as_str()));
    signed.map(|(name, value)| Ok((name.as_str(), value.to_str().map_err(|_| SignError::Header)?))).collect()
}

fn text(value: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(value).map_err(|_| SignError::Unsendable)
}

fn secret_text(value: &str) -> Result<HeaderValue, SignError> {
    let mut value = text(value)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
