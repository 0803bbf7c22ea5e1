//! What crosses the relay, and what it changes: the credential, the host, the coding, and a mapped model's name. Nothing else.

use crate::support::{CREDENTIAL, Form, MODEL, Site, body, command};
use serde_json::json;
use testkit::{Reply, Script, upstream::Received};

fn last_request(site: &Site) -> Received {
    site.upstream().books().exchanges.last().unwrap().request.clone()
}

#[tokio::test]
async fn what_a_client_says_to_the_provider_goes_on_and_the_rest_stays() {
    let site = Site::start(Script::default()).await;
    let goes_on = [
        ("user-agent", "claude-cli/2.1.330 (external, cli)"),
        ("anthropic-beta", "claude-code-20250219,context-1m-2025-08-07"),
        ("x-app", "cli"),
        ("x-stainless-retry-count", "0"),
        ("x-of-tomorrow", "new"),
    ];
    let stays = [
        ("accept-encoding", "gzip, br"),
        ("authorization", "Bearer of-somebody"),
        ("connection", "keep-alive, x-hop"),
        ("cookie", "a=b"),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-hop", "1"),
        ("x-real-ip", "10.0.0.1"),
    ];
    let headers: Vec<_> = goes_on.into_iter().chain(stays).collect();
    let answered = site.post("/v1/messages?key=cr_of_somebody", &headers, &body(MODEL, Form::Json)).await;
    assert_eq!(answered.status, 200);
    let request = last_request(&site);
    for (name, value) in goes_on {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(request.header("x-hop"), None);
    assert_eq!(request.target, "/v1/messages");
    assert_eq!(request.header_values("x-api-key").collect::<Vec<_>>(), [CREDENTIAL]);
    // The upstream judges the rest: credentials, hops, the proxies' trail, host and coding.
    assert_eq!(site.upstream().books().complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn what_an_upstream_says_of_its_answer_goes_on_and_what_it_says_of_itself_stays() {
    let reply = Reply::default()
        .with_header("server", "cloudflare")
        .with_header("set-cookie", "session=1")
        .with_header("cf-ray", "1")
        .with_header("connection", "x-hop")
        .with_header("x-hop", "1")
        .with_header("x-of-tomorrow", "new");
    let site = Site::start(Script::always(reply)).await;
    for form in [Form::Json, Form::Stream] {
        let answered = site.ask(form).await;
        assert_eq!(answered.header("x-of-tomorrow"), "new");
        assert_eq!(answered.header("anthropic-ratelimit-requests-remaining"), "49");
        for name in ["server", "set-cookie", "cf-ray", "x-hop", "anthropic-organization-id"] {
            assert_eq!(answered.header(name), "", "{name}");
        }
    }
}

#[tokio::test]
async fn a_body_goes_on_byte_for_byte() {
    let site = Site::start(Script::default()).await;
    let odd = format!(
        " {{\"messages\" : [{{\"role\":\"user\",\"content\":\"\\u00e9 é\"}}],\n\"max_tokens\":1e1, \"model\":\"{MODEL}\",\"x\":1.0 }}\n"
    );
    assert_eq!(site.post_bytes("/v1/messages", &[], odd.clone()).await.status, 400, "1e1 is no whole number there");
    assert_eq!(last_request(&site).body, odd);
}

#[tokio::test]
async fn a_mapping_replaces_the_model_s_name_and_no_other_byte() {
    let mut site = Site::start_as(command(), []).await;
    site.add_upstream(Script::default(), &json!({"models": {(MODEL): "vendor/\"other\""}})).await;
    let sent = format!(
        "{{ \"model\" :\t\"{MODEL}\" ,\"max_tokens\":9,\"messages\":[{{\"role\":\"user\",\"content\":\"{MODEL}\"}}]}}"
    );
    assert_eq!(site.post_bytes("/v1/messages", &[], sent.clone()).await.status, 200);
    let expected = sent.replacen(&format!("\"{MODEL}\""), "\"vendor/\\\"other\\\"\"", 1);
    assert_eq!(last_request(&site).body, expected);
    let record = &site.records().await[0];
    assert_eq!((&record["model_requested"], &record["model"]), (&json!(MODEL), &json!(MODEL)));
    assert_eq!(record["model_upstream"], "vendor/\"other\"");
    assert_ne!(record["cost_usd"], "0.000000000", "a mapped model is priced by the name that is known");
    let other = site.post("/v1/messages", &[], &body("claude-opus-4-5", Form::Json)).await;
    assert_eq!(other.status, 503, "the mapping does not have it");
}

#[tokio::test]
async fn a_ccr_account_serves_a_model_with_its_platform_in_front_under_the_bare_name() {
    let mut site = Site::start(Script::default()).await;
    let ccr = json!({"platform": "ccr", "priority": 90, "auth": "bearer", "messages_path": "/anthropic/messages"});
    site.add_upstream(Script::default(), &ccr).await;
    let answered = site.post("/v1/messages", &[], &body(&format!("ccr,{MODEL}"), Form::Json)).await;
    assert_eq!(answered.status, 404, "a custom path, which this upstream does not have");
    let books = site.upstreams[1].books();
    let request = &books.exchanges[0].request;
    assert_eq!((request.target.as_str(), request.model.as_deref()), ("/anthropic/messages", Some(MODEL)));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {CREDENTIAL}").as_str()));
    assert_eq!(request.header("x-api-key"), None);
    assert_eq!(site.upstream().books().exchanges.len(), 0, "only a ccr account may serve it");
    assert_eq!(site.ask(Form::Json).await.status, 200);
    assert_eq!(site.upstream().books().exchanges.len(), 1, "any account serves the bare name, the preferred one first");
}
