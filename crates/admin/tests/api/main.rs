//! The control plane as its clients see it: the whole router over the store in memory, called without a socket.

mod account_groups;
mod accounts;
mod admins;
mod api_keys;
mod api_tokens;
mod bindings;
mod books;
mod document;
mod fuzz;
mod key_batches;
mod key_lifecycle;
mod key_lists;
mod local;
mod plane;
mod prices;
mod rates;
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
