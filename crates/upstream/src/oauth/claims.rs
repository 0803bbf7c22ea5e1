//! What an ID token says of its owner. Its signature is not checked.
//!
//! That is sound for what is done with it: it came from the token endpoint over TLS, in the answer to this client's own request
//! (`OpenID` Connect Core, 3.1.3.7, point 6), and it opens nothing: it names the account, for people and in a header.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

/// The claims that are used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) email: Option<String>,
    /// The id of the `ChatGPT` account, which calls have to name.
    pub(super) chatgpt_account_id: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    email: Option<String>,
    #[serde(rename = "https://api.openai.com/auth")]
    openai: Option<OpenAi>,
}

#[derive(Deserialize)]
struct OpenAi {
    chatgpt_account_id: Option<String>,
}

/// Reads the payload of a compact JWT; nothing of what is none.
pub(super) fn read(id_token: &str) -> Claims {
    let payload = || {
        let (_header, rest) = id_token.split_once('.')?;
        let (payload, _signature) = rest.split_once('.')?;
        let payload = Base64UrlUnpadded::decode_vec(payload.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Payload>(&payload).ok()
    };
    let Some(payload) = payload() else { return Claims::default() };
    Claims { email: payload.email, chatgpt_account_id: payload.openai.and_then(|claims| claims.chatgpt_account_id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.c2ln", Base64UrlUnpadded::encode_string(payload.as_bytes()))
    }

    #[test]
    fn the_owner_is_read_and_anything_else_is_nobody() {
        let full = r#"{"email":"a@b.example","https://api.openai.com/auth":{"chatgpt_account_id":"acc"}}"#;
        let (email, account) = (Some("a@b.example".to_owned()), Some("acc".to_owned()));
        assert_eq!(read(&token(full)), Claims { email: email.clone(), chatgpt_account_id: account });
        assert_eq!(read(&token(r#"{"email":"a@b.example"}"#)), Claims { email, chatgpt_account_id: None });
        for wrong in ["", "a.b", "a.b.c", &token("[]"), &token(r#"{"email":1}"#)] {
            assert_eq!(read(wrong), Claims::default(), "{wrong}");
        }
    }
}
