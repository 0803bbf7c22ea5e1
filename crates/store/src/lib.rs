//! The ports, the keyspace table, the in-memory reference and the conformance suite.
