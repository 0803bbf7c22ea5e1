//! No secret gets into the log, at any level.

use crate::plane::{PASSWORD, Plane};
use domain::Role;
use http::Method;
use parking_lot::Mutex;
use serde_json::json;
use std::{
    io::{self, Write},
    sync::Arc,
};
use testkit::{ErrorKind, Reply, Script, ScriptedUpstream};
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_password_token_key_or_credential_is_logged() {
    let log = Log::default();
    // While there is one subscriber only, an event that another test's thread is the first to meet is switched off for all.
    let _other = tracing::Dispatch::new(tracing_subscriber::registry());
    let everything = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(everything);
    let plane = Plane::new().await;
    plane.sign_in("operator", "a wrong secret").await.expect(401);
    let operator = plane.caller(Role::Operator).await;
    let key = operator.post("/admin/api-keys", json!({"name": "k"})).await.expect(201);
    let path = format!("/admin/api-keys/{}/regenerate", key["id"].as_str().expect("an id"));
    let regenerated = operator.send(Method::POST, &path, None).await.expect(200);
    let upstream = ScriptedUpstream::start(Script::always(Reply::error(ErrorKind::Authentication))).await;
    let upstream = upstream.expect("starts");
    let account = json!({"platform": "ccr", "name": "a", "base_url": upstream.base_url(), "api_key": "credential-1"});
    let account = operator.post("/admin/accounts", account).await.expect(201);
    let path = format!("/admin/accounts/{}", account["id"].as_str().expect("an id"));
    operator.patch(&path, json!({"api_key": "credential-2"})).await.expect(200);
    operator.post(&format!("{path}/test"), json!({})).await.expect(200);
    operator.post("/admin/accounts", json!({"api_key": "credential-3", "name": 5})).await.expect(422);
    for wrong in [json!("http://u:credential-4@p.example:1"), json!("credential-5"), json!(["credential-6"])] {
        let keys = json!({"platform": "droid", "name": "d", "api_keys": ["credential-7"], "proxy": wrong});
        operator.post("/admin/accounts", keys).await;
    }
    let change = json!({"current_password": PASSWORD, "new_password": "the next secret"});
    operator.post("/admin/me/password", change).await.expect(204);
    let logged = String::from_utf8(log.0.lock().clone()).expect("text");
    assert!(logged.contains("an API key was created") && logged.contains("a sign-in with a wrong name"), "{logged}");
    let [key, new] = [&key, &regenerated].map(|issued| issued["key"].as_str().expect("the key"));
    let secrets = [PASSWORD, "a wrong secret", "the next secret", operator.token.as_str(), key, new];
    for secret in secrets.into_iter().chain(["credential-"]) {
        assert!(!logged.contains(secret), "{secret} is in the log: {logged}");
    }
}
