//! What opens an account's API, put on a request: a stored key, an access token that is kept fresh, or a signature over the whole.

use crate::{access::AccessToken, credentials::Credentials, error::CredentialError};
use domain::{Account, AuthScheme};
use http::Request;
use secrecy::SecretString;
use upstream::{
    AwsChain, AwsChainError, DestinationError, Opening, SignError, client::Parts, destination::credential, sign,
};

/// Why a request cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// There is no access token.
    #[error(transparent)]
    Token(#[from] CredentialError),
    /// There are no AWS keys.
    #[error(transparent)]
    Keys(#[from] AwsChainError),
    /// It cannot be signed.
    #[error("the request cannot be signed")]
    Unsigned(#[from] SignError),
    /// The token has a character that no header has.
    #[error(transparent)]
    Header(#[from] DestinationError),
}

impl Credentials {
    /// Puts what opens `account` on `request`; gives the access token where it is one. `aws` has the keys of accounts that use what the
    /// environment gives.
    ///
    /// Waits where a token has ended ([`access_token`](Self::access_token)) or AWS keys have to be fetched. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When there is nothing to open it with.
    pub async fn open(
        &self,
        request: &mut Request<Parts>,
        account: &Account,
        opening: &Opening,
        aws: &AwsChain,
    ) -> Result<Option<AccessToken>, OpeningError> {
        let (name, value) = match opening {
            Opening::Header(pair) => pair,
            Opening::InTurn(pairs) => pairs.next(),
            Opening::AwsSignature { region, keys } => {
                let now = self.0.clock.now();
                let found = match keys {
                    Some(keys) => keys.clone(),
                    None => aws.keys(now).await?,
                };
                sign(request, &found, region, now)?;
                return Ok(None);
            }
            Opening::OAuth => {
                let token = self.access_token(account).await?;
                bear(request, &token)?;
                return Ok(Some(token));
            }
        };
        request.headers_mut().insert(name.clone(), value.clone());
        Ok(None)
    }
}

/// Puts `token` on `request`, in the place of another.
///
/// # Errors
///
/// When it has a character that no header has.
pub fn bear(request: &mut Request<Parts>, token: &AccessToken) -> Result<(), OpeningError> {
    let (name, value) = credential(AuthScheme::Bearer, &SecretString::from(token.expose()))?;
    request.headers_mut().insert(name, value);
    Ok(())
}
