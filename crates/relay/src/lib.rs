//! The data plane: one request's corridor.
