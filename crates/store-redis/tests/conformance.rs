//! Redis keeps the contracts: one server, and a Cluster of six. Every script runs twice.

mod fixture;

mod single {
    use crate::fixture::Single;
    store::conformance_suite!(Single);
}

mod cluster {
    use crate::fixture::Cluster;
    store::conformance_suite!(Cluster);
}
