//! OAuth 2.0 as a client: sign-in by authorisation code with PKCE or by device, refresh, revocation. No token is kept here.
//!
//! What each call needs of the authorisation server is the operator's setting ([`domain::OAuthClient`]); nothing is built in. The
//! standards are RFC 6749 (framework), 6750 (bearer tokens), 7009 (revocation), 7636 (PKCE) and 8628 (devices).

mod answer;
mod authorize;
mod calls;
mod claims;
mod device;
mod error;
mod server;

pub use answer::TokenGrant;
pub use authorize::{Authorization, AuthorizeError, PASTED_CHARS_MAX, PastedCode, PastedError, authorize_url};
pub use calls::Calls;
pub use device::{DevicePoll, DeviceStart};
pub use error::{OAuthError, RefusalCode};
pub use server::{OAuthServer, TOKEN_CALL_MAX};
