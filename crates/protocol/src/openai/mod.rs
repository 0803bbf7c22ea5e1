//! OpenAI Chat Completions and Responses: what only these dialects have.

pub(crate) mod refusal;
