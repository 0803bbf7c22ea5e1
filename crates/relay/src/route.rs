//! Which paths belong to the data plane. The same calls stand at the root and below the earlier service's mounts.

use domain::AttemptKind;
use http::Method;

/// The mounts, longest first; the empty one is the root.
const MOUNTS: [&str; 3] = ["/claude", "/api", ""];

/// A call of the data plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A client's look whether anybody is there: `HEAD /`, without a key.
    Hello,
    /// A call that goes to an account.
    Call(AttemptKind),
    /// A holder's question about its own key.
    Own(OwnCall),
    /// A path that nobody serves.
    Nowhere,
    /// One of these paths with another method.
    WrongMethod {
        /// The methods that there are.
        allow: &'static str,
    },
}

/// What a key's holder may ask about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnCall {
    /// What it has used.
    Usage,
    /// What it is and may do.
    KeyInfo,
    /// Both, for a page of statistics.
    Stats,
}

impl Route {
    /// The call at `method` and `path`; none when the path is not the data plane's.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        MOUNTS.iter().filter_map(|mount| path.strip_prefix(mount)).find_map(|rest| Self::below_mount(method, rest))
    }

    fn below_mount(method: &Method, path: &str) -> Option<Self> {
        let call = |allow, kind| if method == allow { Self::Call(kind) } else { Self::WrongMethod { allow } };
        let own = |call| if method == Method::GET { Self::Own(call) } else { Self::WrongMethod { allow: "GET" } };
        match path {
            "/v1/usage" => Some(own(OwnCall::Usage)),
            "/v1/key-info" => Some(own(OwnCall::KeyInfo)),
            "/v1/stats" => Some(own(OwnCall::Stats)),
            "/v1/messages" => Some(call("POST", AttemptKind::Message)),
            "/v1/messages/count_tokens" => Some(call("POST", AttemptKind::CountTokens)),
            "/v1/models" => Some(call("GET", AttemptKind::ModelList)),
            "/" | "" if method == Method::HEAD => Some(Self::Hello),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_stand_at_every_mount() {
        for mount in ["", "/api", "/claude"] {
            let at = |method: Method, path: &str| Route::of(&method, &format!("{mount}{path}"));
            assert_eq!(at(Method::POST, "/v1/messages"), Some(Route::Call(AttemptKind::Message)));
            assert_eq!(at(Method::POST, "/v1/messages/count_tokens"), Some(Route::Call(AttemptKind::CountTokens)));
            assert_eq!(at(Method::GET, "/v1/models"), Some(Route::Call(AttemptKind::ModelList)));
            assert_eq!(at(Method::GET, "/v1/usage"), Some(Route::Own(OwnCall::Usage)));
            assert_eq!(at(Method::POST, "/v1/stats"), Some(Route::WrongMethod { allow: "GET" }));
            assert_eq!(at(Method::HEAD, "/"), Some(Route::Hello));
            assert_eq!(at(Method::GET, "/v1/messages"), Some(Route::WrongMethod { allow: "POST" }));
        }
    }

    #[test]
    fn other_paths_are_not_the_data_plane_s() {
        for path in ["/", "/admin/session", "/health", "/v1/messages/", "/apiv1/messages", "/api/api/v1/messages"] {
            assert_eq!(Route::of(&Method::GET, path), None, "{path}");
        }
    }
}
