//! The node's append-only log of attempts and its delivery to the ledger.
