//! The calls of the providers' APIs that clients make and accounts serve, each in its dialect.

use domain::{AttemptKind, Dialect};

/// A call, by what it does in its dialect. Both sides use these words: what a client asks for, and what an account is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Anthropic: `POST /v1/messages`.
    Messages,
    /// Anthropic: `POST /v1/messages/count_tokens`.
    CountTokens,
    /// OpenAI: `POST /v1/chat/completions`.
    ChatCompletions,
    /// OpenAI: `POST /v1/embeddings`.
    Embeddings,
    /// OpenAI: `POST /v1/responses`.
    Responses,
    /// OpenAI: `POST /v1/responses/compact`.
    CompactResponse,
    /// Gemini: `POST …:generateContent` and `…:streamGenerateContent`.
    GenerateContent,
    /// Gemini: `POST …:countTokens`.
    CountContentTokens,
    /// `GET …/models`, in the dialect named.
    Models(Dialect),
}

impl Operation {
    /// The dialect of its request and of its answer.
    #[must_use]
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Messages | Self::CountTokens => Dialect::Anthropic,
            Self::ChatCompletions | Self::Embeddings => Dialect::OpenAiChat,
            Self::Responses | Self::CompactResponse => Dialect::OpenAiResponses,
            Self::GenerateContent | Self::CountContentTokens => Dialect::Gemini,
            Self::Models(dialect) => dialect,
        }
    }

    /// What the books call it.
    #[must_use]
    pub const fn kind(self) -> AttemptKind {
        match self {
            Self::Messages
            | Self::ChatCompletions
            | Self::Responses
            | Self::CompactResponse
            | Self::GenerateContent => AttemptKind::Message,
            Self::Embeddings => AttemptKind::Embeddings,
            Self::CountTokens | Self::CountContentTokens => AttemptKind::CountTokens,
            Self::Models(_) => AttemptKind::ModelList,
        }
    }

    /// The call of `dialect` that has a model answer.
    #[must_use]
    pub const fn answer_in(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Anthropic => Self::Messages,
            Dialect::OpenAiChat => Self::ChatCompletions,
            Dialect::OpenAiResponses => Self::Responses,
            Dialect::Gemini => Self::GenerateContent,
        }
    }
}
