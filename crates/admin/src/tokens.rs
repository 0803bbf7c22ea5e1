//! The tokens of sign-ins: JWTs (RFC 7519) signed with HMAC-SHA-256. A token alone opens nothing: its session must exist.

mod hs256;

use domain::{AdminId, Role, SessionId, Timestamp, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::sessions::SessionSubject;
use vault::JwtSecret;

/// Longest token that is looked at, in bytes; ours have about 300.
const TOKEN_BYTES_MAX: usize = 2048;

/// What stands in the place of a role in the token of a user.
const USER: &str = "user";

/// Signs and verifies.
pub(crate) struct TokenKeys {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

/// What a token says. The role is a hint for clients; what counts is the administrator's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    /// Its session.
    pub(crate) session: SessionId,
    /// Whose it is.
    pub(crate) subject: SessionSubject,
    /// An administrator's role when it was issued; none for a user.
    pub(crate) role: Option<Role>,
    /// When it was issued, in whole seconds.
    pub(crate) issued_at: Timestamp,
    /// When it ends, in whole seconds.
    pub(crate) expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct WireClaims {
    jti: String,
    sub: String,
    role: String,
    iat: i64,
    exp: i64,
}

impl TokenKeys {
    pub(crate) fn new(secret: &JwtSecret) -> Self {
        hs256::install();
        let bytes = secret.expose().expose_secret().as_bytes();
        // This algorithm and no other: a token that names another is refused before its signature is looked at.
        let mut validation = Validation::new(Algorithm::HS256);
        // The library would read the system's clock; the end is compared with ours below.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Self { signing: EncodingKey::from_secret(bytes), verifying: DecodingKey::from_secret(bytes), validation }
    }

    /// The token of `claims`.
    ///
    /// # Errors
    ///
    /// When the library cannot sign, which it always can with an HMAC key.
    pub(crate) fn issue(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let subject = match &claims.subject {
            SessionSubject::Admin(id) => id.as_str(),
            SessionSubject::User(id) => id.as_str(),
        };
        let claims = WireClaims {
            jti: claims.session.as_str().to_owned(),
            sub: subject.to_owned(),
            role: claims.role.map_or(USER, Role::as_str).to_owned(),
            iat: claims.issued_at.as_ms() / 1000,
            exp: claims.expires_at.as_ms() / 1000,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
    }

    /// What `token` says, if we signed it and it has not ended at `now`.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let claims = decode::<WireClaims>(token, &self.verifying, &self.validation).ok()?.claims;
        let (subject, role) = match claims.role.as_str() {
            USER => (SessionSubject::User(UserId::parse(&claims.sub).ok()?), None),
            role => (SessionSubject::Admin(AdminId::parse(&claims.sub).ok()?), Some(Role::parse(role)?)),
        };
        let claims = Claims {
            session: SessionId::parse(&claims.jti).ok()?,
            subject,
            role,
            issued_at: Timestamp::from_ms(claims.iat.checked_mul(1000)?),
            expires_at: Timestamp::from_ms(claims.exp.checked_mul(1000)?),
        };
        (now < claims.expires_at).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_ms(1_795_426_200_000);

    fn keys(secret: &str) -> TokenKeys {
        TokenKeys::new(&JwtSecret::parse(secret).expect("long enough"))
    }

    fn claims() -> Claims {
        Claims {
            session: SessionId::parse("s1").expect("an id"),
            subject: SessionSubject::Admin(AdminId::parse("a1").expect("an id")),
            role: Some(Role::Operator),
            issued_at: NOW,
            expires_at: NOW.plus(Duration::from_secs(60)),
        }
    }

    #[test]
    fn a_token_says_what_it_was_issued_for_until_it_ends() {
        let keys = keys("0123456789abcdef0123456789abcdef");
        let token = keys.issue(&claims()).expect("signs");
        assert_eq!(keys.verify(&token, NOW), Some(claims()));
        assert_eq!(keys.verify(&token, NOW.plus(Duration::from_secs(60))), None);
    }

    #[test]
    fn a_user_s_token_is_no_administrator_s() {
        let keys = keys("0123456789abcdef0123456789abcdef");
        let subject = SessionSubject::User(UserId::parse("a1").expect("an id"));
        let of_user = Claims { subject, role: None, ..claims() };
        let token = keys.issue(&of_user).expect("signs");
        assert_eq!(keys.verify(&token, NOW), Some(of_user));
    }

    #[test]
    fn a_token_of_another_secret_or_with_another_algorithm_is_none() {
        let ours = keys("0123456789abcdef0123456789abcdef");
        let other = keys("fedcba9876543210fedcba9876543210");
        assert_eq!(ours.verify(&other.issue(&claims()).expect("signs"), NOW), None);
        let wire = WireClaims {
            jti: "s1".to_owned(),
            sub: "a1".to_owned(),
            role: "owner".to_owned(),
            iat: 0,
            exp: i64::from(u32::MAX),
        };
        let signed = encode(&Header::new(Algorithm::HS256), &wire, &ours.signing).expect("signs");
        assert!(ours.verify(&signed, NOW).is_some());
        let (start, signature) = signed.rsplit_once('.').expect("three parts");
        let (_, body) = start.split_once('.').expect("three parts");
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, r#"{"alg":"RS256"}"#] {
            let header = Base64UrlUnpadded::encode_string(header.as_bytes());
            assert_eq!(ours.verify(&format!("{header}.{body}.{signature}"), NOW), None);
            assert_eq!(ours.verify(&format!("{header}.{body}."), NOW), None);
        }
    }
}
