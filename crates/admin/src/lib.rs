//! The control plane: the HTTP API of administrators and of users with its OpenAPI document, and signing in. It never sees the
//! data plane.
//!
//! [`router`] makes it of an [`AdminState`]. What there is and who may use it stands in one table, `operations`; what goes wrong
//! becomes a refusal of one form, `refusal`. Costs are decimal texts in US dollars with nine digits behind the point, because a
//! JSON number would be a float; instants are RFC 3339 in UTC; ids are opaque.

mod account_groups;
mod accounts;
mod address;
mod admins;
mod alone;
mod api_keys;
mod api_tokens;
mod at_once;
mod audit;
mod cursor;
mod editing;
mod eligibility;
mod extract;
mod faults;
mod gate;
mod icons;
mod idempotency;
mod listing;
mod local;
mod me;
mod members;
mod oauth_callback;
mod oauth_clients;
mod openapi;
mod operations;
mod pages;
mod passwords;
mod person;
mod prices;
mod rankings;
mod rate_multipliers;
mod refusal;
mod replies;
mod session;
mod sessions;
mod settings;
mod state;
mod sticky_sessions;
mod system;
mod tags;
mod texts;
mod tokens;
mod totp;
mod unenforced;
mod usage;
mod users;
mod wire;

pub use address::TrustedHops;
pub use audit::recorded;
pub use local::for_local_operator;
pub use oauth_callback::CALLBACK_PATH;
pub use openapi::text as openapi_text;
pub use operations::router;
pub use settings::SettingInForce;
pub use state::{AdminState, Books, BoxFuture, CalendarSource, HookError, OpenAttempt, PasswordHook, PriceSource};
pub use system::{FileSize, SystemFacts, SystemSource};
