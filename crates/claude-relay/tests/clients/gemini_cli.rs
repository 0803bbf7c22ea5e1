//! Gemini CLI through the relay, in a home directory of its own, told of nothing but the relay's address and a key.

use crate::{
    answers::{Said, gemini, google_error, heard},
    platforms::other_upstream,
    programs::{self, Ended},
    stage::{CREDENTIAL, Stage},
};
use domain::TokenUsage;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use testkit::{Reply, Script, upstream::Received};

/// The model that it asks which model is to answer, by itself.
const ROUTER: &str = "gemini-3.5-flash-lite";

/// What the books call models that no price is known of.
const UNPRICED: &str = "other";

/// A model that it is told to ask, without a choice.
const MODEL: &str = "gemini-3-flash-preview";

/// What that choice costs.
const ROUTED: TokenUsage = TokenUsage { input: 640, output: 12, ..TokenUsage::ZERO };

/// What every other answer here costs.
const USAGE: TokenUsage = TokenUsage { input: 170, output: 23, cache_read: 8_000, ..TokenUsage::ZERO };

/// What a note says that it is asked to read.
const NOTE: &str = "the launch word is Schneeglöckchen";

/// One user's machine: a home, which is the working directory too.
struct Machine {
    home: TempDir,
    base_url: String,
    key: String,
}

impl Machine {
    fn at(stage: &Stage) -> Self {
        let home = TempDir::new().unwrap();
        let settings = json!({"privacy": {"usageStatisticsEnabled": false}, "general": {"enableAutoUpdate": false},
            "security": {"auth": {"selectedType": "gemini-api-key"}}});
        std::fs::create_dir(home.path().join(".gemini")).unwrap();
        std::fs::write(home.path().join(".gemini/settings.json"), settings.to_string()).unwrap();
        Self { home, base_url: stage.relay.base_url(), key: stage.key.key.clone() }
    }

    fn below(mut self, mount: &str) -> Self {
        self.base_url.push_str(mount);
        self
    }

    fn with_key(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    async fn says(&self, arguments: &[&str]) -> Ended {
        let mut command = programs::bare(programs::node());
        command
            .arg(programs::node_modules().join(".bin/gemini"))
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("TMPDIR", self.home.path())
            .env("GOOGLE_GEMINI_BASE_URL", &self.base_url)
            .env("GEMINI_API_KEY", &self.key)
            .env("GEMINI_CLI_TRUST_WORKSPACE", "true");
        programs::run(command, "").await
    }
}

fn account() -> Value {
    json!({"platform": "gemini", "access": "api_key", "api_key": CREDENTIAL})
}

/// The answer to its question which model is to answer; none when this is another question.
fn routed(request: &Received) -> Option<Reply> {
    let choice = Said::Text(r#"{"complexity_reasoning": "It is a greeting.", "complexity_score": 3}"#);
    request.path().ends_with(&format!("{ROUTER}:generateContent")).then(|| gemini(request, &choice, ROUTED))
}

fn answering(words: &'static str) -> Script {
    Script::default().by(move |request| routed(request).or_else(|| Some(gemini(request, &Said::Text(words), USAGE))))
}

#[tokio::test]
async fn it_gets_its_answer_at_the_root_and_below_gemini_with_a_key_for_it_alone() {
    let stage = Stage::of(account(), answering("Grüße, 你好.")).await;
    let key = stage.key_with(json!({"allowed_clients": ["gemini_cli"]})).await;
    for mount in ["", "/gemini"] {
        let ended = Machine::at(&stage).below(mount).with_key(&key.key).says(&["-p", "say hi"]).await;
        assert!(ended.succeeded && ended.stdout.contains("Grüße, 你好."), "at {mount:?}: {ended:?}");
    }
    let (routed, answered) = ((UNPRICED, ROUTED), (UNPRICED, USAGE));
    stage.assert_recorded("gemini", &[routed, answered, routed, answered]).await;
}

#[tokio::test]
async fn it_reads_a_file_by_a_tool_and_tells_the_model_what_stands_there() {
    let call = Said::Call("read_file", json!({"file_path": "note.txt"}));
    let script = Script::default().by(move |request| {
        let said = if heard(request).contains(NOTE) { &Said::Text("I have read it.") } else { &call };
        Some(gemini(request, said, USAGE))
    });
    let stage = Stage::of(account(), script).await;
    let machine = Machine::at(&stage);
    std::fs::write(machine.home.path().join("note.txt"), NOTE).unwrap();
    let ended = machine.says(&["-m", MODEL, "-p", "read note.txt"]).await;
    assert!(ended.succeeded && ended.stdout.contains("I have read it."), "{ended:?}");
    stage.assert_recorded("gemini", &[(MODEL, USAGE); 2]).await;
}

#[tokio::test]
async fn an_account_that_fails_is_not_noticed_where_there_is_another() {
    let exhausted = google_error(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", Some("30s"));
    let unknown = google_error(400, "INVALID_ARGUMENT", "API_KEY_INVALID", None);
    for (code, error) in [(429, exhausted), (400, unknown)] {
        let failing = Script::default().by(move |_| Some(error.clone()));
        let stage = Stage::of(account(), failing).await;
        let other = other_upstream(answering("From the other.")).await;
        let mut second = account();
        second["priority"] = json!(90);
        stage.add_account("second", second, &other.base_url()).await;
        let ended = Machine::at(&stage).says(&["-m", MODEL, "-p", "say hi"]).await;
        assert!(ended.succeeded && ended.stdout.contains("From the other."), "{code}: {ended:?}");
        let records = stage.message_records().await;
        let told: Vec<_> = records.iter().map(|it| (&it["outcome"], &it["status"], &it["final"])).collect();
        let expected =
            [(&json!("refused"), &json!(code), &json!(false)), (&json!("completed"), &json!(200), &json!(true))];
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn a_limit_that_ends_soon_is_waited_for_by_itself() {
    let asked = AtomicUsize::new(0);
    let script = Script::default().by(move |request| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        let limit = || google_error(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", Some("1s"));
        Some(if first { limit() } else { gemini(request, &Said::Text("At last."), USAGE) })
    });
    let stage = Stage::of(account(), script).await;
    let ended = Machine::at(&stage).says(&["-m", MODEL, "-p", "say hi"]).await;
    assert!(ended.succeeded && ended.stdout.contains("At last."), "{ended:?}");
    let records = stage.message_records().await;
    let told: Vec<_> = records.iter().map(|it| (&it["outcome"], &it["failure"], &it["status"])).collect();
    assert_eq!(
        told,
        [(&json!("refused"), &json!("rate_limit"), &json!(429)), (&json!("completed"), &Value::Null, &json!(200)),]
    );
}

#[tokio::test]
async fn what_it_may_not_do_is_told_in_words_that_its_user_reads() {
    let stage = Stage::of(account(), answering("Hi.")).await;
    for (fields, words) in [
        (json!({"allowed_clients": ["codex_cli"]}), "This API key is restricted to other client programs."),
        (json!({"restricted_models": [MODEL]}), "This API key may not use the model gemini-3-flash-preview."),
    ] {
        let key = stage.key_with(fields).await;
        let ended = Machine::at(&stage).with_key(&key.key).says(&["-m", MODEL, "-p", "say hi"]).await;
        assert!(!ended.succeeded && ended.stderr.contains(words), "{ended:?}");
    }
    assert_eq!(stage.upstream.books().exchanges.len(), 0);
}
