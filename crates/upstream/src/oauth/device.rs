//! The answers of a sign-in by device (RFC 8628): the code that people type elsewhere, and whether they have.

use super::{answer::TokenGrant, error::OAuthError};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;

/// Between two questions, unless the server says otherwise (RFC 8628, 3.5), and by how much more after `slow_down`.
const INTERVAL: Duration = Duration::from_secs(5);

/// The longest interval that a server is followed to.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// The longest that a device code is waited for.
const LIFE_MAX: Duration = Duration::from_secs(3600);

/// A sign-in by device that has begun.
#[derive(Debug, Clone)]
pub struct DeviceStart {
    /// What the server is asked with.
    pub device_code: SecretString,
    /// What people type.
    pub user_code: String,
    /// Where they type it.
    pub verification_url: String,
    /// The same with the code in it, where the server gives one.
    pub verification_url_complete: Option<String>,
    /// How long the codes are valid, an hour at most.
    pub expires_in: Duration,
    /// How long to wait between two questions, a minute at most.
    pub interval: Duration,
}

/// How a sign-in by device stands.
#[derive(Debug, Clone)]
pub enum DevicePoll {
    /// It was confirmed.
    Granted(Box<TokenGrant>),
    /// Not yet.
    Pending,
    /// Not yet, and it was asked too soon: wait [`DeviceStart::slower`] from now on.
    SlowDown,
    /// A person said no.
    Denied,
    /// The codes are no longer valid.
    Expired,
}

#[derive(Deserialize)]
struct Started {
    device_code: SecretString,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Option<u64>,
    interval: Option<u64>,
}

impl DeviceStart {
    /// Reads the server's answer.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Result<Self, OAuthError> {
        let started: Started = serde_json::from_slice(body).map_err(|_| OAuthError::NotOAuth { status })?;
        let is_shown = |text: &str| !text.is_empty() && text.len() <= 2048 && !text.chars().any(char::is_control);
        let is_url = |text: &str| is_shown(text) && (text.starts_with("https://") || text.starts_with("http://"));
        let fits = !started.device_code.expose_secret().is_empty() && is_shown(&started.user_code);
        if !fits || !is_url(&started.verification_uri) {
            return Err(OAuthError::NotOAuth { status });
        }
        Ok(Self {
            device_code: started.device_code,
            user_code: started.user_code,
            verification_url: started.verification_uri,
            verification_url_complete: started.verification_uri_complete.filter(|url| is_url(url)),
            expires_in: started.expires_in.map_or(LIFE_MAX, Duration::from_secs).min(LIFE_MAX),
            interval: started
                .interval
                .map_or(INTERVAL, Duration::from_secs)
                .clamp(Duration::from_secs(1), INTERVAL_MAX),
        })
    }

    /// The interval after `slow_down` (RFC 8628, 3.5).
    #[must_use]
    pub fn slower(interval: Duration) -> Duration {
        (interval + INTERVAL).min(INTERVAL_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_read_with_the_standard_s_defaults() {
        let bare = r#"{"device_code":"d","user_code":"WDJB-MJHT","verification_uri":"https://a.example/device"}"#;
        let start = DeviceStart::read(StatusCode::OK, bare.as_bytes()).expect("a beginning");
        assert_eq!((start.interval, start.expires_in), (INTERVAL, LIFE_MAX));
        let full = r#"{"device_code":"d","user_code":"u","verification_url":"https://a.example/device","interval":0,
            "expires_in":900,"verification_uri_complete":"https://a.example/device?u"}"#;
        let start = DeviceStart::read(StatusCode::OK, full.as_bytes()).expect("a beginning");
        assert_eq!((start.interval, start.expires_in), (Duration::from_secs(1), Duration::from_secs(900)));
        assert!(start.verification_url_complete.is_some());
        assert_eq!(DeviceStart::slower(start.interval), Duration::from_secs(6));
    }

    #[test]
    fn what_people_could_not_be_shown_is_no_beginning() {
        for body in [
            "{}",
            r#"{"device_code":"","user_code":"u","verification_uri":"https://a.example"}"#,
            r#"{"device_code":"d","user_code":"","verification_uri":"https://a.example"}"#,
            r#"{"device_code":"d","user_code":"u","verification_uri":"javascript:alert(1)"}"#,
        ] {
            assert!(DeviceStart::read(StatusCode::OK, body.as_bytes()).is_err(), "{body}");
        }
    }
}
