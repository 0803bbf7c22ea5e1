//! Encryption at rest, key hashing, password hashing. Knows no store.
