//! The manual's page of commands, `docs/cli.md`: each of them is run as it is written, from the first to the last.

use crate::site::Site;
use serde_json::json;
use std::{path::Path, process::Stdio, time::Duration};
use testkit::{Answer, HttpClient, Reply, Script, ScriptedUpstream};
use tokio::{io::AsyncWriteExt, process::Command};

const PAGE: &str = include_str!("../../../../docs/cli.md");

const CHINESE_PAGE: &str = include_str!("../../../../docs/zh/cli.md");

/// The provider in the page's examples; those of the test go to one of its own.
const PROVIDER: &str = "https://api.anthropic.com";

/// The request in the page's examples.
const REQUEST: &str = "0199f0c8-5a3e-7c1d-9f42-1b2c3d4e5f60";

/// Files with secrets in the page's examples.
const FILES: [(&str, &str); 4] = [
    ("key.txt", "sk-ant-from-a-file\n"),
    ("keys.txt", "fk-first\nfk-second\n"),
    ("secret.txt", "of-an-access-key\n"),
    ("proxy.txt", "socks5h://relay:secret@proxy.example:1080\n"),
];

/// Commands that ask a person, with what the person types.
const ASKING: [(&str, &str); 2] = [
    (
        "claude-relay account create main --platform claude-console --base-url https://api.anthropic.com",
        "sk-ant-typed\n",
    ),
    ("claude-relay account delete main", "y\n"),
];

/// What has to be there before the commands of a section, beside what earlier ones have left.
const BEFORE: [(&str, &str); 3] = [
    (
        "API keys",
        "claude-relay account create first --platform ccr --base-url https://api.anthropic.com --secret-file key.txt
         claude-relay account-group create research --account first
         claude-relay api-key create old --tag ci/old",
    ),
    ("Accounts", "claude-relay account-group delete research --yes"),
    (
        "Groups of accounts",
        "claude-relay account create main --platform ccr --base-url https://api.anthropic.com --secret-file key.txt
         claude-relay account create third --platform ccr --base-url https://api.anthropic.com --secret-file key.txt",
    ),
];

/// Longest run of a command, on a machine that does much else.
const RUN_MAX: Duration = Duration::from_secs(60);

/// The commands of a page with the section that each stands in.
fn commands(page: &str) -> Vec<(&str, &str)> {
    let (mut section, mut is_shell, mut commands) = ("", false, Vec::new());
    for line in page.lines() {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            _ if is_shell => commands.push((section, line)),
            _ => section = line.strip_prefix("## ").unwrap_or(section),
        }
    }
    commands
}

/// A shell that finds the built program, in the directory of `site`.
fn shell(site: &Site, program: &str, args: &[&str]) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_claude-relay")).parent().unwrap();
    let mut command = Command::new(program);
    command.args(args).current_dir(site.path()).env_clear().kill_on_drop(true);
    command.env("PATH", format!("{}:/usr/bin:/bin", built.display())).env("SHELL", "/bin/sh").env("TERM", "xterm");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a line of the page. Who is asked types `reply`, at a terminal of their own.
async fn run(site: &Site, line: &str, reply: Option<&str>) {
    let args = if reply.is_some() { vec!["-qec", line, "/dev/null"] } else { vec!["-ec", line] };
    let mut child = shell(site, if reply.is_some() { "script" } else { "sh" }, &args).spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    let mut ended = Box::pin(child.wait_with_output());
    let ended = tokio::time::timeout(RUN_MAX, async {
        loop {
            // What was typed before the question is thrown away with it: it is typed until it was heard.
            if let Some(reply) = reply {
                let _ = keyboard.write_all(reply.as_bytes()).await;
            }
            if let Ok(ended) = tokio::time::timeout(Duration::from_millis(500), &mut ended).await {
                return ended.unwrap();
            }
        }
    });
    let output = ended.await.unwrap_or_else(|_| panic!("{line} did not end"));
    assert!(output.status.success(), "{line}: {output:?}");
}

#[test]
fn both_pages_have_the_same_commands() {
    let only_commands = |page| commands(page).into_iter().map(|(_, line)| line).collect::<Vec<_>>();
    assert_eq!(only_commands(PAGE), only_commands(CHINESE_PAGE));
}

#[tokio::test]
async fn every_command_of_the_page_runs_as_it_is_written() {
    let site = Site::running().await;
    let upstream = ScriptedUpstream::start(Script::always(Reply::message(Answer::hello()))).await.unwrap();
    for (file, secret) in FILES {
        std::fs::write(site.path().join(file), secret).unwrap();
    }
    let mut section = "";
    for (of, line) in commands(PAGE) {
        if of != section {
            section = of;
            let before = BEFORE.iter().find(|(name, _)| *name == section).map_or("", |(_, before)| before);
            for line in before.lines() {
                run(&site, &line.trim().replace(PROVIDER, &upstream.base_url()), None).await;
            }
            if section == "Usage" {
                use_a_key(&site).await;
            }
        }
        let reply = ASKING.iter().find(|(asking, _)| *asking == line).map(|(_, reply)| *reply);
        let line = line.replace(PROVIDER, &upstream.base_url());
        let line = if line.contains(REQUEST) {
            let record = &site.document(&["usage", "records"]).await["items"][0];
            line.replace(REQUEST, record["request_id"].as_str().unwrap())
        } else if line.contains("ID") {
            let entry = &site.document(&["audit", "list"]).await["items"][0];
            line.replace("ID", entry["id"].as_str().unwrap())
        } else {
            line
        };
        run(&site, &line, reply).await;
    }
    assert!(site.path().join("claude-relay.bash").exists() && site.path().join("man1").exists());
}

/// One request, so that there is usage.
async fn use_a_key(site: &Site) {
    let key = site.document(&["api-key", "create", "used"]).await["key"].as_str().unwrap().to_owned();
    let client = HttpClient::new(site.relay.as_ref().unwrap().base_url());
    let body = json!({"model": "claude-opus-5", "max_tokens": 16, "messages": [{"role": "user", "content": "Hello"}]});
    let headers = [("x-api-key", key.as_str()), ("anthropic-version", "2023-06-01")];
    let answered = client.post_json("/v1/messages", &headers, &body).await.unwrap();
    assert_eq!(answered.status.as_u16(), 200, "{answered:?}");
}
