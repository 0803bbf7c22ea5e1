//! How the accounts of each platform are reached: where their API is, and what opens it. Credentials are always sealed here.

use crate::{platform::named, secret::Sealed, time::Timestamp};

named!(
    /// How an upstream wants its API key.
    AuthScheme {
        /// `x-api-key: KEY`.
        ApiKeyHeader = "x-api-key",
        /// `Authorization: Bearer KEY`.
        Bearer = "bearer",
        /// `x-goog-api-key: KEY`.
        GoogleHeader = "x-goog-api-key",
        /// `api-key: KEY`.
        AzureHeader = "api-key",
    }
);

named!(
    /// What opens an account's API. Some platforms leave a choice.
    Access {
        /// One API key.
        ApiKey = "api_key",
        /// Several API keys, used in turn.
        ApiKeys = "api_keys",
        /// A sign-in by OAuth.
        OAuth = "oauth",
        /// An access key of AWS, which signs requests.
        AccessKey = "access_key",
        /// A bearer token.
        BearerToken = "bearer_token",
        /// What the relay's own environment gives.
        Environment = "environment",
    }
);

/// What only accounts of one platform have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountSettings {
    /// Claude by OAuth: a subscription.
    Claude(OAuthAccess),
    /// The Anthropic API, or what speaks like it.
    ClaudeConsole(HttpEndpoint),
    /// The Gemini API by key, or Gemini Code Assist by OAuth.
    Gemini(GeminiAccess),
    /// ChatGPT / Codex by OAuth.
    OpenAi(OAuthAccess),
    /// The OpenAI API, or what speaks like it.
    OpenAiResponses(HttpEndpoint),
    /// AWS Bedrock.
    Bedrock(BedrockAccess),
    /// Azure OpenAI.
    AzureOpenAi(AzureEndpoint),
    /// Factory Droid.
    Droid(DroidAccess),
    /// A claude-code-router, or what speaks like one.
    Ccr(HttpEndpoint),
}

/// Where an HTTP API is and how it takes the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpEndpoint {
    /// Origin and path prefix, without a trailing slash, `https://api.anthropic.com`.
    pub base_url: String,
    /// Path of the Messages call below the base, where the platform speaks Anthropic Messages; none: `/v1/messages`. The other
    /// calls stand beside it.
    pub messages_path: Option<String>,
    /// The API key, encrypted.
    pub api_key: Sealed,
    /// How the API key is sent.
    pub auth: AuthScheme,
}

/// How a Gemini account is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GeminiAccess {
    /// The Gemini API.
    ApiKey(HttpEndpoint),
    /// Code Assist.
    OAuth {
        /// The API and the sign-in.
        access: OAuthAccess,
        /// The Google Cloud project that requests are made for; none until it is discovered.
        project_id: Option<String>,
    },
}

/// A Bedrock runtime and what signs its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BedrockAccess {
    /// The region, `us-east-1`.
    pub region: String,
    /// Origin and path prefix of the runtime; none: the region's own.
    pub base_url: Option<String>,
    /// What opens it.
    pub credential: AwsCredential,
}

/// What opens AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsCredential {
    /// Requests are signed (Signature Version 4) with an access key.
    AccessKey {
        /// Its id; no secret.
        access_key_id: String,
        /// The secret access key, encrypted.
        secret_access_key: Sealed,
        /// The session token of temporary credentials, encrypted.
        session_token: Option<Sealed>,
    },
    /// A Bedrock API key, encrypted, sent as a bearer token.
    BearerToken(Sealed),
    /// Requests are signed with what the relay's own environment gives: variables, profile, container or instance.
    Environment,
}

/// An Azure OpenAI resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureEndpoint {
    /// Origin and path prefix of the resource, without a trailing slash, `https://team.openai.azure.com`.
    pub base_url: String,
    /// The API key or an Entra ID token, encrypted.
    pub api_key: Sealed,
    /// How it is sent: `api-key` or `bearer`.
    pub auth: AuthScheme,
    /// The deployment that all models are served by; none: a deployment has the model's name, mapped as the account says.
    pub deployment: Option<String>,
    /// The API version, `2024-10-21`; none: the client's own, else the `v1` API.
    pub api_version: Option<String>,
}

/// How a Droid account is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DroidAccess {
    /// By API keys: each has its own limits, and they are used in turn.
    ApiKeys {
        /// Origin and path prefix of the API.
        base_url: String,
        /// The keys as a JSON array of texts, encrypted.
        api_keys: Sealed,
    },
    /// By OAuth.
    OAuth(OAuthAccess),
}

/// An API that is opened by OAuth 2.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthAccess {
    /// Origin and path prefix of the API, without a trailing slash.
    pub base_url: String,
    /// What the last sign-in or refresh gave.
    pub grant: OAuthGrant,
}

/// What an authorisation server has granted, and how that stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OAuthGrant {
    /// The access token, encrypted; none before the first sign-in.
    pub access_token: Option<Sealed>,
    /// When the access token ends; none: it does not say, or does not.
    pub access_expires_at: Option<Timestamp>,
    /// The refresh token, encrypted; none: a token that was pasted without one, such as a long-lived set-up token.
    pub refresh_token: Option<Sealed>,
    /// What it may be used for, as the server said it; separated by spaces.
    pub scopes: String,
    /// The provider's id of the account or organisation behind it, where calls have to name it.
    pub provider_account_id: Option<String>,
    /// Whom the provider calls its owner, for people.
    pub email: Option<String>,
    /// Why a new sign-in is needed, for people; none: it is not.
    pub sign_in_needed: Option<String>,
    /// When the last refresh or sign-in succeeded.
    pub refreshed_at: Option<Timestamp>,
    /// When a refresh was begun whose answer has not been stored: the intent, written first.
    pub refresh_begun_at: Option<Timestamp>,
}

impl OAuthGrant {
    /// Whether no request can be sent with it before somebody signs in: it says so, or nobody has yet.
    #[must_use]
    pub const fn needs_sign_in(&self) -> bool {
        self.sign_in_needed.is_some() || (self.access_token.is_none() && self.refresh_token.is_none())
    }
}

impl AccountSettings {
    /// What opens the account's API.
    #[must_use]
    pub const fn access(&self) -> Access {
        match self {
            Self::Claude(_)
            | Self::OpenAi(_)
            | Self::Gemini(GeminiAccess::OAuth { .. })
            | Self::Droid(DroidAccess::OAuth(_)) => Access::OAuth,
            Self::ClaudeConsole(_)
            | Self::OpenAiResponses(_)
            | Self::AzureOpenAi(_)
            | Self::Ccr(_)
            | Self::Gemini(GeminiAccess::ApiKey(_)) => Access::ApiKey,
            Self::Droid(DroidAccess::ApiKeys { .. }) => Access::ApiKeys,
            Self::Bedrock(access) => match access.credential {
                AwsCredential::AccessKey { .. } => Access::AccessKey,
                AwsCredential::BearerToken(_) => Access::BearerToken,
                AwsCredential::Environment => Access::Environment,
            },
        }
    }

    /// The OAuth access, where the account has one.
    #[must_use]
    pub const fn oauth(&self) -> Option<&OAuthAccess> {
        match self {
            Self::Claude(access)
            | Self::OpenAi(access)
            | Self::Gemini(GeminiAccess::OAuth { access, .. })
            | Self::Droid(DroidAccess::OAuth(access)) => Some(access),
            Self::ClaudeConsole(_)
            | Self::Gemini(GeminiAccess::ApiKey(_))
            | Self::OpenAiResponses(_)
            | Self::Bedrock(_)
            | Self::AzureOpenAi(_)
            | Self::Droid(DroidAccess::ApiKeys { .. })
            | Self::Ccr(_) => None,
        }
    }

    /// [`oauth`](Self::oauth), to be changed.
    pub const fn oauth_mut(&mut self) -> Option<&mut OAuthAccess> {
        match self {
            Self::Claude(access)
            | Self::OpenAi(access)
            | Self::Gemini(GeminiAccess::OAuth { access, .. })
            | Self::Droid(DroidAccess::OAuth(access)) => Some(access),
            Self::ClaudeConsole(_)
            | Self::Gemini(GeminiAccess::ApiKey(_))
            | Self::OpenAiResponses(_)
            | Self::Bedrock(_)
            | Self::AzureOpenAi(_)
            | Self::Droid(DroidAccess::ApiKeys { .. })
            | Self::Ccr(_) => None,
        }
    }
}
