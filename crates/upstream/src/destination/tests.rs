//! Where the calls of each platform go, by the provider's documents.

use super::*;
use domain::Dialect;

fn open(field: &'static str, _: &Sealed) -> Result<SecretString, String> {
    Ok(SecretString::from(if field == "api_keys" { r#"["fk-1","fk-2"]"# } else { "sk-test" }))
}

fn sealed() -> Sealed {
    Sealed::from_envelope(String::new())
}

fn endpoint(base_url: &str, path: Option<&str>, auth: AuthScheme) -> HttpEndpoint {
    HttpEndpoint { base_url: base_url.to_owned(), messages_path: path.map(str::to_owned), api_key: sealed(), auth }
}

fn to(settings: &AccountSettings) -> Destination {
    Destination::new(settings, &open).expect("a destination")
}

fn console(base_url: &str, path: Option<&str>, auth: AuthScheme) -> Result<Destination, DestinationError> {
    Destination::new(&AccountSettings::ClaudeConsole(endpoint(base_url, path, auth)), &open)
}

fn openai(base_url: &str) -> Destination {
    to(&AccountSettings::OpenAiResponses(endpoint(base_url, None, AuthScheme::Bearer)))
}

fn azure(api_version: Option<&str>) -> Destination {
    to(&AccountSettings::AzureOpenAi(AzureEndpoint {
        base_url: "https://t.openai.azure.com/".to_owned(),
        api_key: sealed(),
        auth: AuthScheme::AzureHeader,
        deployment: None,
        api_version: api_version.map(str::to_owned),
    }))
}

fn bedrock(credential: AwsCredential) -> Destination {
    to(&AccountSettings::Bedrock(BedrockAccess { region: "us-east-1".to_owned(), base_url: None, credential }))
}

fn access(base_url: &str) -> OAuthAccess {
    OAuthAccess { base_url: base_url.to_owned(), grant: domain::OAuthGrant::default() }
}

fn call(operation: Operation) -> Call<'static> {
    Call { operation, model: "m", streamed: false, version: None, query: None }
}

fn url(to: &Destination, call: &Call<'_>) -> String {
    assert!(to.serves(call.operation), "{call:?}");
    to.uri(call).expect("a URL").to_string()
}

#[test]
fn each_way_to_write_a_base_url_leads_to_the_same_call() {
    for base in
        ["https://h.example/p", "https://h.example/p/", "https://h.example/p/v1", "https://h.example/p/v1/messages"]
    {
        let to = console(base, None, AuthScheme::Bearer).expect("a destination");
        for (operation, path) in [
            (Operation::Messages, "/v1/messages"),
            (Operation::CountTokens, "/v1/messages/count_tokens"),
            (Operation::Models(Dialect::Anthropic), "/v1/models"),
        ] {
            assert_eq!(url(&to, &call(operation)), format!("https://h.example/p{path}"), "{base}");
        }
    }
    for base in ["https://h.example", "https://h.example/v1/", "https://h.example/v1/chat/completions"] {
        for (operation, path) in [
            (Operation::Responses, "/v1/responses"),
            (Operation::CompactResponse, "/v1/responses/compact"),
            (Operation::ChatCompletions, "/v1/chat/completions"),
            (Operation::Embeddings, "/v1/embeddings"),
            (Operation::Models(Dialect::OpenAiChat), "/v1/models"),
        ] {
            assert_eq!(url(&openai(base), &call(operation)), format!("https://h.example{path}"), "{base}");
        }
    }
    let other_version = openai("https://h.example/api/v3");
    assert_eq!(url(&other_version, &call(Operation::ChatCompletions)), "https://h.example/api/v3/chat/completions");
}

#[test]
fn a_custom_path_and_the_client_s_query_are_kept() {
    let to = console("http://127.0.0.1:9/x", Some("/anthropic/messages"), AuthScheme::Bearer).expect("a destination");
    let beta = Call { query: Some("beta=true"), ..call(Operation::Messages) };
    assert_eq!(url(&to, &beta), "http://127.0.0.1:9/x/anthropic/messages?beta=true");
    assert_eq!(url(&to, &call(Operation::Models(Dialect::Anthropic))), "http://127.0.0.1:9/x/anthropic/models");
}

#[test]
fn a_gemini_call_names_its_model_in_the_path_and_streams_as_events() {
    let base = "https://generativelanguage.googleapis.com/v1beta";
    let to = to(&AccountSettings::Gemini(GeminiAccess::ApiKey(endpoint(base, None, AuthScheme::GoogleHeader))));
    let host = "https://generativelanguage.googleapis.com";
    let plain = Call { model: "gemini-3.8-flash", ..call(Operation::GenerateContent) };
    assert_eq!(url(&to, &plain), format!("{host}/v1beta/models/gemini-3.8-flash:generateContent"));
    let streamed = Call { streamed: true, version: Some("v1"), query: Some("alt=json&x=1"), ..plain };
    assert_eq!(url(&to, &streamed), format!("{host}/v1/models/gemini-3.8-flash:streamGenerateContent?x=1&alt=sse"));
    let count = Call { operation: Operation::CountContentTokens, ..plain };
    assert_eq!(url(&to, &count), format!("{host}/v1beta/models/gemini-3.8-flash:countTokens"));
    assert_eq!(url(&to, &call(Operation::Models(Dialect::Gemini))), format!("{host}/v1beta/models"));
}

#[test]
fn code_assist_takes_a_verb_alone_and_names_its_project_in_the_body() {
    let access = access("https://cloudcode-pa.googleapis.com");
    let to = to(&AccountSettings::Gemini(GeminiAccess::OAuth { access, project_id: Some("p-1".to_owned()) }));
    let streamed = Call { streamed: true, query: Some("alt=sse"), ..call(Operation::GenerateContent) };
    assert_eq!(url(&to, &streamed), "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse");
    assert_eq!(to.envelope(), Envelope::CodeAssist { project: "p-1" });
    assert!(!to.serves(Operation::Models(Dialect::Gemini)));
}

#[test]
fn azure_calls_a_deployment_by_the_version_that_the_account_or_the_client_names() {
    let host = "https://t.openai.azure.com";
    let chat = Call { model: "gpt-5.5", ..call(Operation::ChatCompletions) };
    let by_client = Call { query: Some("api-version=2024-10-21"), ..chat };
    for (to, call, expected) in [
        (azure(None), chat, "/openai/v1/chat/completions"),
        (azure(Some("preview")), chat, "/openai/v1/chat/completions?api-version=preview"),
        (azure(Some("2024-10-21")), chat, "/openai/deployments/gpt-5.5/chat/completions?api-version=2024-10-21"),
        (
            azure(None),
            Call { model: "d 1", ..by_client },
            "/openai/deployments/d%201/chat/completions?api-version=2024-10-21",
        ),
        (
            azure(Some("2025-04-01-preview")),
            Call { operation: Operation::Responses, ..by_client },
            "/openai/responses?api-version=2025-04-01-preview",
        ),
        (azure(None), Call { operation: Operation::Embeddings, ..chat }, "/openai/v1/embeddings"),
    ] {
        assert_eq!(url(&to, &call), format!("{host}{expected}"));
    }
}

#[test]
fn a_bedrock_call_escapes_its_model_and_names_its_region() {
    let to = bedrock(AwsCredential::BearerToken(sealed()));
    let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5-v1:0";
    let host = "https://bedrock-runtime.us-east-1.amazonaws.com";
    assert_eq!(
        url(&to, &Call { model: arn, ..call(Operation::Messages) }),
        format!(
            "{host}/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-opus-5-v1%3A0/invoke"
        )
    );
    let streamed = Call { model: "x", streamed: true, query: Some("beta=true"), ..call(Operation::Messages) };
    assert_eq!(url(&to, &streamed), format!("{host}/model/x/invoke-with-response-stream"));
    assert_eq!(to.envelope(), Envelope::Bedrock);
}

#[test]
fn droid_has_a_path_for_each_kind_of_endpoint_and_uses_its_keys_in_turn() {
    let base_url = "https://api.factory.ai/api/llm".to_owned();
    let to = to(&AccountSettings::Droid(DroidAccess::ApiKeys { base_url, api_keys: sealed() }));
    let host = "https://api.factory.ai/api/llm";
    assert_eq!(url(&to, &call(Operation::Messages)), format!("{host}/a/v1/messages"));
    assert_eq!(url(&to, &call(Operation::Responses)), format!("{host}/o/v1/responses"));
    assert_eq!(url(&to, &call(Operation::ChatCompletions)), format!("{host}/o/v1/chat/completions"));
    let Opening::InTurn(keys) = to.opening() else { panic!("several keys") };
    let used: Vec<_> = (0..3).map(|_| keys.next().1.clone()).collect();
    assert_eq!(used, ["Bearer fk-1", "Bearer fk-2", "Bearer fk-1"]);
    assert!(to.is_told_by(b"the key fk-2 is wrong"));
}

#[test]
fn an_oauth_account_is_opened_by_its_caller_and_says_what_its_provider_requires() {
    let claude = to(&AccountSettings::Claude(access("https://api.anthropic.com")));
    assert!(matches!(claude.opening(), Opening::OAuth));
    assert_eq!(claude.required_headers()[0].1, "oauth-2025-04-20");
    let mut codex = access("https://chatgpt.com/backend-api/codex");
    codex.grant.provider_account_id = Some("acc-1".to_owned());
    let codex = to(&AccountSettings::OpenAi(codex));
    assert_eq!(codex.required_headers()[0], (CHATGPT_ACCOUNT, HeaderValue::from_static("acc-1")));
    assert_eq!(url(&codex, &call(Operation::Responses)), "https://chatgpt.com/backend-api/codex/responses");
    assert!(!codex.serves(Operation::ChatCompletions));
}

#[test]
fn the_credential_goes_where_the_upstream_wants_it_and_into_no_log() {
    for (auth, name, value) in [
        (AuthScheme::ApiKeyHeader, "x-api-key", "sk-test"),
        (AuthScheme::Bearer, "authorization", "Bearer sk-test"),
        (AuthScheme::GoogleHeader, "x-goog-api-key", "sk-test"),
        (AuthScheme::AzureHeader, "api-key", "sk-test"),
    ] {
        let to = console("https://h.example", None, auth).expect("a destination");
        let Opening::Header((header, credential)) = to.opening() else { panic!("a header") };
        assert_eq!((header.as_str(), credential.as_bytes()), (name, value.as_bytes()));
        assert!(!format!("{to:?}").contains("sk-test"));
    }
}

#[test]
fn host_and_credential_are_found_wherever_they_stand() {
    let to = console("https://h.example:8443/p", None, AuthScheme::Bearer).expect("a destination");
    for text in ["h.example", "no route to H.Example:8443", "key sk-test is wrong"] {
        assert!(to.is_told_by(text.as_bytes()), "{text}");
    }
    for text in ["", "h.exampl", "SK-TEST", "example.h", "hh.example"] {
        assert!(!to.is_told_by(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_host_is_told_by_its_name_and_not_by_a_word_that_holds_it() {
    let told = |base: &str, text: &str| {
        console(base, None, AuthScheme::Bearer).expect("a destination").is_told_by(text.as_bytes())
    };
    assert!(told("https://api.h.example", "no route to API.h.example"));
    assert!(!told("https://h.example", "oh.example.org is another"));
    assert!(!told("http://app:3000", "application/json, an app"));
    assert!(told("http://app:3000", "dial tcp app:3000: refused") && told("http://app", "see http://app/v1"));
    assert!(told("http://app", "the key sk-test is wrong"));
}

#[test]
fn what_is_no_base_url_is_refused() {
    for base in [
        "",
        "h.example",
        "ftp://h.example",
        "https://u:p@h.example",
        "https://h.example?x=1",
        "https://h.example/#f",
        "https://",
    ] {
        assert!(matches!(console(base, None, AuthScheme::Bearer), Err(DestinationError::BaseUrl)), "{base:?}");
    }
    assert!(matches!(console("https://h.example", Some("x"), AuthScheme::Bearer), Err(DestinationError::Path)));
}

#[test]
fn a_credential_that_does_not_open_is_told() {
    let settings = AccountSettings::ClaudeConsole(endpoint("https://h.example", None, AuthScheme::Bearer));
    let refused = Destination::new(&settings, &|_, _| Err("wrong key".to_owned())).expect_err("sealed");
    assert_eq!(refused, DestinationError::Sealed("wrong key".to_owned()));
}
