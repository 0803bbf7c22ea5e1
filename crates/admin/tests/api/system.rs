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
        "store": {"engine": "test", "schema_version": 1, "id": "test", "warnings": [], "files": [{"name": "relay.db", "bytes": 4096}]},
        "journal_waiting": 0, "counts": {"api_keys": 1, "accounts": 0, "administrators": 3},
    });
    assert_eq!(system, expected);
}

#[tokio::test]
async fn the_settings_of_the_start_are_shown_with_their_places_and_no_secret() {
    let plane = Plane::new().await;
    let settings = plane.caller(Role::Operator).await.get("/admin/settings").await.expect(200);
    let expected = json!({"items": [
        {"name": "log.level", "value": "debug", "source": "flag --log-level", "secret": false},
        {"name": "jwt_secret", "value": null, "source": "environment variable JWT_SECRET", "secret": true},
    ]});
    assert_eq!(settings, expected);
}
