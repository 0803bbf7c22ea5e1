//! Values as they stand in documents of this API: instants, money, words, secrets. Domain types never serialise themselves.

mod expiry;
mod figure;
mod models;
mod patch;
mod permissions;
mod rates;
mod secret;
mod tokens;
mod values;
mod words;

pub(crate) use expiry::Lifetime;
pub(crate) use figure::Figure;
pub(crate) use models::ModelsWord;
pub(crate) use patch::Patch;
pub(crate) use permissions::PermissionsWord;
pub(crate) use rates::RatesWord;
pub(crate) use secret::{ClearText, ClearTexts};
pub(crate) use tokens::{SumsView, TokensView};
pub(crate) use values::{Instant, Usd};
pub(crate) use words::{
    AccessWord, ActorKindWord, AttemptKindWord, AuditOutcomeWord, AuthWord, CauseWord, ClientAuthWord, ClientWord,
    DialectWord, FailureWord, OutcomeWord, PlatformWord, RoleWord, ScopeWord, ServiceWord, SourceWord, TokenBodyWord,
    WORDS_MAX, WindowStatusWord, Words,
};
