//! The control plane as its clients see it: the whole router, called without a socket. Here over the store in memory; beside the
//! engines, which this crate must not see, the same tests run over SQLite and over Redis
//! (`claude-relay/tests/admin_sqlite`, `admin_redis`).

mod account_groups;
mod accounts;
mod admins;
mod api_keys;
mod api_tokens;
mod audit;
mod bindings;
mod books;
mod document;
mod engine;
mod fuzz;
mod idempotency;
mod key_batches;
mod key_lifecycle;
mod key_lists;
mod local;
mod oauth;
mod plane;
mod platforms;
mod prices;
mod probes;
mod rates;
mod reveal;
mod roles;
mod secrets;
mod session;
mod sessions;
mod system;
mod tags;
mod totp;
mod trends;
mod usage;
mod users;

#[test]
fn the_programs_over_the_engines_run_every_file_of_these_tests() {
    let modules = |text: &'static str| text.lines().filter(|line| line.starts_with("mod ")).collect::<Vec<_>>();
    let here = modules(include_str!("main.rs"));
    for there in [
        include_str!("../../../claude-relay/tests/admin_redis/main.rs"),
        include_str!("../../../claude-relay/tests/admin_sqlite/main.rs"),
    ] {
        assert_eq!(modules(there), here);
    }
}
