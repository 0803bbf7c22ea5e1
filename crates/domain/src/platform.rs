//! Kinds of accounts and the wire formats that clients speak. Both sets are closed.

/// Defines an enum whose variants have one name each, used in the store, the API and the metrics alike.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every one of them, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the store, the API and the metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Reads [`as_str`](Self::as_str).
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use named;

named!(
    /// A kind of account.
    Platform {
        /// Claude by OAuth (a subscription).
        Claude = "claude",
        /// The Anthropic API, or what speaks like it, by API key.
        ClaudeConsole = "claude-console",
        /// Gemini by OAuth or API key.
        Gemini = "gemini",
        /// ChatGPT / Codex by OAuth.
        OpenAi = "openai",
        /// The OpenAI Responses API, or what speaks like it, by API key.
        OpenAiResponses = "openai-responses",
        /// AWS Bedrock.
        Bedrock = "bedrock",
        /// Azure OpenAI.
        AzureOpenAi = "azure-openai",
        /// Factory Droid.
        Droid = "droid",
        /// A claude-code-router, or what speaks like one.
        Ccr = "ccr",
    }
);

named!(
    /// A wire format that clients speak.
    Dialect {
        /// Anthropic Messages.
        Anthropic = "anthropic",
        /// OpenAI Chat Completions.
        OpenAiChat = "openai-chat",
        /// OpenAI Responses.
        OpenAiResponses = "openai-responses",
        /// Gemini `generateContent`.
        Gemini = "gemini",
    }
);

named!(
    /// What a key may be permitted to use: the earlier service's words, each a set of platforms.
    Service {
        /// Anthropic Messages over any platform that serves it.
        Claude = "claude",
        /// Gemini.
        Gemini = "gemini",
        /// OpenAI Responses and Chat, Azure included.
        OpenAi = "openai",
        /// Droid.
        Droid = "droid",
    }
);

impl Platform {
    /// The service whose requests its accounts answer.
    #[must_use]
    pub const fn service(self) -> Service {
        match self {
            Self::Claude | Self::ClaudeConsole | Self::Bedrock | Self::Ccr => Service::Claude,
            Self::Gemini => Service::Gemini,
            Self::OpenAi | Self::OpenAiResponses | Self::AzureOpenAi => Service::OpenAi,
            Self::Droid => Service::Droid,
        }
    }
}
