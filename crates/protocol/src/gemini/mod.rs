//! Gemini `generateContent`: what only this dialect has.

pub(crate) mod refusal;
