//! The control plane as its clients see it: the whole router over the store in memory, called without a socket.

mod accounts;
mod api_keys;
mod books;
mod document;
mod fuzz;
mod key_batches;
mod key_lifecycle;
mod plane;
mod prices;
mod roles;
mod secrets;
mod session;
mod system;
mod usage;
