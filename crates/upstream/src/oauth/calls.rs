//! The way that a token request takes: straight, or through what the account's calls go through.

use crate::{Client, Line, SendError, UpstreamBody, client::Parts};
use async_trait::async_trait;
use http::{Request, Response};

/// Sends requests and gives the heads of their answers, as [`Client::send`] does.
#[async_trait]
pub trait Calls: Send + Sync {
    /// Sends `request`.
    ///
    /// # Errors
    ///
    /// When no head came.
    async fn call(&self, request: Request<Parts>) -> Result<Response<UpstreamBody>, SendError>;
}

#[async_trait]
impl Calls for Line {
    async fn call(&self, request: Request<Parts>) -> Result<Response<UpstreamBody>, SendError> {
        self.send(request).await
    }
}

#[async_trait]
impl Calls for Client {
    async fn call(&self, request: Request<Parts>) -> Result<Response<UpstreamBody>, SendError> {
        self.send(request).await
    }
}
