//! Names of the earlier service's environment that mean nothing here yet. None is dropped in silence.

use super::Environment;
use crate::note::Note;

/// Settings of the earlier service that this version does not use. A `*` at the end stands for any ending.
pub(super) const UNUSED: &[&str] = &[
    "ACCOUNT_TEST_SCHEDULER_ENABLED",
    "ANTIGRAVITY_API_URL",
    "BALANCE_SCRIPT_ENABLED",
    "BEDROCK_MAX_OUTPUT_TOKENS",
    "BILLING_EVENTS_ENABLED",
    "CLAUDE_5H_WARNING_MAX_NOTIFICATIONS",
    "CLAUDE_API_URL",
    "CLAUDE_API_VERSION",
    "CLAUDE_BETA_HEADER",
    "CLAUDE_CODE_MIN_SYSTEM_PROMPT_MATCHES",
    "CLAUDE_CONSOLE_BLOCKED_HANDLING_MINUTES",
    "CLAUDE_OVERLOAD_HANDLING_MINUTES",
    "CLEANUP_INTERVAL",
    "CLEAR_CONCURRENCY_QUEUES_ON_STARTUP",
    "CONCURRENCY_MAX_LIFETIME_MINUTES",
    "DEFAULT_PROXY_TIMEOUT",
    "DEFAULT_TOKEN_LIMIT",
    "ENABLE_CORS",
    "HEALTH_CHECK_INTERVAL",
    "HTTPS_FREE_SOCKET_TIMEOUT",
    "HTTPS_MAX_*",
    "LDAP_*",
    "LOG_MAX_FILES",
    "LOG_MAX_SIZE",
    "MAX_PROXY_RETRIES",
    "METRICS_WINDOW",
    "PRICE_MIRROR_*",
    "PROXY_KEEP_ALIVE",
    "PROXY_MAX_*",
    "PROXY_USE_IPV4",
    "STICKY_SESSION_RENEWAL_THRESHOLD_MINUTES",
    "SYSTEM_PROMPT_THRESHOLD",
    "USER_MANAGEMENT_ENABLED",
    "USER_MESSAGE_QUEUE_*",
    "USER_SESSION_TIMEOUT",
    "WEBHOOK_*",
    "WEB_SESSION_SECRET",
];

/// Says what of the names that are set is not used.
pub(super) fn review(environment: &Environment) -> Vec<Note> {
    let unused = environment.names().filter(|name| is_unused(name)).map(|name| {
        Note::warning(format!("the earlier service's setting {name} is understood, but not used yet by this version"))
    });
    unused.collect()
}

fn is_unused(name: &str) -> bool {
    UNUSED.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *known,
    })
}
