//! The relay's admin API, as far as tests need it. Answers are JSON as it came.

use crate::client::{Answered, HttpClient, SendError};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

/// A signed-in administrator.
#[derive(Debug, Clone)]
pub struct AdminClient {
    client: HttpClient,
    authorization: String,
}

/// A key as it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedKey {
    /// Its id.
    pub id: String,
    /// The clear key.
    pub key: String,
}

/// An operation that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There was no whole answer.
    #[error("{method} {path} got no answer")]
    Send {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// Why.
        source: SendError,
    },
    /// The answer was not a success.
    #[error("{method} {path} was answered {status}: {body}")]
    Refused {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// The body.
        body: Value,
    },
}

impl AdminClient {
    /// Signs in at `base_url`: `POST /admin/session`.
    ///
    /// # Errors
    ///
    /// When name or password is not right.
    pub async fn sign_in(base_url: &str, username: &str, password: &str) -> Result<Self, AdminError> {
        let anonymous = Self { client: HttpClient::new(base_url), authorization: String::new() };
        let session = anonymous.post("/admin/session", &json!({"username": username, "password": password})).await?;
        let token = session["token"].as_str().unwrap_or_default();
        Ok(Self { authorization: format!("Bearer {token}"), ..anonymous })
    }

    /// Adds a Claude Console account; gives its id.
    ///
    /// # Errors
    ///
    /// When the relay refuses.
    pub async fn create_account(&self, name: &str, base_url: &str, api_key: &str) -> Result<String, AdminError> {
        let account = json!({"platform": "claude-console", "name": name, "base_url": base_url, "api_key": api_key});
        let created = self.post("/admin/accounts", &account).await?;
        Ok(created["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Issues an API key.
    ///
    /// # Errors
    ///
    /// When the relay refuses.
    pub async fn create_key(&self, name: &str) -> Result<IssuedKey, AdminError> {
        let created = self.post("/admin/api-keys", &json!({"name": name})).await?;
        let text = |field: &str| created[field].as_str().unwrap_or_default().to_owned();
        Ok(IssuedKey { id: text("id"), key: text("key") })
    }

    /// The newest records of the ledger, up to `limit`: `items` of `GET /admin/usage/records`.
    ///
    /// # Errors
    ///
    /// When the relay refuses.
    pub async fn records(&self, limit: usize) -> Result<Vec<Value>, AdminError> {
        let page = self.get(&format!("/admin/usage/records?limit={limit}")).await?;
        Ok(page["items"].as_array().cloned().unwrap_or_default())
    }

    /// The totals: `GET /admin/usage`.
    ///
    /// # Errors
    ///
    /// When the relay refuses.
    pub async fn usage(&self) -> Result<Value, AdminError> {
        self.get("/admin/usage").await
    }

    /// Any `GET`.
    ///
    /// # Errors
    ///
    /// When the answer is not a success.
    pub async fn get(&self, path: &str) -> Result<Value, AdminError> {
        self.call(Method::GET, path, None).await
    }

    /// Any `POST`.
    ///
    /// # Errors
    ///
    /// When the answer is not a success.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, AdminError> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Any `PATCH`.
    ///
    /// # Errors
    ///
    /// When the answer is not a success.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value, AdminError> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Any `DELETE`.
    ///
    /// # Errors
    ///
    /// When the answer is not a success.
    pub async fn delete(&self, path: &str) -> Result<Value, AdminError> {
        self.call(Method::DELETE, path, None).await
    }

    /// Any call, with whatever answer: for tests of refusals.
    ///
    /// # Errors
    ///
    /// When the answer does not come whole.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answered, SendError> {
        let mut request = Request::builder().method(method).uri(path);
        if !self.authorization.is_empty() {
            request = request.header("authorization", &self.authorization);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        self.client.send(request.body(body)?).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, AdminError> {
        let sent = self.send(method.clone(), path, body).await;
        let path = path.to_owned();
        let answered = match sent {
            Ok(answered) => answered,
            Err(source) => return Err(AdminError::Send { method, path, source }),
        };
        if answered.status.is_success() {
            return Ok(answered.json());
        }
        Err(AdminError::Refused { method, path, status: answered.status.as_u16(), body: answered.json() })
    }
}
