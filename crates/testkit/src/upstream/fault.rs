//! The provider's documented errors: type, status and body. Nothing is decided here.

use crate::upstream::answer::json_text;

/// A documented kind of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400: the request's format or content.
    InvalidRequest,
    /// 401: the API key.
    Authentication,
    /// 402: billing or payment.
    Billing,
    /// 403: the key may not use the resource.
    Permission,
    /// 404: no such resource.
    NotFound,
    /// 413: more bytes than allowed.
    RequestTooLarge,
    /// 429: a rate limit of the account.
    RateLimit,
    /// 500: internal to the provider.
    Api,
    /// 504: timed out at the provider.
    Timeout,
    /// 529: overloaded for everybody.
    Overloaded,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::InvalidRequest,
        Self::Authentication,
        Self::Billing,
        Self::Permission,
        Self::NotFound,
        Self::RequestTooLarge,
        Self::RateLimit,
        Self::Api,
        Self::Timeout,
        Self::Overloaded,
    ];

    /// The documented HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Authentication => 401,
            Self::Billing => 402,
            Self::Permission => 403,
            Self::NotFound => 404,
            Self::RequestTooLarge => 413,
            Self::RateLimit => 429,
            Self::Api => 500,
            Self::Timeout => 504,
            Self::Overloaded => 529,
        }
    }

    /// The kind that `status` is documented for; `Api` for any other from 500 on, else `InvalidRequest`.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        let other = if status >= 500 { Self::Api } else { Self::InvalidRequest };
        Self::ALL.iter().copied().find(|kind| kind.status() == status).unwrap_or(other)
    }

    /// The value of `error.type`.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Billing => "billing_error",
            Self::Permission => "permission_error",
            Self::NotFound => "not_found_error",
            Self::RequestTooLarge => "request_too_large",
            Self::RateLimit => "rate_limit_error",
            Self::Api => "api_error",
            Self::Timeout => "timeout_error",
            Self::Overloaded => "overloaded_error",
        }
    }

    /// A text for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::InvalidRequest => "messages: at least one message is required",
            Self::Authentication => "invalid x-api-key",
            Self::Billing => "Your credit balance is too low to access the Anthropic API.",
            Self::Permission => "Your API key does not have permission to use the specified resource.",
            Self::NotFound => "The requested resource could not be found.",
            Self::RequestTooLarge => "Request exceeds the maximum size",
            Self::RateLimit => "This request would exceed your account's rate limit. Please try again later.",
            Self::Api => "Internal server error",
            Self::Timeout => "Request timed out.",
            Self::Overloaded => "Overloaded",
        }
    }

    /// The documented body, with `message` and the request's id in it.
    #[must_use]
    pub fn body(self, message: &str, request_id: &str) -> String {
        let (kind, message, id) = (self.type_name(), json_text(message), json_text(request_id));
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":{message}}},"request_id":{id}}}"#)
    }

    /// The documented `error` event of a stream.
    #[must_use]
    pub fn event(self) -> String {
        let (kind, message) = (self.type_name(), json_text(self.message()));
        format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":{message}}}}}\n\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_again_by_its_status() {
        for &kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::of_status(kind.status()), kind);
        }
        assert_eq!(ErrorKind::of_status(503), ErrorKind::Api);
    }

    #[test]
    fn an_error_body_is_json_of_the_documented_shape() {
        let body = ErrorKind::Overloaded.body("a \"quoted\"\nword", "req_1");
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["type"], "error");
        assert_eq!(value["error"]["type"], "overloaded_error");
        assert_eq!(value["error"]["message"], "a \"quoted\"\nword");
        assert_eq!(value["request_id"], "req_1");
    }
}
