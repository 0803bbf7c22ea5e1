//! The installation at a glance.

use crate::plane::Plane;
use domain::Role;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn the_installation_is_described_with_what_it_holds() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for name in ["kept", "deleted"] {
        let key = operator.post("/admin/api-keys", json!({"name": name})).await.expect(201);
        if name == "deleted" {
            operator.delete(&format!("/admin/api-keys/{}", key["id"].as_str().expect("an id"))).await.expect(204);
        }
    }
    plane.clock.advance(Duration::from_secs(90));
    let system = operator.get("/admin/system").await.expect(200);
    let expected = json!({
        "version": "0.1.0", "started_at": "2026-11-23T09:30:00.000Z", "uptime_seconds": 90,
        "now": "2026-11-23T09:31:30.000Z", "time_zone": "UTC", "today": "2026-11-23",
        "store": {"engine": "memory", "schema_version": 1, "id": "test", "files": [{"name": "relay.db", "bytes": 4096}]},
        "journal_waiting": 0, "counts": {"api_keys": 1, "accounts": 0, "administrators": 3},
    });
    assert_eq!(system, expected);
}
