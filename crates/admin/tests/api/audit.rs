//! The audit log: whatever may change something leaves one entry, which says who, what and what it was before, and no secret.

use crate::plane::{Caller, PASSWORD, Plane, Reply, request};
use async_trait::async_trait;
use domain::{AccountId, AuditId, Role, Timestamp};
use http::{Method, Request};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use store::{
    AffinityKey, Audit, AuditEntry, Store, StoreError,
    audit::{AuditOutcome, AuditPage, AuditQuery},
    error::StoreFailure,
};
use testkit::{ErrorKind, Reply as Scripted, Script, ScriptedOAuth, ScriptedUpstream};
use vault::{TotpSecret, totp::Step};

const AUDIT: &str = "/admin/audit";

/// Everything in the log, the newest first.
async fn entries(plane: &Plane) -> Vec<AuditEntry> {
    let query = AuditQuery { limit: 500, ..AuditQuery::default() };
    plane.store.audit.page(&query).await.expect("a page").entries
}

/// The latest entry as owners read it.
async fn latest(owner: &Caller<'_>) -> Value {
    owner.get(&format!("{AUDIT}?limit=1")).await.expect(200)["items"][0].clone()
}

fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("no {field} in {body}")).to_owned()
}

/// The operations that may change something, as the document has them: method, path, id.
fn changing() -> Vec<(String, String, String)> {
    let document: Value = serde_json::from_str(&admin::openapi_text()).expect("JSON");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item").iter().filter(|(method, _)| *method != "get") {
            found.push((method.to_uppercase(), path.clone(), text(operation, "operationId")));
        }
    }
    found
}

/// A walk through the operations.
struct Walk {
    plane: Plane,
    /// Those that were done.
    done: BTreeSet<String>,
    /// What must be in no entry.
    secrets: Vec<String>,
}

impl Walk {
    /// Does `operation`, and looks at what it left.
    async fn does(&mut self, operation: &str, token: &str, path: &str, body: Value) -> Value {
        self.plane.clock.advance(Duration::from_secs(1));
        let before = entries(&self.plane).await.len();
        let all = changing();
        let (method, ..) = all.iter().find(|(.., id)| id == operation).unwrap_or_else(|| panic!("no {operation}"));
        let method: Method = method.parse().expect("a method");
        let body = (!body.is_null()).then_some(body);
        let reply = self.plane.send(request(method, path, Some(token), body.as_ref())).await;
        assert!(reply.status.is_success(), "{operation}: {} {}", reply.status, reply.body);
        let after = entries(&self.plane).await;
        assert_eq!(after.len(), before + 1, "{operation} leaves one entry");
        let entry = &after[0];
        assert_eq!((entry.operation.as_str(), entry.outcome), (operation, AuditOutcome::Done), "{operation}");
        assert_eq!(reply.headers["x-request-id"].to_str().expect("text"), entry.request, "{operation}");
        assert!(entry.actor.id.is_some(), "{operation}");
        self.done.insert(operation.to_owned());
        reply.body
    }

    fn hides(&mut self, secret: &str) -> String {
        self.secrets.push(secret.to_owned());
        secret.to_owned()
    }

    fn hides_in(&mut self, body: &Value, field: &str) -> String {
        let secret = text(body, field);
        self.hides(&secret)
    }

    async fn signs_in(&mut self, username: &str, password: &str) -> String {
        let body = json!({"username": username, "password": password});
        let opened = self.does("sign_in", "", "/admin/session", body).await;
        self.hides_in(&opened, "token")
    }

    async fn user_signs_in(&mut self, password: &str) -> String {
        let body = json!({"email": "mira@example.com", "password": password});
        let opened = self.does("user_sign_in", "", "/user/session", body).await;
        self.hides_in(&opened, "token")
    }

    /// The id of the newest open session at `path`.
    async fn session(&self, token: &str, path: &str) -> String {
        let sessions = self.plane.send(request(Method::GET, path, Some(token), None)).await.expect(200);
        let other = sessions["items"].as_array().expect("items").iter().find(|session| session["current"] == false);
        text(other.expect("another session"), "id")
    }

    async fn keys(&mut self, owner: &str) {
        let key = self
            .does(
                "create_api_key",
                owner,
                "/admin/api-keys",
                json!({"name": "k", "expires_at": "2027-01-01T00:00:00Z"}),
            )
            .await;
        self.hides_in(&key, "key");
        let path = format!("/admin/api-keys/{}", text(&key, "id"));
        self.does("change_api_key", owner, &path, json!({"name": "n"})).await;
        let issued = self.does("regenerate_api_key", owner, &format!("{path}/regenerate"), Value::Null).await;
        self.hides_in(&issued, "key");
        self.does("renew_api_key", owner, &format!("{path}/renew"), json!({"extend_by": {"days": 1}})).await;
        self.does("delete_api_key", owner, &path, Value::Null).await;
        self.does("restore_api_key", owner, &format!("{path}/restore"), Value::Null).await;
        self.does("delete_api_key", owner, &path, Value::Null).await;
        self.does("purge_api_key", owner, &format!("{path}/purge"), Value::Null).await;
        let batch = "/admin/api-keys/batch";
        let made = self.does("create_api_keys", owner, batch, json!({"keys": [{"name": "a"}, {"name": "b"}]})).await;
        let mut ids = Vec::new();
        for item in made["items"].as_array().expect("items") {
            self.hides_in(&item["api_key"], "key");
            ids.push(text(item, "id"));
        }
        self.does("change_api_keys", owner, batch, json!({"ids": ids, "patch": {"name": "c"}})).await;
        self.does("delete_api_keys", owner, &format!("{batch}/delete"), json!({"ids": ids})).await;
        self.does("restore_api_keys", owner, &format!("{batch}/restore"), json!({"ids": ids})).await;
        assert_eq!(entries(&self.plane).await[0].changes.len(), 2);
    }

    async fn accounts(&mut self, owner: &str) {
        let upstream = ScriptedUpstream::start(Script::always(Scripted::error(ErrorKind::Authentication))).await;
        let upstream = upstream.expect("starts");
        let body = json!({"platform": "ccr", "name": "a", "base_url": upstream.base_url(), "api_key": self.hides("credential-1")});
        let account = self.does("create_account", owner, "/admin/accounts", body).await;
        let path = format!("/admin/accounts/{}", text(&account, "id"));
        let body = json!({"api_key": self.hides("credential-2")});
        self.does("change_account", owner, &path, body).await;
        self.does("test_account", owner, &format!("{path}/test"), json!({})).await;
        self.does("reset_account", owner, &format!("{path}/reset"), Value::Null).await;
        self.ends_sticky_sessions(owner, &text(&account, "id")).await;
        let body = json!({"field": "api_key", "password": PASSWORD});
        let shown = self.does("reveal_account_credential", owner, &format!("{path}/credentials/reveal"), body).await;
        assert_eq!(shown["credential"], "credential-2");
        self.does("delete_account", owner, &path, Value::Null).await;
        let price = json!({"provider": "other", "prices": [{"tiers": [{"input": 1, "output": 2}]}]});
        self.does("set_model_price", owner, "/admin/model-pricing/m", price).await;
        self.does("delete_model_price", owner, "/admin/model-pricing/m", Value::Null).await;
    }

    async fn ends_sticky_sessions(&mut self, owner: &str, account: &str) {
        let (session, id) =
            (AffinityKey::parse(&"a".repeat(64)).expect("a hash"), AccountId::parse(account).expect("an id"));
        let (affinity, now) = (Arc::clone(&self.plane.store.affinity), self.plane.clock.now());
        affinity.bind(&session, None, &id, Duration::from_secs(60), now).await.expect("binds");
        let path = format!("/admin/sticky-sessions?account={account}");
        let ended = self.does("end_sticky_sessions", owner, &path, Value::Null).await;
        assert_eq!(ended, json!({"ended": 1}));
        let changed = entries(&self.plane).await[0].changes.clone();
        assert_eq!((changed[0].resource.id.as_str(), changed[0].after.len()), (account, 1), "{changed:?}");
    }

    async fn groups(&mut self, owner: &str) {
        let body = json!({"platform": "ccr", "name": "g", "base_url": "https://g.example", "api_key": self.hides("credential-3")});
        let account = self.does("create_account", owner, "/admin/accounts", body).await;
        let group =
            self.does("create_account_group", owner, "/admin/account-groups", json!({"name": "research"})).await;
        let path = format!("/admin/account-groups/{}", text(&group, "id"));
        let member = format!("{path}/members/{}", text(&account, "id"));
        self.does("change_account_group", owner, &path, json!({"name": "teaching"})).await;
        self.does("add_account_group_member", owner, &member, Value::Null).await;
        self.does("remove_account_group_member", owner, &member, Value::Null).await;
        self.does("delete_account_group", owner, &path, Value::Null).await;
        let rates = json!({"rate_multipliers": {"ccr": "1.5"}});
        self.does("set_rate_multipliers", owner, "/admin/rate-multipliers", rates).await;
        let key = self.does("create_api_key", owner, "/admin/api-keys", json!({"name": "k", "tags": ["old"]})).await;
        self.hides_in(&key, "key");
        self.does("rename_tag", owner, "/admin/tags/old/rename", json!({"name": "new"})).await;
        self.does("delete_tag", owner, "/admin/tags/new", Value::Null).await;
    }

    async fn oauth(&mut self, owner: &str) {
        let server = ScriptedOAuth::start().await.expect("starts");
        let base = server.base_url();
        let client = json!({"token_url": format!("{base}/token"), "authorize_url": format!("{base}/authorize"),
            "redirect_uri": "http://localhost/cb", "client_id": "c", "client_secret": self.hides("client-secret-1"),
            "revoke_url": format!("{base}/revoke")});
        self.does("set_oauth_client", owner, "/admin/oauth-clients/claude", client).await;
        crate::oauth::add_account(&self.plane).await;
        let path = "/admin/accounts/a1/oauth";
        let started = self.does("start_account_sign_in", owner, &format!("{path}/start"), json!({})).await;
        let url = url::Url::parse(started["url"].as_str().expect("a URL")).expect("a URL");
        let challenge = url.query_pairs().find(|(name, _)| name == "code_challenge").expect("a challenge").1;
        server.agree("code-of-the-walk", &challenge);
        let body = json!({"code": self.hides("code-of-the-walk")});
        self.does("finish_account_sign_in", owner, &format!("{path}/finish"), body).await;
        self.does("refresh_account_token", owner, &format!("{path}/refresh"), Value::Null).await;
        let body = json!({"access_token": self.hides("pasted-access-token")});
        self.does("paste_account_tokens", owner, &format!("{path}/tokens"), body).await;
        self.does("sign_account_out", owner, &format!("{path}/sign-out"), Value::Null).await;
        self.does("delete_oauth_client", owner, "/admin/oauth-clients/claude", Value::Null).await;
        self.secrets.extend(["at-1", "rt-1", "at-2", "rt-2"].map(|token| format!("\"{token}\"")));
    }

    async fn second_factor(&mut self, token: &str) {
        let enrolled = self.does("enrol_totp", token, "/admin/me/totp", json!({"current_password": PASSWORD})).await;
        let secret = TotpSecret::parse(self.hides_in(&enrolled, "secret").into()).expect("base 32");
        let code = |plane: &Plane| {
            plane.clock.advance(Duration::from_secs(60));
            secret.code(Step((plane.clock.now().as_ms() + 1000) / 30_000))
        };
        let body = json!({"code": code(&self.plane)});
        let codes = self.does("confirm_totp", token, "/admin/me/totp/confirm", body).await;
        for code in codes["recovery_codes"].as_array().expect("codes") {
            self.hides(code.as_str().expect("a text"));
        }
        let body = json!({"current_password": PASSWORD, "code": code(&self.plane)});
        self.does("disable_totp", token, "/admin/me/totp/disable", body).await;
    }

    async fn administrators(&mut self, owner: &str) {
        let body = json!({"username": "new", "role": "viewer", "password": self.hides("the first secret")});
        let added = self.does("create_admin", owner, "/admin/admins", body).await;
        let path = format!("/admin/admins/{}", text(&added, "id"));
        self.does("change_admin", owner, &path, json!({"role": "operator"})).await;
        let body = json!({"password": self.hides("the second secret")});
        self.does("set_admin_password", owner, &format!("{path}/password"), body).await;
        let new = self.signs_in("new", "the second secret").await;
        self.does("enrol_totp", &new, "/admin/me/totp", json!({"current_password": "the second secret"})).await;
        self.does("reset_admin_totp", owner, &format!("{path}/totp"), Value::Null).await;
        let body = json!({"current_password": "the second secret", "new_password": self.hides("the third secret")});
        self.does("change_password", &new, "/admin/me/password", body).await;
        let body = json!({"name": "t", "role": "viewer", "scopes": ["usage:read"], "expires_at": null});
        let issued = self.does("create_api_token", &new, "/admin/api-tokens", body).await;
        self.hides_in(&issued, "token");
        let token = format!("/admin/api-tokens/{}", text(&issued, "id"));
        self.does("delete_api_token", &new, &token, Value::Null).await;
        self.signs_in("new", "the third secret").await;
        let other = self.session(&new, "/admin/sessions").await;
        self.does("end_session", &new, &format!("/admin/sessions/{other}"), Value::Null).await;
        self.does("end_sessions", &new, "/admin/sessions", Value::Null).await;
        self.does("sign_out", &new, "/admin/session", Value::Null).await;
        self.does("delete_admin", owner, &path, Value::Null).await;
    }

    async fn users(&mut self, owner: &str) {
        let password = self.hides("a user's secret");
        let body = json!({"email": "mira@example.com", "name": "Mira", "password": password, "keys_max": 3});
        let user = self.does("create_user", owner, "/admin/users", body).await;
        let path = format!("/admin/users/{}", text(&user, "id"));
        self.does("change_user", owner, &path, json!({"name": "M"})).await;
        let body = json!({"password": self.hides("another user's secret")});
        self.does("set_user_password", owner, &format!("{path}/password"), body).await;
        let token = self.user_signs_in("another user's secret").await;
        let key = self.does("user_create_api_key", &token, "/user/api-keys", json!({"name": "own"})).await;
        self.hides_in(&key, "key");
        let own = format!("/user/api-keys/{}", text(&key, "id"));
        self.does("user_change_api_key", &token, &own, json!({"name": "mine"})).await;
        self.does("user_delete_api_key", &token, &own, Value::Null).await;
        let body = json!({"current_password": "another user's secret", "new_password": self.hides("the last secret")});
        self.does("user_change_password", &token, "/user/me/password", body).await;
        self.user_signs_in("the last secret").await;
        let other = self.session(&token, "/user/sessions").await;
        self.does("user_end_session", &token, &format!("/user/sessions/{other}"), Value::Null).await;
        self.does("user_end_sessions", &token, "/user/sessions", Value::Null).await;
        self.does("user_sign_out", &token, "/user/session", Value::Null).await;
        self.does("end_user_sessions", owner, &format!("{path}/sessions"), Value::Null).await;
        self.does("delete_user", owner, &path, Value::Null).await;
    }
}

#[tokio::test]
async fn every_operation_that_may_change_something_leaves_one_entry_without_a_secret() {
    let mut walk = Walk { plane: Plane::new().await, done: BTreeSet::new(), secrets: vec![PASSWORD.to_owned()] };
    let owner = walk.signs_in("owner", PASSWORD).await;
    walk.keys(&owner).await;
    walk.accounts(&owner).await;
    walk.groups(&owner).await;
    walk.oauth(&owner).await;
    walk.second_factor(&owner).await;
    walk.administrators(&owner).await;
    walk.users(&owner).await;
    let all: BTreeSet<_> = changing().into_iter().map(|(.., id)| id).collect();
    assert_eq!(walk.done, all, "the walk does every operation");
    let log = entries(&walk.plane).await.iter().map(store::audit::to_text).collect::<Vec<_>>().join("\n");
    for secret in &walk.secrets {
        assert!(!log.contains(secret.as_str()), "{secret} is in the log");
    }
    for sealed in ["v1:", "$argon2"] {
        assert!(!log.contains(sealed), "{sealed} is in the log");
    }
}

#[tokio::test]
async fn whoever_is_signed_in_and_refused_leaves_one_entry() {
    let plane = Plane::new().await;
    let viewer = plane.caller(Role::Viewer).await;
    for (method, path, operation) in changing() {
        if path.starts_with("/user") || operation == "sign_in" || operation == "sign_out" || operation == "end_sessions"
        {
            continue;
        }
        plane.clock.advance(Duration::from_secs(1));
        let before = entries(&plane).await.len();
        let path = path.replace("{id}", "x").replace("{model}", "x");
        let reply = viewer.send(method.parse().expect("a method"), &path, Some(&json!({"x": 1}))).await;
        assert!(reply.status.is_client_error(), "{operation}: {}", reply.status);
        let after = entries(&plane).await;
        assert_eq!(after.len(), before + 1, "{operation}");
        let entry = &after[0];
        assert_eq!((entry.operation.as_str(), entry.outcome), (operation.as_str(), AuditOutcome::Refused));
        assert_eq!(entry.status, Some(reply.status.as_u16()), "{operation}");
        assert_eq!(entry.refusal.as_deref(), Some(reply.refusal().0), "{operation}");
        assert_eq!(entry.actor.id.as_deref(), Some("id-viewer"), "{operation}");
    }
}

#[tokio::test]
async fn an_entry_says_who_what_from_where_and_what_was_there_before() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let key = owner.post("/admin/api-keys", json!({"name": "old"})).await.expect(201);
    plane.clock.advance(Duration::from_secs(1));
    let path = format!("/admin/api-keys/{}", text(&key, "id"));
    let mut asked = request(Method::PATCH, &path, Some(&owner.token), Some(&json!({"name": "new"})));
    asked.headers_mut().insert("x-forwarded-for", "203.0.113.9".parse().expect("a header"));
    let reply = plane.send(asked).await;
    let entry = latest(&owner).await;
    assert_eq!(entry["actor"], json!({"kind": "admin", "id": "id-owner", "name": "owner", "token_id": null}));
    assert_eq!(entry["origin"], "203.0.113.9");
    assert_eq!(entry["request_id"].as_str(), reply.headers["x-request-id"].to_str().ok());
    assert_eq!(entry["resource"], json!({"kind": "api_key", "id": key["id"]}));
    assert_eq!((&entry["status"], &entry["outcome"], &entry["refusal"]), (&json!(200), &json!("done"), &Value::Null));
    let changed = &entry["changes"][0];
    assert_eq!((&changed["before"]["name"], &changed["after"]["name"]), (&json!("old"), &json!("new")));
    assert_eq!(changed["after"].as_object().expect("fields").len(), 2, "name and updated_at: {changed}");
    let one = owner.get(&format!("{AUDIT}/{}", text(&entry, "id"))).await.expect(200);
    assert_eq!(one, entry);
}

#[tokio::test]
async fn of_a_credential_it_says_only_that_it_was_changed() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let body = json!({"platform": "ccr", "name": "a", "base_url": "http://127.0.0.1:1", "api_key": "one"});
    let account = owner.post("/admin/accounts", body).await.expect(201);
    plane.clock.advance(Duration::from_secs(1));
    owner.patch(&format!("/admin/accounts/{}", text(&account, "id")), json!({"api_key": "two"})).await.expect(200);
    let changed = latest(&owner).await["changes"][0].clone();
    assert_eq!(changed["resource"], json!({"kind": "account", "id": account["id"]}));
    assert_eq!((&changed["before"]["api_key"], &changed["after"]["api_key"]), (&json!("***"), &json!("***")));
}

#[tokio::test]
async fn a_token_is_named_beside_its_maker_and_only_an_owner_s_reads_the_log() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    for (role, status) in [("owner", 200), ("operator", 403)] {
        let body = json!({"name": "t", "role": role, "scopes": ["audit:read", "api-keys:write"]});
        let issued = owner.post("/admin/api-tokens", body).await.expect(201);
        plane.clock.advance(Duration::from_secs(1));
        let token = text(&issued, "token");
        let body = json!({"name": "k"});
        plane.send(request(Method::POST, "/admin/api-keys", Some(&token), Some(&body))).await.expect(201);
        let entry = latest(&owner).await;
        assert_eq!((&entry["actor"]["id"], &entry["actor"]["token_id"]), (&json!("id-owner"), &issued["id"]));
        assert_eq!(entry["changes"].as_array().expect("changes").len(), 1, "not that the token was used: {entry}");
        plane.send(request(Method::GET, AUDIT, Some(&token), None)).await.expect(status);
    }
}

#[tokio::test]
async fn a_failed_sign_in_is_kept_and_a_name_that_nobody_has_is_not() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    plane.clock.advance(Duration::from_secs(1));
    plane.sign_in("viewer", "wrong password").await.expect(401);
    let known = latest(&owner).await;
    assert_eq!((&known["actor"]["id"], &known["refusal"]), (&json!("id-viewer"), &json!("unauthenticated")));
    plane.clock.advance(Duration::from_secs(1));
    plane.sign_in("my-password-in-the-wrong-field", "wrong password").await.expect(401);
    let unknown = latest(&owner).await;
    assert_eq!(unknown["actor"], json!({"kind": "nobody", "id": null, "name": null, "token_id": null}));
    assert_eq!((&unknown["operation"], &unknown["outcome"]), (&json!("sign_in"), &json!("refused")));
}

#[tokio::test]
async fn who_is_unknown_and_only_knocks_leaves_nothing() {
    let plane = Plane::new().await;
    let knocks = [
        request(Method::POST, "/admin/api-keys", Some("x"), Some(&json!({"name": "k"}))),
        request(Method::POST, "/admin/session", None, Some(&json!({"username": 5}))),
        Request::post("/user/session").body("{".into()).expect("a request"),
        request(Method::DELETE, "/user/session", None, None),
    ];
    for knock in knocks {
        assert!(plane.send(knock).await.status.is_client_error());
    }
    assert_eq!(entries(&plane).await, []);
}

#[tokio::test]
async fn the_local_operator_is_named_as_such() {
    let plane = Plane::new().await.opened_locally();
    let body = json!({"name": "k"});
    plane.send(request(Method::POST, "/admin/api-keys", None, Some(&body))).await.expect(201);
    let entry = entries(&plane).await.remove(0);
    assert_eq!((entry.actor.kind.as_str(), entry.origin.as_str()), ("local_operator", "local"));
}

#[tokio::test]
async fn entries_are_filtered_and_paged() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let key = owner.post("/admin/api-keys", json!({"name": "k"})).await.expect(201);
    plane.clock.advance(Duration::from_secs(20 * 3600));
    owner.post("/admin/api-keys", json!({})).await.expect(422);
    plane.caller(Role::Viewer).await;
    let found = async |query: &str| {
        let page = owner.get(&format!("{AUDIT}?{query}")).await.expect(200);
        page["items"].as_array().expect("items").iter().map(|entry| text(entry, "operation")).collect::<Vec<_>>()
    };
    assert_eq!(found("actor=id-viewer").await, ["sign_in"]);
    assert_eq!(found("operation=create_api_key&outcome=refused").await, ["create_api_key"]);
    let id = text(&key, "id");
    assert_eq!(found(&format!("resource=api_key&resource_id={id}")).await, ["create_api_key"]);
    assert_eq!(found("resource=session").await, ["sign_in", "sign_in"]);
    assert_eq!(found("to=2026-11-23&operation=sign_in").await, ["sign_in"]);
    let first = owner.get(&format!("{AUDIT}?limit=3")).await.expect(200);
    let cursor = text(&first, "next_cursor");
    let second = owner.get(&format!("{AUDIT}?limit=3&cursor={cursor}")).await.expect(200);
    let ids: BTreeSet<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["items"].as_array().expect("items"))
        .map(|entry| text(entry, "id"))
        .collect();
    assert_eq!((ids.len(), &second["next_cursor"]), (4, &Value::Null));
}

#[tokio::test]
async fn a_question_that_cannot_be_read_is_refused_by_name() {
    let plane = Plane::new().await;
    let owner = plane.caller(Role::Owner).await;
    let long = format!("actor={}", "x".repeat(201));
    for (query, field) in [
        ("limit=501", "limit"),
        ("cursor=x", "cursor"),
        ("from=yesterday", "from"),
        ("to=0000-01-01", "to"),
        ("resource_id=x", "resource_id"),
        (long.as_str(), "actor"),
    ] {
        let reply = owner.get(&format!("{AUDIT}?{query}")).await;
        assert_eq!((reply.status.as_u16(), reply.refusal().1), (400, vec![field]), "{query}");
    }
    owner.get(&format!("{AUDIT}?outcome=x")).await.expect(400);
    owner.get(&format!("{AUDIT}/x")).await.expect(404);
}

/// A log that takes so many entries and no more.
struct Filling {
    log: Arc<dyn Audit>,
    left: parking_lot::Mutex<u32>,
}

#[async_trait]
impl Audit for Filling {
    async fn append(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let is_full = {
            let mut left = self.left.lock();
            let is_full = *left == 0;
            *left = left.saturating_sub(1);
            is_full
        };
        if is_full {
            return Err(StoreError::new("append an audit entry", StoreFailure::Full));
        }
        self.log.append(entry).await
    }

    async fn get(&self, id: &AuditId) -> Result<Option<AuditEntry>, StoreError> {
        self.log.get(id).await
    }

    async fn page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        self.log.page(query).await
    }

    async fn prune(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.log.prune(before, limit).await
    }
}

/// Makes a key while the log takes so many entries; gives the answer, the keys there are, and what the log holds.
async fn with_room_for(left: u32) -> (Reply, u64, Vec<AuditOutcome>) {
    let filled = |store: &mut Store| {
        let log = Arc::clone(&store.audit);
        store.audit = Arc::new(Filling { log, left: parking_lot::Mutex::new(left) });
    };
    let plane = Plane::with(filled).await.opened_locally();
    let reply = plane.send(request(Method::POST, "/admin/api-keys", None, Some(&json!({"name": "k"})))).await;
    let keys = plane.store.records.count(store::Family::ApiKey, &[]).await.expect("a count");
    let outcomes = entries(&plane).await.into_iter().map(|entry| entry.outcome).collect();
    (reply, keys, outcomes)
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let (reply, keys, outcomes) = with_room_for(0).await;
    assert_eq!((reply.status.as_u16(), keys, outcomes), (503, 0, vec![]));
}

#[tokio::test]
async fn what_was_done_and_could_not_be_concluded_stays_as_begun() {
    let (reply, keys, outcomes) = with_room_for(1).await;
    assert_eq!((reply.status.as_u16(), keys, outcomes), (201, 1, vec![AuditOutcome::Begun]));
}
