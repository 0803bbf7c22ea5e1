//! The control plane's tests once more, over a Redis server. They stand here because `admin` must not see an engine.

#[path = "../../../admin/tests/api/account_groups.rs"]
mod account_groups;
#[path = "../../../admin/tests/api/accounts.rs"]
mod accounts;
#[path = "../../../admin/tests/api/admins.rs"]
mod admins;
#[path = "../../../admin/tests/api/api_keys.rs"]
mod api_keys;
#[path = "../../../admin/tests/api/api_tokens.rs"]
mod api_tokens;
#[path = "../../../admin/tests/api/audit.rs"]
mod audit;
#[path = "../../../admin/tests/api/bindings.rs"]
mod bindings;
#[path = "../../../admin/tests/api/books.rs"]
mod books;
#[path = "../../../admin/tests/api/document.rs"]
mod document;
mod engine;
#[path = "../../../admin/tests/api/fuzz.rs"]
mod fuzz;
#[path = "../../../admin/tests/api/idempotency.rs"]
mod idempotency;
#[path = "../../../admin/tests/api/key_batches.rs"]
mod key_batches;
#[path = "../../../admin/tests/api/key_lifecycle.rs"]
mod key_lifecycle;
#[path = "../../../admin/tests/api/key_lists.rs"]
mod key_lists;
#[path = "../../../admin/tests/api/local.rs"]
mod local;
#[path = "../../../admin/tests/api/oauth.rs"]
mod oauth;
#[path = "../../../admin/tests/api/plane.rs"]
mod plane;
#[path = "../../../admin/tests/api/platforms.rs"]
mod platforms;
#[path = "../../../admin/tests/api/prices.rs"]
mod prices;
#[path = "../../../admin/tests/api/probes.rs"]
mod probes;
#[path = "../../../admin/tests/api/rates.rs"]
mod rates;
#[path = "../../../admin/tests/api/reveal.rs"]
mod reveal;
#[path = "../../../admin/tests/api/roles.rs"]
mod roles;
#[path = "../../../admin/tests/api/secrets.rs"]
mod secrets;
#[path = "../../../admin/tests/api/session.rs"]
mod session;
#[path = "../../../admin/tests/api/sessions.rs"]
mod sessions;
#[path = "../../../admin/tests/api/system.rs"]
mod system;
#[path = "../../../admin/tests/api/tags.rs"]
mod tags;
#[path = "../../../admin/tests/api/totp.rs"]
mod totp;
#[path = "../../../admin/tests/api/trends.rs"]
mod trends;
#[path = "../../../admin/tests/api/usage.rs"]
mod usage;
#[path = "../../../admin/tests/api/users.rs"]
mod users;
