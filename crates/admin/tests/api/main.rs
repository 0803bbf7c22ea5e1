//! The control plane as its clients see it: the whole router over the store in memory, called without a socket.

mod accounts;
mod admins;
mod api_keys;
mod api_tokens;
mod audit;
mod books;
mod document;
mod fuzz;
mod idempotency;
mod key_batches;
mod key_lifecycle;
mod local;
mod plane;
mod prices;
mod reveal;
mod roles;
mod secrets;
mod session;
mod sessions;
mod system;
mod totp;
mod usage;
mod users;
