//! A request is opened for its account and sent on the account's line.

use crate::{directory::Seat, relay::Relay};
use credentials::{OpeningError, bear};
use http::{Request, Response, StatusCode};
use upstream::{SendError, UpstreamBody, client::Parts};

/// Why a request was not answered at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsent {
    /// It was sent, or tried to be.
    #[error(transparent)]
    Sent(#[from] SendError),
    /// There is nothing to open the account with.
    #[error("the account cannot be opened")]
    Unopened(#[from] OpeningError),
}

impl Relay {
    /// Opens `request` for `seat`, sends it and waits for the head of the answer. An access token that is refused is replaced by a
    /// fresh one, once.
    pub(crate) async fn send(
        &self,
        seat: &Seat,
        mut request: Request<Parts>,
    ) -> Result<Response<UpstreamBody>, Unsent> {
        let opening = seat.destination.opening();
        let Some(token) = self.credentials.open(&mut request, &seat.account, opening, &self.aws).await? else {
            return Ok(seat.line.send(request).await?);
        };
        let answer = seat.line.send(request.clone()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        match self.credentials.refused(&seat.account.id, &token).await {
            Ok(fresh) => {
                bear(&mut request, &fresh)?;
                Ok(seat.line.send(request).await?)
            }
            Err(error) => {
                tracing::warn!(account.id = %seat.account.id, error = &error as &dyn std::error::Error, "a refused access token has no successor");
                Ok(answer)
            }
        }
    }
}
