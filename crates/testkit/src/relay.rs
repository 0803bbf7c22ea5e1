//! The built relay as a process of its own, and its admin API. It knows the command line and HTTP, nothing inside.

mod admin;
mod process;

pub use admin::{AdminClient, AdminError, IssuedKey};
pub use process::{ADMIN_PASSWORD, ADMIN_USERNAME, RelayCommand, RelayProcess, StartError, StoreServers};
