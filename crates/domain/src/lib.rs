//! The nouns of the relay: typed ids, keys, accounts, usage, money, time. Nothing here does I/O or knows a clock.
//!
//! Constructors parse: what exists is valid, and the inside never checks again.

pub mod access;
pub mod account;
pub mod account_group;
pub mod admin;
pub mod api_key;
pub mod api_token;
pub mod attempt;
pub mod binding;
pub mod calendar;
pub mod health;
pub mod id;
pub mod money;
pub mod oauth_client;
pub mod platform;
pub mod rates;
pub mod secret;
pub mod time;
pub mod usage;
pub mod user;
pub mod window;

pub use access::{
    Access, AccountSettings, AuthScheme, AwsCredential, AzureEndpoint, BedrockAccess, DroidAccess, GeminiAccess,
    HttpEndpoint, OAuthAccess, OAuthGrant,
};
pub use account::{Account, ModelMap, Priority, Weight};
pub use account_group::AccountGroup;
pub use admin::{Admin, Role};
pub use api_key::{ApiKey, ClientKind, Expiry, HashScheme, KeyHash, KeyState, Permissions};
pub use api_token::{ApiToken, Scope};
pub use attempt::{Attempt, AttemptKind, FailureKind, MODEL_OTHER, Outcome, client_text};
pub use binding::Binding;
pub use calendar::{Calendar, CalendarSchedule, Day, Hour, Month, Week};
pub use health::{Cooldown, CooldownCause, CooldownScope};
pub use id::{AccountId, AdminId, AuditId, GroupId, IdError, KeyId, RequestId, SessionId, TokenId, UserId};
pub use money::{Multiplier, NanoUsd, PicoUsd};
pub use oauth_client::{ClientAuth, OAuthClient, TokenBody};
pub use platform::{Dialect, Platform, Service};
pub use rates::RateMultipliers;
pub use secret::Sealed;
pub use time::Timestamp;
pub use usage::{TokenUsage, UsageSource};
pub use user::{User, UserState};
pub use window::{UsageWindow, WindowStatus};
