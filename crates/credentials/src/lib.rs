//! An account's usable credential: opened, cached, refreshed once across nodes, kept before it is used. No HTTP server is known here.
//!
//! A request asks [`Credentials::access_token`]. While the token is good that is a look into memory. A token near its end is refreshed
//! beside the requests that still use it; one that has ended is waited for, by all who ask at once together.
//!
//! A refresh token is often valid once. Therefore a refresh is made by one node at a time (the account's lock), its intent is written
//! before the request is sent, and its answer is synced to disk before it is used. Whatever dies in between, the next refresh finds the
//! intent, and tries the token that is stored once more: it works, or the account says that it needs a new sign-in.

mod access;
mod ahead;
mod client;
mod credentials;
mod desk;
mod error;
mod grant;
mod known;
mod lock;
mod opening;
mod proxy;
mod refresh;
mod refresh_error;
mod sign_in;

pub use access::AccessToken;
pub use client::OpenedClient;
pub use credentials::{Credentials, Parts, Ways};
pub use error::{CredentialError, FailureKind, SignInReason};
pub use grant::PastedTokens;
pub use opening::{OpeningError, bear};
pub use proxy::proxy_of;
