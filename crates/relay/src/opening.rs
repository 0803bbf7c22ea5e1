//! What opens an account's API, put on a request: a stored key, an access token that is kept fresh, or a signature over the whole.

use crate::{directory::Seat, relay::Relay};
use credentials::{AccessToken, CredentialError};
use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use upstream::{AwsChainError, Opening, SendError, SignError, UpstreamBody, client::Parts, sign};

/// Why a request was not answered at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsent {
    /// It was sent, or tried to be.
    #[error(transparent)]
    Sent(#[from] SendError),
    /// There is no access token.
    #[error("there is no access token")]
    NoToken(#[from] CredentialError),
    /// There are no AWS keys.
    #[error("there are no AWS keys")]
    NoKeys(#[from] AwsChainError),
    /// It cannot be signed.
    #[error("the request cannot be signed")]
    Unsigned(#[from] SignError),
    /// The token has a character that no header has.
    #[error("the access token cannot be sent in a header")]
    Token,
}

impl Relay {
    /// Opens `request` for `seat`, sends it on the account's line and waits for the head of the answer. An access token that is refused
    /// is replaced by a fresh one, once.
    pub(crate) async fn send(
        &self,
        seat: &Seat,
        mut request: Request<Parts>,
    ) -> Result<Response<UpstreamBody>, Unsent> {
        match seat.destination.opening() {
            Opening::Header((name, value)) => {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            Opening::InTurn(pairs) => {
                let (name, value) = pairs.next();
                request.headers_mut().insert(name.clone(), value.clone());
            }
            Opening::AwsSignature { region, keys } => {
                let now = self.clock.now();
                let found = match keys {
                    Some(keys) => keys.clone(),
                    None => self.aws.keys(now).await?,
                };
                sign(&mut request, &found, region, now)?;
            }
            Opening::OAuth => return self.send_with_token(seat, request).await,
        }
        Ok(seat.line.send(request).await?)
    }

    async fn send_with_token(&self, seat: &Seat, request: Request<Parts>) -> Result<Response<UpstreamBody>, Unsent> {
        let token = self.credentials.access_token(&seat.account).await?;
        let answer = seat.line.send(bearing(request.clone(), &token)?).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        match self.credentials.refused(&seat.account.id, &token).await {
            Ok(fresh) => Ok(seat.line.send(bearing(request, &fresh)?).await?),
            Err(error) => {
                tracing::warn!(account.id = %seat.account.id, error = &error as &dyn std::error::Error, "a refused access token has no successor");
                Ok(answer)
            }
        }
    }
}

fn bearing(mut request: Request<Parts>, token: &AccessToken) -> Result<Request<Parts>, Unsent> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| Unsent::Token)?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(request)
}
