//! Groups of accounts over HTTP.

use crate::plane::{Caller, Plane};
use domain::Role;
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/admin/account-groups";

pub(crate) async fn account(caller: &Caller<'_>, name: &str) -> String {
    let account = json!({"platform": "claude-console", "name": name, "base_url": "https://h.example", "api_key": "k"});
    id(&caller.post("/admin/accounts", account).await.expect(201))
}

pub(crate) async fn group(caller: &Caller<'_>, name: &str, members: &[&str]) -> String {
    id(&caller.post(PATH, json!({"name": name, "members": members})).await.expect(201))
}

fn id(document: &Value) -> String {
    document["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_group_is_made_shown_changed_and_deleted() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = account(&operator, "a").await;
    let body = json!({"name": " Research ", "description": "d", "members": [account, account]});
    let made = operator.post(PATH, body).await;
    let (location, tag) = (made.headers["location"].to_str().expect("text").to_owned(), made.headers["etag"].clone());
    let made = made.expect(201);
    assert_eq!((&made["name"], &made["members"]), (&json!("Research"), &json!([account])));
    assert_eq!(tag, "\"1\"");
    assert_eq!(operator.get(&location).await.expect(200), made);
    let changed = operator.patch(&location, json!({"description": null, "members": null})).await.expect(200);
    assert_eq!((&changed["description"], &changed["members"]), (&json!(""), &json!([])));
    assert_eq!((&changed["name"], &changed["version"]), (&json!("Research"), &json!(2)));
    let stale = operator.send_if("\"1\"", Method::DELETE, &location, None).await;
    assert_eq!(stale.refusal().0, "precondition_failed");
    operator.delete(&location).await.expect(204);
    operator.get(&location).await.expect(404);
    operator.delete(&location).await.expect(404);
}

#[tokio::test]
async fn no_two_groups_have_one_name_whatever_its_case() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    group(&operator, "Büro", &[]).await;
    let other = group(&operator, "other", &[]).await;
    let second = operator.post(PATH, json!({"name": "BÜRO"})).await;
    assert_eq!(second.refusal(), ("conflict", vec!["name"]));
    let renamed = operator.patch(&format!("{PATH}/{other}"), json!({"name": "büro"})).await;
    assert_eq!(renamed.refusal(), ("conflict", vec!["name"]));
    operator.patch(&format!("{PATH}/{other}"), json!({"name": "OTHER"})).await.expect(200);
}

#[tokio::test]
async fn what_cannot_be_in_a_group_is_named_by_its_place() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let account = account(&operator, "a").await;
    let refused = operator.post(PATH, json!({"name": "", "members": [account, "nobody", "a b"]})).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["name", "members[1]", "members[2]"]));
    let path = format!("{PATH}/{}", group(&operator, "g", &[]).await);
    let refused = operator.patch(&path, json!({"name": null, "members": ["nobody"]})).await;
    assert_eq!(refused.refusal(), ("unprocessable", vec!["name", "members[0]"]));
    let many = operator.patch(&path, json!({"members": vec!["x"; 1001]})).await;
    assert_eq!(many.refusal(), ("unprocessable", vec!["members"]));
}

#[tokio::test]
async fn members_come_and_go_one_by_one_and_again_changes_nothing() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (one, two) = (account(&operator, "1").await, account(&operator, "2").await);
    let path = format!("{PATH}/{}/members", group(&operator, "g", &[&one]).await);
    let mut both = [&one, &two];
    both.sort_unstable();
    for _ in 0..2 {
        let added = operator.send(Method::PUT, &format!("{path}/{two}"), None).await.expect(200);
        assert_eq!((&added["members"], &added["version"]), (&json!(both), &json!(2)));
    }
    for _ in 0..2 {
        let removed = operator.delete(&format!("{path}/{one}")).await.expect(200);
        assert_eq!((&removed["members"], &removed["version"]), (&json!([two]), &json!(3)));
    }
    operator.send(Method::PUT, &format!("{path}/nobody"), None).await.expect(404);
    operator.send(Method::PUT, &format!("{PATH}/nothing/members/{one}"), None).await.expect(404);
    let stale = operator.send_if("\"1\"", Method::PUT, &format!("{path}/{one}"), None).await;
    assert_eq!(stale.refusal().0, "precondition_failed");
}

#[tokio::test]
async fn an_account_that_is_removed_leaves_its_groups() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    let (one, two) = (account(&operator, "1").await, account(&operator, "2").await);
    let groups = [group(&operator, "a", &[&one, &two]).await, group(&operator, "b", &[&one]).await];
    operator.delete(&format!("/admin/accounts/{one}")).await.expect(204);
    let mut left = Vec::new();
    for group in groups {
        left.push(operator.get(&format!("{PATH}/{group}")).await.expect(200)["members"].clone());
    }
    assert_eq!(left, [json!([two]), json!([])]);
}

#[tokio::test]
async fn groups_are_listed_searched_ordered_and_paged() {
    let plane = Plane::new().await;
    let operator = plane.caller(Role::Operator).await;
    for name in ["beta", "alpha", "gamma"] {
        group(&operator, name, &[]).await;
    }
    let names = |page: &Value| {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let first = operator.get(&format!("{PATH}?order=name&direction=asc&limit=2")).await.expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = operator.get(&format!("{PATH}?order=name&direction=asc&cursor={cursor}")).await.expect(200);
    assert_eq!((names(&first), names(&second)), (vec!["alpha".into(), "beta".into()], vec!["gamma".to_owned()]));
    assert_eq!(names(&operator.get(&format!("{PATH}?q=ALP")).await.expect(200)), ["alpha"]);
}
