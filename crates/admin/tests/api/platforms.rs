//! Accounts of every platform over HTTP: what each needs and takes, what is sealed where, and what is shown.

use crate::plane::{Caller, PASSWORD, Plane};
use domain::{Account, AccountId, AccountSettings, OAuthGrant, Platform, Role, Sealed, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::{
    Record,
    keyspace::ColumnKind,
    records::{Condition, TypedRecords, Value as Stored},
};

const PATH: &str = "/admin/accounts";

/// A document for each kind of account with all that it takes, its secrets recognisable.
fn whole_documents() -> Vec<Value> {
    let key = "hidden-key";
    vec![
        json!({"platform": "claude", "base_url": "https://a.example"}),
        json!({"platform": "claude-console", "base_url": "https://a.example", "api_key": key, "auth": "bearer",
            "messages_path": "/x/messages"}),
        json!({"platform": "ccr", "base_url": "http://c.example:3456", "api_key": key, "auth": "x-api-key",
            "messages_path": "/x/messages"}),
        json!({"platform": "gemini", "access": "api_key", "base_url": "https://g.example", "api_key": key,
            "auth": "bearer"}),
        json!({"platform": "gemini", "access": "oauth", "base_url": "https://g.example", "project_id": "team-1"}),
        json!({"platform": "openai", "access": "oauth", "base_url": "https://o.example"}),
        json!({"platform": "openai-responses", "base_url": "https://o.example", "api_key": key, "auth": "x-api-key"}),
        json!({"platform": "bedrock", "access": "access_key", "base_url": "https://vpce.example", "region": "us-east-1",
            "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": key, "session_token": "hidden-token"}),
        json!({"platform": "bedrock", "access": "bearer_token", "base_url": "https://vpce.example",
            "region": "us-gov-west-1", "bearer_token": key}),
        json!({"platform": "bedrock", "access": "environment", "region": "eu-central-1"}),
        json!({"platform": "azure-openai", "base_url": "https://team.openai.azure.com", "api_key": key, "auth": "bearer",
            "deployment": "gpt-5", "api_version": "2025-04-01-preview"}),
        json!({"platform": "droid", "access": "api_keys", "base_url": "https://d.example",
            "api_keys": [key, "hidden-2", key]}),
        json!({"platform": "droid", "access": "oauth", "base_url": "https://d.example"}),
    ]
}

fn named(mut document: Value, name: &str) -> Value {
    document["name"] = json!(name);
    document["proxy"] = json!("socks5h://relay:hidden-pass@proxy.example:1080");
    document
}

fn is_secret(platform: &str, field: &str) -> bool {
    let platform = Platform::parse(platform).expect("a platform");
    let family = store::nouns::account::account_family(platform);
    family.column(field).is_some_and(|column| column.kind == ColumnKind::Secret)
}

fn path_of(account: &Value) -> String {
    format!("{PATH}/{}", account["id"].as_str().expect("an id"))
}

async fn stored(plane: &Plane, account: &Value) -> Account {
    plane.store.records.read(account["id"].as_str().expect("an id")).await.expect("reads").expect("exists").record
}

/// What the account holds sealed, opened at its place, by field.
async fn opened(plane: &Plane, account: &Value) -> Vec<(&'static str, String)> {
    let account = stored(plane, account).await;
    let family = account.family();
    let mut opened = Vec::new();
    for (field, value) in account.fields() {
        if family.column(field).is_none_or(|column| column.kind != ColumnKind::Secret) {
            continue;
        }
        let Stored::Text(envelope) = value else { panic!("{field} is a text") };
        let place = vault::Place { family: family.name(), id: account.id.as_str(), field };
        let clear = plane.keyring.open(place, &Sealed::from_envelope(envelope)).expect("opens at its place");
        opened.push((field, clear.expose_secret().to_owned()));
    }
    opened
}

async fn create(operator: &Caller<'_>, body: Value) -> Value {
    operator.post(PATH, body).await.expect(201)
}

#[tokio::test]
async fn every_kind_is_added_shown_as_it_was_asked_for_and_sealed_where_it_stands() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for document in whole_documents() {
        let platform = document["platform"].as_str().expect("a platform").to_owned();
        let account = create(&operator, named(document.clone(), "n")).await;
        let read = operator.get(&path_of(&account)).await.expect(200);
        assert_eq!(read, account, "{platform}");
        let text = read.to_string();
        assert!(!text.contains("hidden") && !text.contains("v1:"), "{text}");
        assert_eq!(read["proxy"], json!({"url": "socks5h://relay@proxy.example:1080", "password_set": true}));
        let mut secrets = BTreeSet::from(["proxy"]);
        for (field, value) in document.as_object().expect("an object") {
            if is_secret(&platform, field) {
                secrets.insert(field);
            } else {
                assert_eq!(&read[field], value, "{platform}: {field}");
            }
        }
        assert_eq!(read["secrets"], json!(secrets), "{platform}");
        for (field, clear) in opened(&plane, &account).await {
            let expected = match field {
                "proxy" => "socks5h://relay:hidden-pass@proxy.example:1080".to_owned(),
                "api_keys" => r#"["hidden-key","hidden-2"]"#.to_owned(),
                _ => document[field].as_str().expect("a text").to_owned(),
            };
            assert_eq!(clear, expected, "{platform}: {field}");
        }
        let keys = if document["api_keys"].is_array() { json!(2) } else { Value::Null };
        assert_eq!(read["api_keys_count"], keys);
    }
    let listed = operator.get(&format!("{PATH}?limit=100")).await.expect(200);
    let platforms = listed["items"].as_array().expect("a list").iter().map(|item| item["platform"].as_str());
    assert_eq!(platforms.collect::<BTreeSet<_>>().len(), Platform::ALL.len());
    assert!(!listed.to_string().contains("hidden"), "{listed}");
}

#[tokio::test]
async fn the_examples_of_the_openapi_document_are_accounts_of_every_platform() {
    let document: Value = serde_json::from_str(include_str!("../../openapi.json")).expect("JSON");
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let mut platforms = BTreeSet::new();
    for example in document["components"]["schemas"]["NewAccount"]["examples"].as_array().expect("examples") {
        let account = create(&operator, example.clone()).await;
        platforms.insert(account["platform"].as_str().expect("a platform").to_owned());
    }
    assert_eq!(platforms.len(), Platform::ALL.len());
}

#[tokio::test]
async fn the_manual_s_documents_are_accounts_of_every_platform() {
    let pages = [include_str!("../../../../docs/accounts.md"), include_str!("../../../../docs/zh/accounts.md")];
    let [english, chinese] = pages.map(|page| {
        let blocks = page.lines().filter(|line| line.starts_with("{\"platform\""));
        blocks.map(|line| serde_json::from_str::<Value>(line).expect("JSON")).collect::<Vec<_>>()
    });
    assert_eq!(english, chinese);
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let mut platforms = BTreeSet::new();
    for document in english {
        platforms.insert(create(&operator, document).await["platform"].to_string());
    }
    assert_eq!(platforms.len(), Platform::ALL.len());
}

/// What an account of the first kind of each platform has when only what is needed is said.
#[tokio::test]
async fn what_is_left_out_is_what_is_usual_on_the_platform() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let api = |platform: &str| json!({"platform": platform, "api_key": "k"});
    for (mut document, expected) in [
        (json!({"platform": "claude"}), json!(["oauth", "https://api.anthropic.com", null])),
        (api("claude-console"), json!(["api_key", "https://api.anthropic.com", "bearer"])),
        (api("gemini"), json!(["api_key", "https://generativelanguage.googleapis.com", "x-goog-api-key"])),
        (
            json!({"platform": "gemini", "access": "oauth"}),
            json!(["oauth", "https://cloudcode-pa.googleapis.com", null]),
        ),
        (json!({"platform": "openai"}), json!(["oauth", "https://chatgpt.com/backend-api/codex", null])),
        (api("openai-responses"), json!(["api_key", "https://api.openai.com", "bearer"])),
        (
            json!({"platform": "bedrock", "region": "us-east-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE",
                "secret_access_key": "s"}),
            json!(["access_key", null, null]),
        ),
        (
            json!({"platform": "azure-openai", "base_url": "https://a.example", "api_key": "k"}),
            json!(["api_key", "https://a.example", "api-key"]),
        ),
        (json!({"platform": "droid", "api_keys": ["k"]}), json!(["api_keys", "https://api.factory.ai/api/llm", null])),
    ] {
        document["name"] = json!("n");
        let account = create(&operator, document).await;
        assert_eq!(json!([account["access"], account["base_url"], account["auth"]]), expected);
        assert_eq!((&account["proxy"], &account["priority"]), (&Value::Null, &json!(50)));
    }
}

#[tokio::test]
async fn every_field_that_is_needed_is_named_when_it_is_missing() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for (document, missing) in [
        (json!({"platform": "claude-console"}), vec!["api_key"]),
        (json!({"platform": "ccr"}), vec!["api_key", "base_url"]),
        (json!({"platform": "gemini"}), vec!["api_key"]),
        (json!({"platform": "openai-responses", "api_key": null}), vec!["api_key"]),
        (json!({"platform": "bedrock"}), vec!["access_key_id", "region", "secret_access_key"]),
        (json!({"platform": "bedrock", "access": "bearer_token"}), vec!["bearer_token", "region"]),
        (json!({"platform": "bedrock", "access": "environment"}), vec!["region"]),
        (json!({"platform": "azure-openai"}), vec!["api_key", "base_url"]),
        (json!({"platform": "droid"}), vec!["api_keys"]),
    ] {
        let mut with_name = document.clone();
        with_name["name"] = json!("n");
        let refused = operator.post(PATH, with_name).await;
        let (kind, mut fields) = refused.refusal();
        fields.sort_unstable();
        assert_eq!((kind, fields), ("unprocessable", missing), "{document}");
        assert!(refused.body.to_string().contains("is missing"), "{}", refused.body);
    }
    let refused = operator.post(PATH, json!({"platform": "claude"})).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["name"]));
    let refused = operator.post(PATH, json!({"name": "n"})).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["platform"]));
    assert!(refused.body.to_string().contains("azure-openai"), "it says which there are: {}", refused.body);
    assert_eq!(operator.get(PATH).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_field_that_the_platform_does_not_have_is_named_with_those_that_it_has() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let of_one: Vec<(&str, Value)> = vec![
        ("base_url", json!("https://a.example")),
        ("messages_path", json!("/x/messages")),
        ("auth", json!("bearer")),
        ("api_key", json!("k")),
        ("api_keys", json!(["k"])),
        ("project_id", json!("team-1")),
        ("region", json!("us-east-1")),
        ("access_key_id", json!("AKIAIOSFODNN7EXAMPLE")),
        ("secret_access_key", json!("s")),
        ("session_token", json!("t")),
        ("bearer_token", json!("b")),
        ("deployment", json!("d")),
        ("api_version", json!("latest")),
    ];
    for document in whole_documents() {
        let (platform, access) = (&document["platform"], &document["access"]);
        let account = create(&operator, named(document.clone(), "n")).await;
        for (field, value) in &of_one {
            let is_own = document.get(*field).is_some() || (platform == "bedrock" && *field == "base_url");
            let mut foreign = named(document.clone(), "n");
            foreign[*field] = value.clone();
            let added = operator.post(PATH, foreign).await;
            let changed = operator.patch(&path_of(&account), json!({*field: value})).await;
            if is_own {
                added.expect(201);
                changed.expect(200);
                continue;
            }
            for reply in [added, changed] {
                assert_eq!(reply.refusal(), ("unprocessable", vec![*field]), "{platform} {access}");
                let said = reply.body.to_string();
                assert!(said.contains("is no field of") && said.contains("it has"), "{said}");
            }
            operator.patch(&path_of(&account), json!({*field: null})).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_field_that_is_malformed_is_named() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let documents = whole_documents();
    let of = |platform: &str| {
        let found = documents.iter().find(|document| document["platform"] == platform);
        named(found.expect("a document").clone(), "n")
    };
    for (platform, field, value) in [
        ("bedrock", "region", json!("Frankfurt")),
        ("bedrock", "access_key_id", json!("AKIA")),
        ("bedrock", "secret_access_key", json!("a b")),
        ("bedrock", "session_token", json!("")),
        ("bedrock", "base_url", json!("ftp://h.example")),
        ("bedrock", "access", json!("oauth")),
        ("claude", "access", json!("api_key")),
        ("gemini", "auth", json!("x-api-key")),
        ("gemini", "access", json!("magic")),
        ("claude-console", "auth", json!("x-goog-api-key")),
        ("openai-responses", "auth", json!("api-key")),
        ("azure-openai", "auth", json!("x-api-key")),
        ("azure-openai", "api_version", json!("v2")),
        ("azure-openai", "deployment", json!("a/b")),
        ("droid", "api_keys", json!([])),
        ("droid", "api_keys", json!(["a", "b c"])),
        ("droid", "api_keys", json!(vec!["k"; 51])),
        ("droid", "api_keys", json!("k")),
        ("claude", "proxy", json!("proxy.example:1080")),
        ("claude", "proxy", json!("socks4://proxy.example:1080")),
        ("claude", "proxy", json!("http://proxy.example/path")),
    ] {
        let mut document = of(platform);
        document[field] = value.clone();
        let refused = operator.post(PATH, document).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec![field]), "{platform} {value}");
    }
    let mut document = of("gemini");
    document["access"] = json!("oauth");
    document["api_key"] = Value::Null;
    document["auth"] = Value::Null;
    document["project_id"] = json!("Team");
    assert_eq!(operator.post(PATH, document).await.refusal(), ("unprocessable", vec!["project_id"]));
}

#[tokio::test]
async fn faults_of_all_fields_are_told_at_once() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let document = json!({"platform": "bedrock", "name": "", "region": "x", "deployment": "d", "priority": 0,
        "proxy": "p", "secret_access_key": ""});
    let refused = operator.post(PATH, document).await;
    let (_, mut fields) = refused.refusal();
    fields.sort_unstable();
    let expected = ["access_key_id", "deployment", "name", "priority", "proxy", "region", "secret_access_key"];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn another_way_in_leaves_nothing_of_the_former_s_secrets() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let documents = whole_documents();
    for (at, change, left) in [
        (3, json!({"access": "oauth"}), vec![]),
        (4, json!({"access": "api_key", "api_key": "k"}), vec!["api_key"]),
        (7, json!({"access": "bearer_token", "bearer_token": "b"}), vec!["bearer_token"]),
        (7, json!({"access": "environment"}), vec![]),
        (
            8,
            json!({"access": null, "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "s"}),
            vec!["secret_access_key"],
        ),
        (11, json!({"access": "oauth"}), vec![]),
        (12, json!({"access": "api_keys", "api_keys": ["k"]}), vec!["api_keys"]),
    ] {
        let account = create(&operator, named(documents[at].clone(), "n")).await;
        if documents[at]["access"] == "oauth" {
            sign_in(&plane, &account, &OAuthGrant { scopes: "a".to_owned(), ..OAuthGrant::default() }).await;
        }
        let changed = operator.patch(&path_of(&account), change.clone()).await.expect(200);
        let mut secrets = left.clone();
        secrets.push("proxy");
        secrets.sort_unstable();
        assert_eq!(changed["secrets"], json!(secrets), "{change}");
        assert_eq!(opened(&plane, &account).await.len(), secrets.len(), "{change}");
        assert_eq!(changed["oauth"].is_object(), changed["access"] == "oauth");
        if documents[at]["platform"] == "bedrock" {
            assert_eq!(
                (&changed["region"], &changed["base_url"]),
                (&documents[at]["region"], &documents[at]["base_url"])
            );
        }
    }
    let account = create(&operator, named(documents[3].clone(), "n")).await;
    let back = operator.patch(&path_of(&account), json!({"access": "oauth"})).await.expect(200);
    assert_eq!(back["base_url"], "https://cloudcode-pa.googleapis.com");
    let refused = operator.patch(&path_of(&account), json!({"access": "api_key"})).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["api_key"]), "the former key is gone");
}

#[tokio::test]
async fn fields_are_changed_one_by_one_and_set_back_to_what_is_usual() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let documents = whole_documents();
    for (at, field, set, unset) in [
        (0, "base_url", json!("https://b.example"), json!("https://api.anthropic.com")),
        (3, "auth", json!("bearer"), json!("x-goog-api-key")),
        (4, "project_id", json!("team-2"), Value::Null),
        (7, "base_url", json!("https://b.example"), Value::Null),
        (10, "deployment", json!("other"), Value::Null),
        (10, "api_version", json!("preview"), Value::Null),
        (10, "auth", json!("bearer"), json!("api-key")),
    ] {
        let account = create(&operator, named(documents[at].clone(), "n")).await;
        let path = path_of(&account);
        assert_eq!(operator.patch(&path, json!({field: set})).await.expect(200)[field], set);
        let before = opened(&plane, &account).await;
        assert_eq!(operator.patch(&path, json!({field: null})).await.expect(200)[field], unset, "{field}");
        assert_eq!(opened(&plane, &account).await, before, "its secrets stay");
    }
    for (at, field) in [(2, "base_url"), (7, "region"), (7, "secret_access_key"), (8, "bearer_token"), (11, "api_keys")]
    {
        let account = create(&operator, named(documents[at].clone(), "n")).await;
        let refused = operator.patch(&path_of(&account), json!({field: null})).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec![field]));
    }
    let account = create(&operator, named(documents[7].clone(), "n")).await;
    operator.patch(&path_of(&account), json!({"session_token": null, "secret_access_key": "next"})).await.expect(200);
    let proxy = "socks5h://relay:hidden-pass@proxy.example:1080";
    let expected = vec![("proxy", proxy.to_owned()), ("secret_access_key", "next".to_owned())];
    assert_eq!(opened(&plane, &account).await, expected);
}

#[tokio::test]
async fn a_proxy_is_replaced_as_a_whole_and_taken_away() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = create(&operator, named(json!({"platform": "claude"}), "n")).await;
    let path = path_of(&account);
    let changed = operator.patch(&path, json!({"proxy": "http://other.example:3128/"})).await.expect(200);
    assert_eq!(changed["proxy"], json!({"url": "http://other.example:3128", "password_set": false}));
    assert_eq!(opened(&plane, &account).await, [("proxy", "http://other.example:3128/".to_owned())]);
    assert_eq!(operator.patch(&path, json!({"name": "m"})).await.expect(200)["proxy"], changed["proxy"]);
    let none = operator.patch(&path, json!({"proxy": null})).await.expect(200);
    assert_eq!((&none["proxy"], &none["secrets"]), (&Value::Null, &json!([])));
}

/// Puts a sign-in into the store, as signing in would.
async fn sign_in(plane: &Plane, account: &Value, grant: &OAuthGrant) {
    let old = stored(plane, account).await;
    let mut new = old.clone();
    let id = AccountId::parse(account["id"].as_str().expect("an id")).expect("an id");
    let seal = |field| {
        let place = vault::Place { family: old.family().name(), id: id.as_str(), field };
        plane.keyring.seal(place, &SecretString::from("hidden-token"))
    };
    let access = AccountSettings::oauth_mut(&mut new.settings).expect("an account by OAuth");
    access.grant = OAuthGrant {
        access_token: Some(seal("access_token")),
        refresh_token: grant.refresh_token.as_ref().map(|_| seal("refresh_token")),
        ..grant.clone()
    };
    plane.store.records.change(&old, &new, Condition::Exists).await.expect("changed");
}

#[tokio::test]
async fn an_account_by_oauth_says_who_is_signed_in_and_when_nobody_is() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let ended = Timestamp::from_ms(plane.clock.now().as_ms() - 1);
    let renewable = Some(Sealed::from_envelope(String::new()));
    let whole = OAuthGrant {
        scopes: "user:inference user:profile".to_owned(),
        email: Some("mira@example.com".to_owned()),
        provider_account_id: Some("org-1".to_owned()),
        access_expires_at: Some(ended),
        refreshed_at: Some(ended),
        refresh_token: renewable,
        ..OAuthGrant::default()
    };
    for document in [0, 4, 5, 12].map(|at| whole_documents()[at].clone()) {
        let account = create(&operator, named(document, "n")).await;
        let path = path_of(&account);
        assert_eq!(
            (&account["state"]["status"], &account["state"]["reasons"], &account["oauth"]["signed_in"]),
            (&json!("sign_in_needed"), &json!(["a sign-in is needed: nobody has signed in"]), &json!(false))
        );
        sign_in(&plane, &account, &whole).await;
        let read = operator.get(&path).await.expect(200);
        assert_eq!(read["state"]["status"], "ready", "an access token that ended is renewed");
        assert_eq!(
            read["oauth"],
            json!({"signed_in": true, "sign_in_needed": null, "scopes": ["user:inference", "user:profile"],
                "email": "mira@example.com", "provider_account_id": "org-1",
                "access_expires_at": "2026-11-23T09:29:59.999Z", "refreshed_at": "2026-11-23T09:29:59.999Z"})
        );
        assert_eq!(read["secrets"], json!(["access_token", "proxy", "refresh_token"]));
        sign_in(&plane, &account, &OAuthGrant { refresh_token: None, ..whole.clone() }).await;
        assert_eq!(operator.get(&path).await.expect(200)["state"]["status"], "sign_in_needed");
        let refused = OAuthGrant { sign_in_needed: Some("it was revoked".to_owned()), ..whole.clone() };
        sign_in(&plane, &account, &refused).await;
        let read = operator.patch(&path, json!({"name": "m", "schedulable": false})).await.expect(200);
        assert_eq!(read["oauth"]["sign_in_needed"], "it was revoked");
        assert_eq!(read["oauth"]["email"], "mira@example.com", "a change leaves the sign-in");
        assert_eq!(
            read["state"]["reasons"],
            json!(["an administrator paused it", "a sign-in is needed: it was revoked"])
        );
    }
}

#[tokio::test]
async fn every_secret_is_shown_to_an_owner_by_its_name_and_no_other_field_is() {
    let plane = Plane::new().await;
    let (operator, owner) = (plane.caller(Role::Operator).await, plane.caller(Role::Owner).await);
    let ask = |field: &str| json!({"field": field, "password": PASSWORD});
    for document in whole_documents() {
        let account = create(&operator, named(document.clone(), "n")).await;
        if account["oauth"].is_object() {
            let renewable = Some(Sealed::from_envelope(String::new()));
            sign_in(&plane, &account, &OAuthGrant { refresh_token: renewable, ..OAuthGrant::default() }).await;
        }
        let path = format!("{}/credentials/reveal", path_of(&account));
        let held = opened(&plane, &account).await;
        assert!(!held.is_empty());
        for (field, clear) in held {
            let shown = owner.post(&path, ask(field)).await.expect(200);
            assert_eq!(shown, json!({"field": field, "credential": clear}));
        }
        for field in ["name", "base_url", "nothing"] {
            let refused = owner.post(&path, ask(field)).await;
            assert_eq!(refused.refusal(), ("unprocessable", vec!["field"]));
            assert!(refused.body.to_string().contains("`proxy`"), "it says which there are: {}", refused.body);
        }
    }
}

#[tokio::test]
async fn the_audit_log_shows_no_secret_of_any_platform() {
    let plane = Plane::new().await;
    let (operator, owner) = (plane.caller(Role::Operator).await, plane.caller(Role::Owner).await);
    for document in whole_documents() {
        let account = create(&operator, named(document, "n")).await;
        operator.patch(&path_of(&account), json!({"proxy": "http://u:hidden-other@p.example:1"})).await.expect(200);
    }
    let entries = owner.get("/admin/audit?limit=100").await.expect(200).to_string();
    assert!(entries.contains("\"secret_access_key\":\"***\"") && entries.contains("\"proxy\":\"***\""), "{entries}");
    assert!(!entries.contains("hidden") && !entries.contains("v1:"), "{entries}");
}
