//! How fast the relay is, beside a bare proxy and the upstream itself.

fn main() {}
