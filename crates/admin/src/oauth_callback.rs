//! Where an authorisation server may send people back to: a page that shows what they have to bring to the relay.
//!
//! It changes nothing, and knows nobody: whoever is tricked into opening it with another's code has done no harm. The code counts only
//! where a signed-in administrator finishes the sign-in with it, once, within its ten minutes.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri, header};
use secrecy::ExposeSecret;
use upstream::oauth::PastedCode;

/// Its path, for the client's `redirect_uri`.
pub const CALLBACK_PATH: &str = "/oauth/callback";

/// Shows code and state as plain text.
pub(crate) async fn show(uri: Uri) -> Response {
    let (status, text) = match PastedCode::from_query(uri.query().unwrap_or_default()) {
        Ok(found) => {
            let state = found.state.map(|state| format!("#{state}")).unwrap_or_default();
            let code = found.code.expose_secret();
            let text = format!(
                "To finish the sign-in, paste this line where it was begun, within ten minutes:\n\n{code}{state}\n"
            );
            (StatusCode::OK, text)
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("The sign-in cannot be finished: {error}.\n")),
    };
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
