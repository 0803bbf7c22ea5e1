//! Rate multipliers of the relay and of keys, and icons of keys, over HTTP.

use crate::plane::{Caller, Plane};
use domain::Role;
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/admin/rate-multipliers";

async fn key(caller: &Caller<'_>, more: &Value) -> (String, Value) {
    let mut document = json!({"name": "k"});
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let made = caller.post("/admin/api-keys", document).await.expect(201);
    (format!("/admin/api-keys/{}", made["id"].as_str().expect("an id")), made)
}

#[tokio::test]
async fn the_relay_s_factors_are_set_as_a_whole_and_conditionally() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let none = operator.get(PATH).await;
    assert_eq!(none.headers["etag"], "\"0\"");
    assert_eq!(none.expect(200), json!({"version": 0, "rate_multipliers": {}, "updated_at": null}));
    let rates = json!({"rate_multipliers": {"claude-console": "1.50", "ccr": 0.2}});
    let set = operator.send_if("\"0\"", Method::PUT, PATH, Some(&rates)).await.expect(200);
    assert_eq!(
        (&set["rate_multipliers"], &set["version"]),
        (&json!({"claude-console": "1.5", "ccr": "0.2"}), &json!(1))
    );
    let late = operator.send_if("\"0\"", Method::PUT, PATH, Some(&rates)).await;
    assert_eq!(late.refusal().0, "precondition_failed");
    let fewer = operator.put(PATH, json!({"rate_multipliers": {"ccr": "0"}})).await.expect(200);
    assert_eq!((&fewer["rate_multipliers"], &fewer["version"]), (&json!({"ccr": "0"}), &json!(2)));
    assert_eq!(plane.caller(Role::Viewer).await.get(PATH).await.expect(200), fewer);
}

#[tokio::test]
async fn what_is_no_factor_is_named_by_its_platform() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for wrong in [json!("-1"), json!("1000.1"), json!("1.0000001"), json!("much"), json!(1001), json!(-0.5)] {
        let body = json!({"rate_multipliers": {"ccr": wrong, "claude": "1"}});
        let refused = operator.put(PATH, body.clone()).await;
        assert_eq!(refused.refusal(), ("unprocessable", vec!["rate_multipliers.ccr"]), "{wrong}");
        let (path, _) = key(&operator, &json!({})).await;
        assert_eq!(operator.patch(&path, body).await.refusal(), ("unprocessable", vec!["rate_multipliers.ccr"]));
    }
    let unknown = operator.put(PATH, json!({"rate_multipliers": {"codex": "1"}})).await;
    assert_eq!(unknown.refusal(), ("unprocessable", vec!["rate_multipliers.codex"]));
    assert_eq!(operator.get(PATH).await.expect(200)["version"], 0, "nothing was set");
}

#[tokio::test]
async fn a_key_has_factors_and_an_icon_of_its_own() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (path, made) = key(&operator, &json!({"rate_multipliers": {"claude": "2"}, "icon": " 🦀 "})).await;
    assert_eq!((&made["rate_multipliers"], &made["icon"]), (&json!({"claude": "2"}), &json!("🦀")));
    let changed = operator.patch(&path, json!({"rate_multipliers": {"ccr": 3}, "icon": "rocket"})).await.expect(200);
    assert_eq!((&changed["rate_multipliers"], &changed["icon"]), (&json!({"ccr": "3"}), &json!("rocket")));
    let named = operator.patch(&path, json!({"name": "other"})).await.expect(200);
    assert_eq!((&named["rate_multipliers"], &named["icon"]), (&changed["rate_multipliers"], &changed["icon"]));
    let cleared = operator.patch(&path, json!({"rate_multipliers": null, "icon": null})).await.expect(200);
    assert_eq!((&cleared["rate_multipliers"], &cleared["icon"]), (&json!({}), &Value::Null));
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let image = operator.patch(&path, json!({"icon": png})).await.expect(200);
    assert_eq!(image["icon"], png);
    for wrong in ["data:image/svg+xml;base64,PHN2Zy8+", "data:image/png;base64,PHN2Zy8+", ""] {
        assert_eq!(operator.patch(&path, json!({"icon": wrong})).await.refusal(), ("unprocessable", vec!["icon"]));
    }
}
