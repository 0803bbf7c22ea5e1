//! Redis keeps the contracts: one server, a Cluster of six, and a server whose replies get lost. But for the last, every script
//! runs twice.

mod single {
    use crate::fixture::Single;
    store::conformance_suite!(Single);
}

mod cluster {
    use crate::fixture::Cluster;
    store::conformance_suite!(Cluster);
}

mod lossy {
    use crate::fixture::Lossy;
    use store::conformance::{Fixture, model};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn durable_ports_answer_as_the_reference_does_though_replies_get_lost() {
        model::durable_ports_answer_as_the_reference_does_over_restarts(Lossy::fresh().await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn limits_slots_and_locks_answer_as_the_reference_does_though_replies_get_lost() {
        model::limits_slots_and_locks_answer_as_the_reference_does(Lossy::fresh().await).await;
    }
}

mod failing_over {
    use crate::fixture::FailingOver;
    use store::conformance::{Fixture, model};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn durable_ports_answer_as_the_reference_does_over_failovers() {
        model::durable_ports_answer_as_the_reference_does_over_restarts(FailingOver::fresh().await).await;
    }
}
