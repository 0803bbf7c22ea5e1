//! The closed sets of `domain` as words: one generic type, so that name, parser and OpenAPI enum cannot differ.

use domain::{
    Access, AttemptKind, AuthScheme, ClientAuth, ClientKind, CooldownCause, Dialect, FailureKind, Outcome, Platform,
    Role, Scope, Service, TokenBody, UsageSource, WindowStatus,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::borrow::Cow;
use store::audit::{ActorKind, AuditOutcome};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A closed set whose members have names.
pub(crate) trait Named: Copy + 'static {
    /// What the set is called in the OpenAPI document.
    const SCHEMA: &'static str;
    /// What the set is, for people.
    const MEANING: &'static str;
    /// Every member.
    const MEMBERS: &'static [Self];

    /// The member's name.
    fn word(self) -> &'static str;
}

/// A member of a closed set, written as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Word<T>(pub(crate) T);

/// Words of one list at most: more than any set has members, so that each can stand there.
pub(crate) const WORDS_MAX: usize = 64;

/// Members of a closed set, each as often as a client likes, up to [`WORDS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words<T>(pub(crate) Vec<T>);

impl<'de, T: Named> Deserialize<'de> for Words<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<Word<T>>::deserialize(deserializer)?;
        if words.len() > WORDS_MAX {
            return Err(D::Error::custom(format!("write at most {WORDS_MAX}")));
        }
        Ok(Self(words.into_iter().map(|word| word.0).collect()))
    }
}

impl<T: Named> From<T> for Word<T> {
    fn from(member: T) -> Self {
        Self(member)
    }
}

impl<T: Named> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de, T: Named> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let found = T::MEMBERS.iter().find(|member| member.word() == text);
        found.map(|&member| Self(member)).ok_or_else(|| {
            let words = T::MEMBERS.iter().map(|member| member.word()).collect::<Vec<_>>();
            D::Error::custom(format!("write one of {}", words.join(", ")))
        })
    }
}

impl<T: Named> PartialSchema for Word<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(T::MEMBERS.iter().map(|member| member.word())))
            .description(Some(T::MEANING))
            .into()
    }
}

impl<T: Named> ToSchema for Word<T> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(T::SCHEMA)
    }
}

macro_rules! words {
    ($($alias:ident = $set:ident $members:expr, $schema:literal, $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub(crate) type $alias = Word<$set>;

            impl Named for $set {
                const SCHEMA: &'static str = $schema;
                const MEANING: &'static str = $meaning;
                const MEMBERS: &'static [Self] = $members;

                fn word(self) -> &'static str {
                    self.as_str()
                }
            }
        )+
    };
}

words! {
    AccessWord = Access Access::ALL, "Access", "What opens an account's API.";
    AttemptKindWord = AttemptKind AttemptKind::ALL, "AttemptKind", "What was asked for.";
    ActorKindWord = ActorKind ActorKind::ALL, "ActorKind", "What kind of caller it was; `nobody` could not sign in.";
    AuditOutcomeWord = AuditOutcome AuditOutcome::ALL, "AuditOutcome", "How it went. What stays `begun` was under way when the relay ended: it may have been done or not. `replayed` gave an earlier answer again.";
    AuthWord = AuthScheme AuthScheme::ALL, "AuthScheme", "How an upstream is sent its API key.";
    CauseWord = CooldownCause CooldownCause::ALL, "CooldownCause", "What an account is cooling down from.";
    ClientAuthWord = ClientAuth ClientAuth::ALL, "ClientAuth", "Where an OAuth client's secret stands in a token request.";
    ClientWord = ClientKind ClientKind::ALL, "ClientKind", "A client program.";
    DialectWord = Dialect Dialect::ALL, "Dialect", "The wire format that the client spoke.";
    FailureWord = FailureKind FailureKind::ALL, "FailureKind", "Why an attempt did not complete.";
    OutcomeWord = Outcome Outcome::ALL, "Outcome", "How an attempt ended.";
    PlatformWord = Platform Platform::ALL, "Platform", "A kind of account.";
    RoleWord = Role Role::ALL, "Role", "What an administrator may do; `owner` includes `operator`, which includes `viewer`.";
    ScopeWord = Scope Scope::ALL, "Scope", "A part of the control plane that an API token is let into.";
    ServiceWord = Service Service::ALL, "Service", "What a key may be permitted to use.";
    SourceWord = UsageSource &[UsageSource::Reported, UsageSource::Estimated, UsageSource::None], "UsageSource", "Where the numbers come from.";
    TokenBodyWord = TokenBody TokenBody::ALL, "TokenBody", "How token requests are written.";
    WindowStatusWord = WindowStatus WindowStatus::ALL, "WindowStatus", "How a window of a subscription stands: requests are served, they are served but the window is nearly used up, or it is used up.";
}
