//! Which calls the paths of providers and of the earlier service lead to.

use super::*;

fn at_with(method: &str, path: &str, query: Option<&str>, header: Option<&'static str>) -> Option<Route> {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert(header, http::HeaderValue::from_static("x"));
    }
    Route::of(&method.parse().expect("a method"), path, query, &headers)
}

fn at(method: &str, path: &str) -> Option<Route> {
    at_with(method, path, None, None)
}

fn call(path: &str) -> Call {
    match at("POST", path) {
        Some(Route::Call(call)) => call,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn the_calls_stand_at_every_mount() {
    for (mount, service) in [("", None), ("/api", None), ("/claude", Some(Service::Claude))] {
        let found = call(&format!("{mount}/v1/messages"));
        assert_eq!((found.operation, found.service), (Operation::Messages, service));
        assert_eq!(call(&format!("{mount}/v1/messages/count_tokens")).operation, Operation::CountTokens);
        assert_eq!(at("GET", &format!("{mount}/v1/usage")), Some(Route::Own(OwnCall::Usage)));
        assert_eq!(at("POST", &format!("{mount}/v1/stats")), Some(Route::WrongMethod { allow: "GET" }));
        assert_eq!(at("HEAD", &format!("{mount}/")), Some(Route::Hello));
        assert_eq!(at("GET", &format!("{mount}/v1/messages")), Some(Route::WrongMethod { allow: "POST" }));
    }
    for (path, operation, service) in [
        ("/v1/responses", Operation::Responses, None),
        ("/v1/responses/compact", Operation::CompactResponse, None),
        ("/v1/chat/completions", Operation::ChatCompletions, None),
        ("/v1/embeddings", Operation::Embeddings, None),
        ("/api/v1/chat/completions", Operation::ChatCompletions, None),
        ("/openai/v1/responses", Operation::Responses, None),
        ("/openai/responses", Operation::Responses, None),
        ("/openai/v1/chat/completions", Operation::ChatCompletions, None),
        ("/openai/claude/v1/chat/completions", Operation::ChatCompletions, Some(Service::Claude)),
        ("/openai/gemini/v1/chat/completions", Operation::ChatCompletions, Some(Service::Gemini)),
        ("/azure/responses", Operation::Responses, Some(Service::OpenAi)),
        ("/azure/chat/completions", Operation::ChatCompletions, Some(Service::OpenAi)),
        ("/droid/claude/v1/messages", Operation::Messages, Some(Service::Droid)),
        ("/droid/comm/v1/chat/completions", Operation::ChatCompletions, Some(Service::Droid)),
        ("/droid/openai/v1/responses", Operation::Responses, Some(Service::Droid)),
    ] {
        let found = call(path);
        assert_eq!((found.operation, found.service), (operation, service), "{path}");
    }
}

#[test]
fn gemini_s_paths_say_model_verb_and_version() {
    for (path, operation, stream, version, service) in [
        ("/v1beta/models/gemini-3.8-flash:generateContent", Operation::GenerateContent, false, "v1beta", None),
        ("/v1/models/gemini-3.8-flash:streamGenerateContent", Operation::GenerateContent, true, "v1", None),
        (
            "/gemini/v1beta/models/gemini-3.8-flash:countTokens",
            Operation::CountContentTokens,
            false,
            "v1beta",
            Some(Service::Gemini),
        ),
    ] {
        let found = call(path);
        assert_eq!((found.operation, found.version, found.service), (operation, Some(version), service), "{path}");
        assert_eq!(found.in_path, Some(PathModel { model: "gemini-3.8-flash".to_owned(), stream }), "{path}");
    }
    let escaped = call("/v1beta/models/tuned%2Fmodel-%C3%A9:generateContent");
    assert_eq!(escaped.in_path.expect("a model").model, "tuned/model-é");
    for path in ["/v1beta/models/:generateContent", "/v1beta/models/m%4:generateContent", "/v1beta/models/m:batch"] {
        assert_eq!(at("POST", path), None, "{path}");
    }
}

#[test]
fn azure_s_paths_say_the_deployment() {
    let found = call("/openai/deployments/gpt-5.5/chat/completions");
    assert_eq!(found.operation, Operation::ChatCompletions);
    assert_eq!(found.in_path, Some(PathModel { model: "gpt-5.5".to_owned(), stream: false }));
    assert_eq!(call("/openai/deployments/e/embeddings").operation, Operation::Embeddings);
}

#[test]
fn a_list_of_models_comes_in_the_client_s_dialect() {
    for (path, query, header, dialect) in [
        ("/v1/models", None, Some("anthropic-version"), Dialect::Anthropic),
        ("/v1/models", None, Some("x-goog-api-key"), Dialect::Gemini),
        ("/v1/models", None, Some("authorization"), Dialect::OpenAiChat),
        ("/v1/models", Some("client_version=0.169.0"), Some("authorization"), Dialect::OpenAiResponses),
        ("/api/v1/models", None, Some("anthropic-version"), Dialect::Anthropic),
        ("/claude/v1/models", None, None, Dialect::Anthropic),
        ("/openai/v1/models", None, None, Dialect::OpenAiChat),
        ("/gemini/v1beta/models", None, None, Dialect::Gemini),
        ("/gemini/v1/models", None, None, Dialect::Gemini),
        ("/v1beta/models", None, None, Dialect::Gemini),
    ] {
        let Some(Route::Call(call)) = at_with("GET", path, query, header) else { panic!("{path}") };
        assert_eq!(call.operation, Operation::Models(dialect), "{path} {query:?} {header:?}");
    }
}

#[test]
fn bedrock_s_paths_say_the_model_however_it_is_escaped() {
    for (path, model, stream) in [
        ("/model/us.anthropic.claude-opus-5-5/invoke", "us.anthropic.claude-opus-5-5", false),
        (
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke-with-response-stream",
            "anthropic.claude-3-haiku-20240307-v1:0",
            true,
        ),
        ("/model/anthropic.claude-3-haiku-20240307-v1:0/invoke", "anthropic.claude-3-haiku-20240307-v1:0", false),
    ] {
        let found = call(path);
        assert_eq!((found.operation, found.is_bedrock), (Operation::Messages, true), "{path}");
        assert_eq!(found.in_path, Some(PathModel { model: model.to_owned(), stream }), "{path}");
    }
    assert_eq!(at("POST", "/model/m/converse"), None);
}

#[test]
fn a_client_that_asks_for_a_websocket_names_the_call_that_it_will_make() {
    let asks = |path: &str, upgrade: &'static str| {
        let headers = HeaderMap::from_iter([(UPGRADE, http::HeaderValue::from_static(upgrade))]);
        Route::of(&Method::GET, path, None, &headers)
    };
    for (path, upgrade) in [("/v1/responses", "WebSocket"), ("/openai/responses", "websocket")] {
        assert_eq!(asks(path, upgrade), Some(Route::WebSocket(call(path))), "{path}");
    }
    assert_eq!(asks("/v1/responses", "h2c"), Some(Route::WrongMethod { allow: "POST" }));
    assert!(matches!(asks("/v1/models", "websocket"), Some(Route::Call(_))));
    // What a proxy leaves of it that does not pass upgrades on.
    let stripped = HeaderMap::from_iter([(SEC_WEBSOCKET_KEY, http::HeaderValue::from_static("k"))]);
    let route = Route::of(&Method::GET, "/v1/responses", None, &stripped);
    assert_eq!(route, Some(Route::WebSocket(call("/v1/responses"))));
}

#[test]
fn other_paths_are_not_the_data_plane_s() {
    for path in ["/admin/session", "/health", "/v1/messages/", "/apiv1/messages", "/api/api/v1/messages", "/droid/v1"] {
        assert_eq!(at("GET", path), None, "{path}");
    }
    assert_eq!(at("GET", "/"), Some(Route::Nowhere));
}
