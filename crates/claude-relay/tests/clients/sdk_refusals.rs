//! How refusals reach a program: as the SDK's own exception, with the request's id, and nothing of the upstream's secrets.

use crate::{
    sdk::{Order, Sdk, question},
    stage::{CREDENTIAL, Stage, forgiving},
};
use serde_json::{Value, json};
use testkit::{ErrorKind, Reply, Script};

const SONNET: &str = "claude-sonnet-5-5";

/// What a program sees of a refusal.
struct Seen {
    status: u16,
    kind: &'static str,
    /// The exceptions of Python 2 and 1 and of TypeScript 1 and 0.
    exceptions: [&'static str; 4],
}

const BAD_REQUEST: Seen = Seen { status: 400, kind: "invalid_request_error", exceptions: ["BadRequestError"; 4] };
const UNKNOWN_KEY: Seen = Seen { status: 401, kind: "authentication_error", exceptions: ["AuthenticationError"; 4] };
const FORBIDDEN: Seen = Seen { status: 403, kind: "permission_error", exceptions: ["PermissionDeniedError"; 4] };
const NOT_FOUND: Seen = Seen { status: 404, kind: "not_found_error", exceptions: ["NotFoundError"; 4] };
const TOO_LARGE: Seen = Seen {
    status: 413,
    kind: "request_too_large",
    exceptions: ["ContentTooLargeError", "RequestTooLargeError", "ContentTooLargeError", "APIError"],
};
const RATE_LIMIT: Seen = Seen { status: 429, kind: "rate_limit_error", exceptions: ["RateLimitError"; 4] };
const FAILED: Seen = Seen { status: 500, kind: "api_error", exceptions: ["InternalServerError"; 4] };
const NO_ACCOUNT: Seen = Seen {
    status: 503,
    kind: "api_error",
    exceptions: ["ServiceUnavailableError", "InternalServerError", "ServiceUnavailableError", "InternalServerError"],
};
const OVERLOADED: Seen = Seen {
    status: 529,
    kind: "overloaded_error",
    exceptions: ["OverloadedError", "OverloadedError", "OverloadedError", "InternalServerError"],
};

fn assert_refused(sdk: Sdk, outcome: &Value, seen: &Seen) {
    let exception = seen.exceptions[sdk as usize];
    assert_eq!((&outcome["error"], &outcome["status"]), (&json!(exception), &json!(seen.status)), "{sdk}: {outcome}");
    assert_eq!(outcome["body"]["error"]["type"], seen.kind, "{sdk}: {outcome}");
    assert!(outcome["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{sdk}: {outcome}");
    assert!(!outcome.to_string().contains(CREDENTIAL), "{sdk}: {outcome}");
}

#[tokio::test]
async fn what_the_provider_refuses_arrives_as_the_provider_s_own_refusal() {
    let cases = [
        (ErrorKind::InvalidRequest, BAD_REQUEST),
        (ErrorKind::NotFound, NOT_FOUND),
        (ErrorKind::RequestTooLarge, TOO_LARGE),
        (ErrorKind::RateLimit, RATE_LIMIT),
        (ErrorKind::Api, FAILED),
        (ErrorKind::Overloaded, OVERLOADED),
    ];
    let named = |script: Script, (kind, _): &(ErrorKind, Seen)| script.named(kind.type_name(), Reply::error(*kind));
    let stage = Stage::start(cases.iter().fold(Script::default(), named)).await;
    let ask = |order: Order, (kind, _): &(ErrorKind, Seen)| {
        let order = order.call_for(kind.type_name(), "create", &question(SONNET));
        order.call_for(kind.type_name(), "stream", &question(SONNET))
    };
    for (sdk, outcomes) in cases.iter().fold(Order::to(&stage), ask).by_all().await {
        for ((kind, seen), outcomes) in cases.iter().zip(outcomes.chunks(2)) {
            for outcome in outcomes {
                assert_refused(sdk, outcome, seen);
                assert!(outcome["request_id"].as_str().unwrap().starts_with("req_01Scripted"), "{sdk}: {outcome}");
                assert_eq!(outcome["body"]["error"]["message"], kind.message(), "{sdk}");
            }
        }
    }
    stage.assert_books_match().await;
}

#[tokio::test]
async fn a_refused_account_is_never_shown_as_the_client_s_own_key() {
    let script = Script::default()
        .named("401", Reply::error(ErrorKind::Authentication))
        .named("403", Reply::error(ErrorKind::Permission))
        .named("402", Reply::error(ErrorKind::Billing));
    let stage = Stage::start(script).await;
    let ask = |order: Order, reply| order.call_for(reply, "create", &question(SONNET));
    for (sdk, outcomes) in ["401", "403", "402"].into_iter().fold(Order::to(&stage), ask).by_all().await {
        for outcome in &outcomes {
            assert_refused(sdk, outcome, &NO_ACCOUNT);
        }
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_once_whatever_the_sdk_would_retry() {
    let stage = Stage::start(Script::default()).await;
    let unknown = format!("cr_{}", "0".repeat(64));
    let order =
        Order::to(&stage).with_key(&unknown).retrying(2).call("create", &question(SONNET)).call("models", &json!({}));
    for (sdk, outcomes) in order.by_all().await {
        for outcome in &outcomes {
            assert_refused(sdk, outcome, &UNKNOWN_KEY);
        }
    }
    assert_eq!(stage.upstream.books().exchanges.len(), 0);
}

#[tokio::test]
async fn a_restricted_model_is_refused_and_the_others_are_not() {
    let stage = Stage::start(Script::default()).await;
    let key = stage.key_with(json!({"restricted_models": [SONNET]})).await;
    let order = Order::to(&stage).with_key(&key.key).retrying(2);
    let order = order.call("stream", &question(SONNET)).call("stream", &question("claude-haiku-5-5"));
    for (sdk, outcomes) in order.by_all().await {
        assert_refused(sdk, &outcomes[0], &FORBIDDEN);
        assert_eq!(outcomes[1]["stop_reason"], "end_turn", "{sdk}: {}", outcomes[1]);
    }
    assert_eq!(stage.upstream.books().exchanges.len(), 4);
}

#[tokio::test]
async fn a_key_for_claude_code_alone_keeps_the_sdks_out() {
    let stage = Stage::start(Script::default()).await;
    let key = stage.key_with(json!({"allowed_clients": ["claude_code"]})).await;
    for (sdk, outcomes) in
        Order::to(&stage).with_key(&key.key).retrying(2).call("create", &question(SONNET)).by_all().await
    {
        assert_refused(sdk, &outcomes[0], &FORBIDDEN);
    }
    assert_eq!(stage.upstream.books().exchanges.len(), 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_the_relay_itself() {
    let stage = Stage::start_as(forgiving().env("REQUEST_BYTES_MAX", "1MB"), Script::default()).await;
    let mut asked = question(SONNET);
    asked["messages"][0]["content"] = json!("x".repeat(1_100_000));
    for (sdk, outcomes) in Order::to(&stage).retrying(2).call("create", &asked).by_all().await {
        assert_refused(sdk, &outcomes[0], &TOO_LARGE);
    }
    assert_eq!(stage.upstream.books().exchanges.len(), 0);
}
