//! The control plane, tried by schemathesis against its own OpenAPI document: whatever that allows is asked, and what comes back has to
//! be what it says. The rules stand in `tests/contract`.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

#[path = "../clients/programs.rs"]
#[expect(dead_code, reason = "the programs of other tests stand there too")]
mod programs;

use parking_lot::Mutex;
use std::{fs, path::Path, sync::Arc};
use testkit::{
    HttpClient,
    redis::RedisServer,
    relay::{ADMIN_PASSWORD, ADMIN_USERNAME, RelayCommand, RelayProcess, StoreServers},
};

/// Good and bad requests that are made up for each operation, beside the examples and the bounds of every field.
const EXAMPLES: &str = "10";

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/contract");

/// A relay that believes who tries it where wrong passwords come from.
fn behind_a_proxy() -> RelayCommand {
    RelayCommand::new(env!("CARGO_BIN_EXE_claude-relay")).env("TRUST_PROXY", "1")
}

/// Tries every operation of `relay`.
async fn try_everything(relay: &RelayProcess) {
    let base = relay.base_url();
    let document = HttpClient::new(base.clone()).get("/admin/openapi.json", &[]).await.unwrap();
    let place = tempfile::tempdir().unwrap();
    let document_path = place.path().join("openapi.json");
    fs::write(&document_path, &document.body).unwrap();
    for file in ["hooks.py", "schemathesis.toml"] {
        fs::copy(Path::new(RULES).join(file), place.path().join(file)).unwrap();
    }
    let mut command = programs::bare(programs::installed("CLAUDE_RELAY_TEST_SCHEMATHESIS"));
    command.env("RELAY_ADMIN", ADMIN_USERNAME).env("RELAY_ADMIN_PASSWORD", ADMIN_PASSWORD).current_dir(place.path());
    command.args(["-m", "schemathesis.cli", "--no-color", "--config-file", "schemathesis.toml", "run"]);
    command.arg(&document_path).args(["--url", &base, "--checks", "all", "--max-examples", EXAMPLES]);
    command.args(["--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all"]);
    let ended = programs::run(command, "").await;
    let paths = document.json()["paths"].as_object().unwrap().clone();
    let methods = ["get", "put", "post", "patch", "delete"];
    let operations: usize =
        paths.values().map(|path| methods.iter().filter(|method| !path[**method].is_null()).count()).sum();
    let all = format!("Tested: {operations}");
    assert!(ended.succeeded && ended.stdout.contains(&all), "{}\n{}", ended.stdout, ended.stderr);
}

#[tokio::test]
async fn every_operation_answers_as_its_document_says_on_the_embedded_store() {
    try_everything(&behind_a_proxy().start().await.unwrap()).await;
}

#[tokio::test]
async fn every_operation_answers_as_its_document_says_on_redis() {
    let servers = StoreServers::Redis(Arc::new(Mutex::new(RedisServer::start())));
    try_everything(&behind_a_proxy().on(servers).start().await.unwrap()).await;
}
