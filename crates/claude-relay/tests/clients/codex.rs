//! Codex CLI through the relay, in a home directory of its own, told of nothing but a provider at the relay's address and a key.

use crate::{
    answers::{Said, heard, openai_error, responses},
    platforms::other_upstream,
    programs::{self, Ended},
    stage::{CREDENTIAL, Stage},
};
use domain::TokenUsage;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use testkit::{Answer, Reply, Script, upstream::Then};

/// The model that it asks for, which the price table knows.
const MODEL: &str = "gpt-5.3-codex";

/// What every answer here costs.
const USAGE: TokenUsage = TokenUsage { input: 210, output: 31, cache_read: 9_000, ..TokenUsage::ZERO };

/// A question without Codex's own retries: of a refusal it tries five times more, for six seconds.
const ONCE: [&str; 5] =
    ["-c", "model_providers.relay.request_max_retries=0", "-c", "model_providers.relay.stream_max_retries=0", "say hi"];

/// Bytes of an answer after which its text has been told and its end has not.
const CUT_AFTER: usize = 1_700;

/// One user's machine: a home, which is the working directory too.
struct Machine {
    home: TempDir,
    key: String,
}

impl Machine {
    fn at(stage: &Stage, model: &str) -> Self {
        let home = TempDir::new().unwrap();
        let config = format!(
            "model = \"{model}\"\nmodel_provider = \"relay\"\ncheck_for_update_on_startup = false\n\
             [analytics]\nenabled = false\n\
             [model_providers.relay]\nname = \"relay\"\nbase_url = \"{}/v1\"\nenv_key = \"RELAY_KEY\"\n\
             wire_api = \"responses\"\n",
            stage.relay.base_url(),
        );
        std::fs::create_dir(home.path().join(".codex")).unwrap();
        std::fs::write(home.path().join(".codex/config.toml"), config).unwrap();
        Self { home, key: stage.key.key.clone() }
    }

    fn with_key(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    async fn says(&self, arguments: &[&str]) -> Ended {
        let mut command = programs::bare(programs::node());
        command
            .arg(programs::node_modules().join(".bin/codex"))
            // No sandbox of its own: machines that run tests need not have what it takes.
            .args(["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access"])
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("RELAY_KEY", &self.key);
        programs::run(command, "").await
    }
}

fn answering(words: &'static str) -> Script {
    Script::default().by(move |_| Some(responses(&Said::Text(words), USAGE)))
}

fn account() -> Value {
    json!({"platform": "openai-responses", "api_key": CREDENTIAL})
}

#[tokio::test]
async fn it_gets_its_answer_with_a_key_for_it_alone_and_all_of_it_is_in_the_books() {
    let stage = Stage::of(account(), answering("Grüße, 你好.")).await;
    let key = stage.key_with(json!({"allowed_clients": ["codex_cli"]})).await;
    let ended = Machine::at(&stage, MODEL).with_key(&key.key).says(&["say hi"]).await;
    assert!(ended.succeeded && ended.stdout.contains("Grüße, 你好."), "{ended:?}");
    stage.assert_recorded("openai-responses", &[(MODEL, USAGE)]).await;
}

#[tokio::test]
async fn it_runs_a_command_and_tells_the_model_what_came_of_it() {
    let call = Said::Call("exec_command", json!({"cmd": "echo launch-$((6 * 7))"}));
    let script = Script::default().by(move |request| {
        let said = if heard(request).contains("launch-42") { &Said::Text("It has run.") } else { &call };
        Some(responses(said, USAGE))
    });
    let stage = Stage::of(account(), script).await;
    let ended = Machine::at(&stage, MODEL).says(&["run it"]).await;
    assert!(ended.succeeded && ended.stdout.contains("It has run."), "{ended:?}");
    stage.assert_recorded("openai-responses", &[(MODEL, USAGE); 2]).await;
}

#[tokio::test]
async fn an_account_that_fails_is_not_noticed_where_there_is_another() {
    for (status, kind) in [(429, "insufficient_quota"), (401, "invalid_request_error"), (503, "server_error")] {
        let failing = Script::default().by(move |_| Some(openai_error(status, kind, "not this one")));
        let stage = Stage::of(account(), failing).await;
        let other = other_upstream(answering("From the other.")).await;
        let mut second = account();
        second["priority"] = json!(90);
        stage.add_account("second", second, &other.base_url()).await;
        let ended = Machine::at(&stage, MODEL).says(&["say hi"]).await;
        assert!(ended.succeeded && ended.stdout.contains("From the other."), "{status}: {ended:?}");
        let records = stage.message_records().await;
        let told: Vec<_> = records.iter().map(|it| (&it["outcome"], &it["status"], &it["final"])).collect();
        assert_eq!(
            told,
            [(&json!("refused"), &json!(status), &json!(false)), (&json!("completed"), &json!(200), &json!(true)),]
        );
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_asked_for_again_and_never_taken_for_the_answer() {
    let asked = AtomicUsize::new(0);
    let script = Script::default().by(move |_| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        let whole = responses(&Said::Text("Whole now."), USAGE);
        // Behind the text, before the end.
        Some(if first { whole.stop_after(CUT_AFTER, Then::Reset) } else { whole })
    });
    let stage = Stage::of(account(), script).await;
    let ended = Machine::at(&stage, MODEL).says(&["say hi"]).await;
    assert!(ended.succeeded && ended.stdout.trim() == "Whole now.", "{ended:?}");
    let outcomes: Vec<_> = stage.message_records().await.iter().map(|it| it["outcome"].clone()).collect();
    assert_eq!(outcomes, ["truncated", "completed"]);
}

#[tokio::test]
async fn each_session_stays_with_its_account() {
    let stage = Stage::of(account(), answering("From the first.")).await;
    let other = other_upstream(answering("From the second.")).await;
    stage.add_account("second", account(), &other.base_url()).await;
    let machines = [Machine::at(&stage, MODEL), Machine::at(&stage, MODEL)];
    let mut began = Vec::new();
    for machine in &machines {
        began.push(machine.says(&["say hi"]).await.stdout);
    }
    assert_ne!(began[0], began[1], "the accounts take turns");
    // By turns alone, the second session would now go to the first account.
    for (machine, began) in machines.iter().zip(&began).rev() {
        assert_eq!(&machine.says(&["resume", "--last", "say more"]).await.stdout, began);
    }
    let asked = (stage.upstream.books().exchanges.len(), other.books().exchanges.len());
    assert_eq!(asked, (2, 2));
    stage.assert_recorded("openai-responses", &[(MODEL, USAGE); 4]).await;
}

#[tokio::test]
async fn an_answer_of_claude_is_converted_for_it() {
    let call = Answer::tool_call("exec_command", json!({"cmd": "echo launch-$((6 * 7))"}));
    let script = Script::default().by(move |request| {
        let answer = if heard(request).contains("launch-42") { Answer::text("It has run.") } else { call.clone() };
        Some(Reply::message(answer))
    });
    let stage = Stage::start(script).await;
    // What a search of the provider's is, Claude's accounts do not know: a request that has one is refused.
    let arguments = ["-c", "web_search=disabled", "run it"];
    let ended = Machine::at(&stage, "claude-sonnet-5-5").says(&arguments).await;
    assert!(ended.succeeded && ended.stdout.contains("It has run."), "{ended:?}");
    assert_eq!(stage.upstream.books().messages().count(), 2);
    stage.assert_books_match().await;
}

#[tokio::test]
async fn what_it_may_not_do_is_told_in_words_that_its_user_reads() {
    let stage = Stage::of(account(), answering("Hi.")).await;
    for (fields, words) in [
        (json!({"allowed_clients": ["claude_code"]}), "This API key is restricted to other client programs."),
        (json!({"restricted_models": [MODEL]}), "This API key may not use the model gpt-5.3-codex."),
        (json!({"permissions": ["claude"]}), "This API key may not use openai."),
    ] {
        let key = stage.key_with(fields).await;
        let ended = Machine::at(&stage, MODEL).with_key(&key.key).says(&ONCE).await;
        assert!(!ended.succeeded && ended.stderr.contains(words), "{ended:?}");
    }
    assert_eq!(stage.upstream.books().exchanges.len(), 0);
}
