//! Which program a request comes from, by the headers that real programs were seen to send. A courtesy between members
//! of a team, not a proof: whoever wants to can send the same headers.

use domain::ClientKind;

/// The program that a request comes from; none when it is another, or says too little.
///
/// `header` gives a request header's value by its lower-case name. The `User-Agent` alone never decides where another
/// program is known to borrow it: qwen-code calls itself `claude-cli` and sends `x-app: cli`, but neither Claude
/// Code's session header nor its beta.
pub fn recognise<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<ClientKind> {
    let user_agent = header("user-agent")?;
    if is_claude_code(user_agent, &header) {
        Some(ClientKind::ClaudeCode)
    } else if is_codex(user_agent, header("originator")) {
        Some(ClientKind::CodexCli)
    } else if is_gemini_cli(user_agent) {
        Some(ClientKind::GeminiCli)
    } else if versioned(user_agent, "factory-cli") {
        Some(ClientKind::DroidCli)
    } else {
        None
    }
}

/// `claude-cli/2.1.330 (external, cli)` with `x-app: cli` and an `anthropic-version`, and either its session header or
/// its own beta (older versions have no session header; with small models the beta is missing).
fn is_claude_code<'a>(user_agent: &str, header: &impl Fn(&str) -> Option<&'a str>) -> bool {
    let is_app = header("x-app").is_some_and(|app| app.starts_with("cli")) && header("anthropic-version").is_some();
    let has_session = header("x-claude-code-session-id").is_some_and(|session| !session.is_empty());
    let has_beta = || {
        let mut betas = header("anthropic-beta").unwrap_or_default().split(',');
        betas.any(|beta| beta.trim().starts_with("claude-code-"))
    };
    versioned(user_agent, "claude-cli") && is_app && (has_session || has_beta())
}

/// `codex_exec/0.169.0 (…)` with the same name in `originator`; `codex-tui/…` on a terminal.
fn is_codex(user_agent: &str, originator: Option<&str>) -> bool {
    let is_own = |name: &str| name.starts_with("codex_") || name == "codex-tui";
    originator.is_some_and(|name| is_own(name) && versioned(user_agent, name))
}

/// `GeminiCLI-tui/0.61.0/<model> (…)`, or `GeminiCLI/…` before the name had a mode.
fn is_gemini_cli(user_agent: &str) -> bool {
    let Some((name, rest)) = user_agent.split_once('/') else { return false };
    let mode = name.strip_prefix("GeminiCLI");
    mode.is_some_and(|mode| mode.is_empty() || mode.starts_with('-')) && begins_with_version(rest)
}

/// Whether `user_agent` begins with `name`, a slash and a version.
fn versioned(user_agent: &str, name: &str) -> bool {
    let rest = user_agent.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'));
    rest.is_some_and(begins_with_version)
}

fn begins_with_version(text: &str) -> bool {
    let digits = text.strip_prefix('v').unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(headers: &[(&str, &'static str)]) -> Option<ClientKind> {
        recognise(|name| headers.iter().find(|(known, _)| *known == name).map(|&(_, value)| value))
    }

    const CLAUDE: (&str, &str) = ("user-agent", "claude-cli/2.1.330 (external, sdk-cli)");
    const APP: (&str, &str) = ("x-app", "cli");
    const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

    #[test]
    fn claude_code_is_known_by_its_session_or_its_beta() {
        let session = ("x-claude-code-session-id", "00000000-0000-4000-8000-000000000001");
        let beta = ("anthropic-beta", "interleaved-thinking-2025-05-14, claude-code-20250219");
        assert_eq!(kind(&[CLAUDE, APP, VERSION, session]), Some(ClientKind::ClaudeCode));
        assert_eq!(kind(&[CLAUDE, APP, VERSION, beta]), Some(ClientKind::ClaudeCode));
        assert_eq!(kind(&[CLAUDE, VERSION, session]), None, "without x-app");
    }

    #[test]
    fn qwen_code_under_claude_code_s_name_is_not_claude_code() {
        let user_agent = ("user-agent", "claude-cli/0.24.4 (external, cli)");
        let beta = ("anthropic-beta", "interleaved-thinking-2025-05-14");
        assert_eq!(kind(&[user_agent, APP, VERSION, beta]), None);
    }

    #[test]
    fn the_other_programs_are_known_by_what_they_send() {
        let codex = ("user-agent", "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex_exec; 0.169.0)");
        assert_eq!(kind(&[codex, ("originator", "codex_exec")]), Some(ClientKind::CodexCli));
        assert_eq!(kind(&[codex]), None, "without its originator");
        assert_eq!(kind(&[codex, ("originator", "codex_cli_rs")]), None, "with another's originator");
        let on_terminal =
            ("user-agent", "codex-tui/0.171.0 (Debian 12.0.0; x86_64) xterm-256color (codex-tui; 0.171.0)");
        assert_eq!(kind(&[on_terminal, ("originator", "codex-tui")]), Some(ClientKind::CodexCli));
        let gemini = ("user-agent", "GeminiCLI-tui/0.61.0/gemini-3.1-pro-preview (linux; x64; terminal)");
        assert_eq!(kind(&[gemini]), Some(ClientKind::GeminiCli));
        assert_eq!(kind(&[("user-agent", "factory-cli/0.215.0")]), Some(ClientKind::DroidCli));
    }

    #[test]
    fn an_sdk_or_nobody_is_no_known_program() {
        for user_agent in ["Anthropic/Python 2.12.0", "claude-cli", "claude-cli/x", "GeminiCLIx/1", "node", ""] {
            assert_eq!(kind(&[("user-agent", user_agent), APP, VERSION]), None, "{user_agent}");
        }
        assert_eq!(kind(&[]), None);
    }
}
