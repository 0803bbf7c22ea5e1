//! Which platform hears what, and what the client hears of it: every platform that is opened by a key, in each client's dialect,
//! native and converted, with the record of it in the books. The answers are those that the conversions are held to.

use crate::support::{MODEL, Site, command, merge};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use testkit::{
    Reply, Script, ScriptedUpstream,
    client::Answered,
    relay::RelayCommand,
    upstream::{Exchange, Expect},
};

/// The credential of every account.
pub(crate) const SECRET: &str = "what-only-the-upstream-may-see";

/// Input, output and read from the cache, as the books have them.
pub(crate) type Tokens = (u64, u64, u64);

/// What the most answers say was used: 120 read, 100 of them from the cache, 30 written.
const SHARED_TOKENS: Tokens = (20, 30, 100);

/// What an upstream answers, and the usage that it tells.
#[derive(Clone, Copy)]
pub(crate) struct Golden {
    pub(crate) document: &'static str,
    pub(crate) stream: &'static str,
    pub(crate) tokens: Tokens,
}

/// A golden answer of a dialect.
macro_rules! golden {
    ($answer:literal, $tokens:expr) => {
        Golden {
            document: include_str!(concat!("../../../protocol/tests/golden/convert/answers/", $answer, ".json")),
            stream: include_str!(concat!("../../../protocol/tests/golden/convert/answers/", $answer, ".sse")),
            tokens: $tokens,
        }
    };
}

pub(crate) const ANTHROPIC: Golden = golden!("anthropic/text", (20, 9, 100));
const CHAT: Golden = golden!("openai-chat/text", SHARED_TOKENS);
pub(crate) const RESPONSES: Golden = golden!("openai-responses/text", SHARED_TOKENS);
pub(crate) const GEMINI: Golden = golden!("gemini/text", SHARED_TOKENS);

pub(crate) const ANTHROPIC_TOOLS: Golden = golden!("anthropic/tools", SHARED_TOKENS);
pub(crate) const CHAT_TOOLS: Golden = golden!("openai-chat/tools", SHARED_TOKENS);
pub(crate) const RESPONSES_TOOLS: Golden = golden!("openai-responses/tools", SHARED_TOKENS);
pub(crate) const GEMINI_TOOLS: Golden = golden!("gemini/tools", SHARED_TOKENS);

/// A call, and what must come of it.
pub(crate) struct Case {
    /// The account's document, without name and base URL.
    pub(crate) account: Value,
    /// The client's call.
    pub(crate) path: &'static str,
    pub(crate) body: Value,
    /// The call as the upstream must get it.
    pub(crate) target: &'static str,
    /// The header that opens it, and what its value begins with.
    pub(crate) opened_by: (&'static str, &'static str),
    /// What the upstream answers.
    pub(crate) golden: Golden,
}

fn case(
    account: Value,
    path: &'static str,
    body: Value,
    target: &'static str,
    opened_by: (&'static str, &'static str),
    golden: Golden,
) -> Case {
    Case { account, path, body, target, opened_by, golden }
}

pub(crate) fn keyed(platform: &str) -> Value {
    json!({"platform": platform, "api_key": SECRET})
}

pub(crate) fn chat(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Say hello. 你好"}]})
}

pub(crate) fn messages(model: &str, stream: bool) -> Value {
    let mut body = chat(model, stream);
    merge(&mut body, &json!({"max_tokens": 64}));
    body
}

pub(crate) fn responses(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "input": "Say hello. 你好"})
}

pub(crate) fn contents() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "Say hello. 你好"}]}]})
}

pub(crate) const BEARER: (&str, &str) = ("authorization", "Bearer what-only-the-upstream-may-see");
const X_API_KEY: (&str, &str) = ("x-api-key", SECRET);
const GOOGLE: (&str, &str) = ("x-goog-api-key", SECRET);
const AZURE: (&str, &str) = ("api-key", SECRET);

/// Calls in the account's own dialect: the bytes pass.
pub(crate) fn native_cases(stream: bool) -> Vec<Case> {
    let dated =
        json!({"platform": "azure-openai", "api_key": SECRET, "deployment": "gpt-5", "api_version": "2024-10-21"});
    let console = json!({"platform": "claude-console", "api_key": SECRET, "auth": "x-api-key"});
    let (gemini_path, gemini_target) = if stream {
        let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
        (path, path)
    } else {
        ("/v1beta/models/gemini-2.5-pro:generateContent", "/v1beta/models/gemini-2.5-pro:generateContent")
    };
    vec![
        case(console, "/v1/messages", messages(MODEL, stream), "/v1/messages", X_API_KEY, ANTHROPIC),
        case(keyed("ccr"), "/v1/messages", messages(MODEL, stream), "/v1/messages", BEARER, ANTHROPIC),
        case(
            keyed("openai-responses"),
            "/v1/chat/completions",
            chat("gpt-5", stream),
            "/v1/chat/completions",
            BEARER,
            CHAT,
        ),
        case(
            keyed("openai-responses"),
            "/openai/v1/responses",
            responses("gpt-5", stream),
            "/v1/responses",
            BEARER,
            RESPONSES,
        ),
        case(
            keyed("azure-openai"),
            "/azure/responses",
            responses("gpt-5", stream),
            "/openai/v1/responses",
            AZURE,
            RESPONSES,
        ),
        case(
            dated,
            "/v1/chat/completions",
            chat("gpt-5", stream),
            "/openai/deployments/gpt-5/chat/completions?api-version=2024-10-21",
            AZURE,
            CHAT,
        ),
        case(keyed("gemini"), gemini_path, contents(), gemini_target, GOOGLE, GEMINI),
        case(
            json!({"platform": "droid", "api_keys": [SECRET]}),
            "/droid/claude/v1/messages",
            messages(MODEL, stream),
            "/a/v1/messages",
            BEARER,
            ANTHROPIC,
        ),
    ]
}

/// Calls that another maker's accounts answer.
pub(crate) fn converted_cases(stream: bool) -> Vec<Case> {
    let gemini_target = if stream {
        "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
    } else {
        "/v1beta/models/gemini-2.5-pro:generateContent"
    };
    let console = json!({"platform": "claude-console", "api_key": SECRET, "auth": "x-api-key"});
    let chat_path = "/v1/chat/completions";
    vec![
        case(console, chat_path, chat(MODEL, stream), "/v1/messages", X_API_KEY, ANTHROPIC),
        case(keyed("gemini"), chat_path, chat("gemini-2.5-pro", stream), gemini_target, GOOGLE, GEMINI),
        case(keyed("gemini"), "/v1/messages", messages("gemini-2.5-pro", stream), gemini_target, GOOGLE, GEMINI),
        case(keyed("openai-responses"), "/v1/messages", messages("gpt-5", stream), chat_path, BEARER, CHAT),
    ]
}

/// A relay with the account of `document` alone, in front of an upstream that answers all with `reply`.
pub(crate) async fn site(document: &Value, reply: Reply) -> Site {
    site_as(command(), document, reply).await
}

/// The same, of a relay that is started by `command`.
pub(crate) async fn site_as(command: RelayCommand, document: &Value, reply: Reply) -> Site {
    let upstream =
        ScriptedUpstream::start_expecting(Script::default().by(move |_| Some(reply.clone())), Expect::nothing())
            .await
            .unwrap();
    let mut site = Site::start_over(command, &[]).await;
    let mut account = json!({"name": "the only one", "base_url": upstream.base_url()});
    merge(&mut account, document);
    site.add_account(&account).await;
    site.upstreams.push(upstream);
    site
}

/// The golden answer as the upstream sends it.
pub(crate) fn reply(golden: Golden, stream: bool) -> Reply {
    let (media_type, body) =
        if stream { ("text/event-stream", golden.stream) } else { ("application/json", golden.document) };
    Reply::bytes(200, media_type, body)
}

pub(crate) async fn ask(site: &Site, path: &str, body: &Value) -> Answered {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", site.key.key))
        .header("content-type", "application/json");
    let request = if path.ends_with("/messages") { request.header("anthropic-version", "2023-06-01") } else { request };
    site.send(request.body(Bytes::from(body.to_string())).unwrap()).await
}

/// What a record says was used.
pub(crate) fn tokens_in(record: &Value) -> Tokens {
    let count = |field: &str| record["usage"][field].as_u64().unwrap();
    (count("input_tokens"), count("output_tokens"), count("cache_read_tokens"))
}

/// Sends the call; holds what the upstream got, and what stands in the books, to what the case says.
pub(crate) async fn played(case: &Case, stream: bool) -> (Answered, Exchange) {
    let site = site(&case.account, reply(case.golden, stream)).await;
    let answered = ask(&site, case.path, &case.body).await;
    let told = format!("{} by {}, stream: {stream}: {answered:?}", case.path, case.account["platform"]);
    assert_eq!(answered.status, 200, "{told}");
    let exchanges = site.upstream().books().exchanges;
    assert_eq!(exchanges.len(), 1, "{told}");
    let exchange = exchanges.into_iter().next().unwrap();
    assert_eq!(exchange.request.target, case.target, "{told}");
    let (name, value) = case.opened_by;
    let opening: Vec<_> = exchange.request.header_values(name).collect();
    assert_eq!(opening, [value], "{told}");
    let leaked = exchange.request.headers.iter().any(|(_, value)| value.contains(&site.key.key));
    assert!(!leaked, "the client's key reached the upstream: {told}");
    let record = site.record_of(&answered).await;
    assert_eq!(record["outcome"], "completed", "{told} {record}");
    assert_eq!(record["platform"], case.account["platform"], "{told} {record}");
    assert_eq!(tokens_in(&record), case.golden.tokens, "{told} {record}");
    if case.target.ends_with("/messages") {
        assert_eq!(exchange.request.header("anthropic-version"), Some("2023-06-01"), "{told}");
    }
    (answered, exchange)
}

#[tokio::test]
async fn every_platform_is_called_in_its_own_way_and_its_bytes_pass() {
    for stream in [false, true] {
        for case in native_cases(stream) {
            let (answered, exchange) = played(&case, stream).await;
            let told = format!("{} by {}, stream: {stream}", case.path, case.account["platform"]);
            let mut sent: Value = serde_json::from_slice(&exchange.request.body).unwrap();
            let is_chat = case.path.ends_with("/chat/completions");
            if stream && is_chat {
                let added = sent.as_object_mut().unwrap().remove("stream_options");
                assert_eq!(added, Some(json!({"include_usage": true})), "{told}");
            } else {
                assert_eq!(exchange.request.body, case.body.to_string(), "{told}");
            }
            assert_eq!(sent, case.body, "{told}");
            // The client of a chat did not ask for the usage: that chunk, and the field in the others, are the relay's alone.
            if !(stream && is_chat) {
                let golden = if stream { case.golden.stream } else { case.golden.document };
                assert_eq!(answered.body, golden, "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_for_another_maker_s_model_is_answered_in_the_client_s_dialect() {
    for stream in [false, true] {
        for case in converted_cases(stream) {
            let (answered, _) = played(&case, stream).await;
            let text = match (case.path, stream) {
                ("/v1/messages", true) => answered.events().message().unwrap().text,
                ("/v1/messages", false) => answered.json()["content"][0]["text"].as_str().unwrap().to_owned(),
                (_, true) => chat_text(&answered),
                (_, false) => answered.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned(),
            };
            assert_eq!(text, "Hello, \"wörld\"\n👋", "{} by {}: {answered:?}", case.path, case.account["platform"]);
        }
    }
}

/// The text of a stream of chat chunks, which must end as one ends.
pub(crate) fn chat_text(answered: &Answered) -> String {
    let events = answered.events();
    let (last, chunks) = events.events.split_last().unwrap();
    assert_eq!(last.data, "[DONE]", "{answered:?}");
    chunks
        .iter()
        .filter_map(|chunk| Some(chunk.json()["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_bedrock_account_is_called_in_its_envelope_by_token_or_by_signature() {
    let mapped =
        json!({"platform": "bedrock", "region": "us-east-1", "models": {MODEL: "us.anthropic.claude-sonnet-4-5"}});
    let by_token = json!({"access": "bearer_token", "bearer_token": SECRET});
    let by_key = json!({"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET});
    for (more, opened_by) in [(by_token, "Bearer "), (by_key, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/")] {
        let mut account = mapped.clone();
        merge(&mut account, &more);
        let site = site(&account, reply(ANTHROPIC, false)).await;
        let answered = ask(&site, "/v1/messages", &messages(MODEL, false)).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        assert_eq!(answered.json()["content"][0]["text"], "Hello, \"wörld\"\n👋");
        let request = &site.upstream().books().exchanges[0].request;
        assert_eq!(request.target, "/model/us.anthropic.claude-sonnet-4-5/invoke");
        let opening = request.header("authorization").unwrap();
        assert!(opening.starts_with(opened_by), "{opening}");
        assert!(opened_by == "Bearer " || opening.contains("/us-east-1/bedrock/aws4_request"), "{opening}");
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(sent["anthropic_version"], "bedrock-2023-05-31");
        assert_eq!((sent.get("model"), sent.get("stream")), (None, None));
        let record = site.record_of(&answered).await;
        assert_eq!((&record["platform"], &record["usage"]["output_tokens"]), (&json!("bedrock"), &json!(9)));
    }
}
