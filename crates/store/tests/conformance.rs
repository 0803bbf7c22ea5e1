//! The reference keeps the contracts, and the suite runs every sentence that it has.

use store::conformance::Memory;

store::conformance_suite!(Memory);

#[test]
fn every_sentence_of_the_suite_is_listed_in_it() {
    let list = include_str!("../src/conformance.rs");
    let ports = [
        include_str!("../src/conformance/affinity.rs"),
        include_str!("../src/conformance/health.rs"),
        include_str!("../src/conformance/leases.rs"),
        include_str!("../src/conformance/ledger.rs"),
        include_str!("../src/conformance/limits.rs"),
        include_str!("../src/conformance/locks.rs"),
        include_str!("../src/conformance/model.rs"),
        include_str!("../src/conformance/records.rs"),
        include_str!("../src/conformance/sessions.rs"),
    ];
    for sentence in ports.iter().flat_map(|port| port.split("pub async fn ").skip(1)) {
        let name: String = sentence.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        assert!(list.lines().any(|line| line.trim() == name), "{name}");
    }
}
