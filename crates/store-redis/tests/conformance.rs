//! Redis keeps the contracts: one server, and a Cluster of six. Every script runs twice.

mod fixture;

mod single {
    use crate::fixture::Single;
    store::conformance_suite!(Single);
}
