//! What a start wants to tell the operator before logging is set up. Collected as values, logged by whoever can.

use std::fmt;

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Hint,
    /// The operator should act.
    Warning,
}

/// One thing to tell the operator. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How much it matters.
    pub severity: Severity,
    /// A whole sentence.
    pub text: String,
}

impl Note {
    /// Something good to know.
    pub fn hint(text: impl Into<String>) -> Self {
        Self { severity: Severity::Hint, text: text.into() }
    }

    /// Something to act on.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, text: text.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
