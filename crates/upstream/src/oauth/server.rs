//! The calls of an authorisation server: one request each, bounded in time and size, never repeated.

use super::{
    answer::{TokenGrant, refusal},
    calls::Calls,
    device::{DevicePoll, DeviceStart},
    error::{OAuthError, RefusalCode},
};
use crate::client::Parts;
use base64ct::{Base64, Encoding};
use bytes::Bytes;
use domain::{ClientAuth, OAuthClient, TokenBody};
use http::{
    HeaderMap, HeaderValue, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt, Limited};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use url::form_urlencoded;

/// How long a call may take, connecting included: providers answer within a second or two.
pub const TOKEN_CALL_MAX: Duration = Duration::from_secs(30);

/// Bytes of an answer at most: some tokens of a few kilobytes.
const ANSWER_BYTES_MAX: usize = 128 << 10;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the relay calls itself: no other program's name.
const OWN_NAME: &str = concat!("claude-relay/", env!("CARGO_PKG_VERSION"));

/// An authorisation server, as the operator's client sees it.
#[derive(Clone, Copy)]
pub struct OAuthServer<'a> {
    /// The client.
    pub client: &'a OAuthClient,
    /// Its secret, opened.
    pub secret: Option<&'a SecretString>,
    /// The way there.
    pub calls: &'a dyn Calls,
}

/// A whole answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

type Parameters<'p> = Vec<(&'static str, &'p str)>;

impl OAuthServer<'_> {
    /// Exchanges a refresh token (RFC 6749, 6). The one that was sent may be spent, whatever is answered.
    ///
    /// Not cancel-safe: dropped in between, what was granted is lost.
    ///
    /// # Errors
    ///
    /// When nothing is granted.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<TokenGrant, OAuthError> {
        let parameters = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        self.grant(parameters, refresh_token).await
    }

    /// Exchanges the code of a sign-in (RFC 6749, 4.1.3, and 7636, 4.5).
    ///
    /// # Errors
    ///
    /// When nothing is granted.
    pub async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        state: &str,
    ) -> Result<TokenGrant, OAuthError> {
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("code_verifier", verifier.expose_secret()),
        ];
        if let Some(redirect) = &self.client.redirect_uri {
            parameters.push(("redirect_uri", redirect));
        }
        // No part of the standard; the provider that takes JSON wants it, and others have to pass it over (RFC 6749, 3.2).
        if self.client.token_body == TokenBody::Json {
            parameters.push(("state", state));
        }
        self.grant(parameters, code).await
    }

    /// Begins a sign-in by device (RFC 8628, 3.1).
    ///
    /// # Errors
    ///
    /// When the client has no device URL, or the server gives no code.
    pub async fn begin_device(&self) -> Result<DeviceStart, OAuthError> {
        let url = self.client.device_url.as_deref().ok_or(OAuthError::Settings("there is no `device_url`"))?;
        let scopes = Some(("scope", self.client.scopes.as_str())).filter(|(_, scopes)| !scopes.is_empty());
        let answer = self.post(url, scopes.into_iter().collect()).await?;
        match self.refusal(&answer, &[]) {
            Some(error) => Err(error),
            None => DeviceStart::read(answer.status, &answer.body),
        }
    }

    /// Asks how a sign-in by device stands (RFC 8628, 3.4).
    ///
    /// # Errors
    ///
    /// When the server does not say.
    pub async fn poll_device(&self, device_code: &SecretString) -> Result<DevicePoll, OAuthError> {
        let parameters = vec![("grant_type", DEVICE_GRANT), ("device_code", device_code.expose_secret())];
        match self.grant(parameters, device_code).await {
            Ok(grant) => Ok(DevicePoll::Granted(Box::new(grant))),
            Err(OAuthError::Refused { code: RefusalCode::AuthorizationPending, .. }) => Ok(DevicePoll::Pending),
            Err(OAuthError::Refused { code: RefusalCode::SlowDown, .. }) => Ok(DevicePoll::SlowDown),
            Err(OAuthError::Refused { code: RefusalCode::AccessDenied, .. }) => Ok(DevicePoll::Denied),
            Err(OAuthError::Refused { code: RefusalCode::ExpiredToken | RefusalCode::InvalidGrant, .. }) => {
                Ok(DevicePoll::Expired)
            }
            Err(error) => Err(error),
        }
    }

    /// Revokes a token (RFC 7009); one that the server does not know counts as revoked.
    ///
    /// # Errors
    ///
    /// When the client has no revocation URL, or the server does not say that it is done.
    pub async fn revoke(&self, token: &SecretString, hint: &'static str) -> Result<(), OAuthError> {
        let url = self.client.revoke_url.as_deref().ok_or(OAuthError::Settings("there is no `revoke_url`"))?;
        let parameters = vec![("token", token.expose_secret()), ("token_type_hint", hint)];
        let answer = self.post(url, parameters).await?;
        self.refusal(&answer, &[token]).map_or(Ok(()), Err)
    }

    async fn grant(&self, parameters: Parameters<'_>, sent: &SecretString) -> Result<TokenGrant, OAuthError> {
        let answer = self.post(&self.client.token_url, parameters).await?;
        TokenGrant::read(answer.status, &answer.headers, &answer.body, &self.secrets(&[sent]))
    }

    fn refusal(&self, answer: &Answer, sent: &[&SecretString]) -> Option<OAuthError> {
        refusal(answer.status, &answer.headers, &answer.body, &self.secrets(sent))
    }

    fn secrets<'s>(&'s self, sent: &[&'s SecretString]) -> Vec<&'s SecretString> {
        sent.iter().copied().chain(self.secret).collect()
    }

    /// Sends one request and reads its whole answer.
    async fn post(&self, url: &str, parameters: Parameters<'_>) -> Result<Answer, OAuthError> {
        let request = self.request(url, parameters)?;
        let answered = tokio::time::timeout(TOKEN_CALL_MAX, async {
            let answer = self.calls.call(request).await.map_err(|error| OAuthError::from_send(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|_| OAuthError::Lost)?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
        });
        answered.await.unwrap_or(Err(OAuthError::Lost))
    }

    fn request<'p>(&'p self, url: &str, mut parameters: Parameters<'p>) -> Result<Request<Parts>, OAuthError> {
        let mut request = Request::post(url).header(ACCEPT, "application/json").header(USER_AGENT, OWN_NAME);
        match (self.secret, self.client.client_auth) {
            (Some(secret), ClientAuth::Basic) => {
                request = request.header(AUTHORIZATION, basic(&self.client.client_id, secret)?);
            }
            (Some(secret), ClientAuth::Body) => {
                parameters.push(("client_id", &self.client.client_id));
                parameters.push(("client_secret", secret.expose_secret()));
            }
            (None, _) => parameters.push(("client_id", &self.client.client_id)),
        }
        let (kind, body) = match self.client.token_body {
            TokenBody::Form => ("application/x-www-form-urlencoded", form(&parameters)),
            TokenBody::Json => ("application/json", json(&parameters)),
        };
        let request = request.header(CONTENT_TYPE, kind).body(Parts::from(Bytes::from(body)));
        request.map_err(|_| OAuthError::Settings("a URL is none"))
    }
}

fn form(parameters: &Parameters<'_>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

fn json(parameters: &Parameters<'_>) -> String {
    let object = parameters.iter().map(|(name, value)| ((*name).to_owned(), serde_json::Value::from(*value)));
    serde_json::Value::Object(object.collect()).to_string()
}

/// Id and secret, each written as in a form before they are joined (RFC 6749, 2.3.1).
fn basic(client_id: &str, secret: &SecretString) -> Result<HeaderValue, OAuthError> {
    let written = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", written(client_id), written(secret.expose_secret()));
    let value = HeaderValue::try_from(format!("Basic {}", Base64::encode_string(pair.as_bytes())));
    let mut value = value.map_err(|_| OAuthError::Settings("the client's id or secret cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}
