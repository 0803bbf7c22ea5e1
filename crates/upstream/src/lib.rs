//! Talking to providers: HTTP client, per-platform requests, timeouts by phase.
