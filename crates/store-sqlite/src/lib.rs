//! The ports over SQLite, the embedded default.
