//! Entries as texts, the same on every engine. What a later release adds is skipped.

use super::{Actor, ActorKind, AuditEntry, AuditOutcome, Changed, Resource, Shown};
use domain::AuditId;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// All of `entry` but its id.
#[must_use]
pub fn to_text(entry: &AuditEntry) -> String {
    let AuditEntry { id: _, request, actor, origin, operation, resource, changes, outcome, status, refusal } = entry;
    let changes = changes.iter().map(|changed| {
        json!({
            "resource": of_resource(&changed.resource),
            "before": of_fields(&changed.before),
            "after": of_fields(&changed.after),
        })
    });
    json!({
        "request": request,
        "actor": {"kind": actor.kind.as_str(), "id": actor.id, "name": actor.name, "token": actor.token},
        "origin": origin,
        "operation": operation,
        "resource": resource.as_ref().map(of_resource),
        "changes": changes.collect::<Vec<_>>(),
        "outcome": outcome.as_str(),
        "status": status,
        "refusal": refusal,
    })
    .to_string()
}

/// Reads [`to_text`]; none where it does not parse.
#[must_use]
pub fn from_text(id: &AuditId, text: &str) -> Option<AuditEntry> {
    let document: Value = serde_json::from_str(text).ok()?;
    let actor = &document["actor"];
    Some(AuditEntry {
        id: id.clone(),
        request: text_of(&document["request"])?,
        actor: Actor {
            kind: ActorKind::parse(actor["kind"].as_str()?)?,
            id: text_of(&actor["id"]),
            name: text_of(&actor["name"]),
            token: text_of(&actor["token"]),
        },
        origin: text_of(&document["origin"])?,
        operation: text_of(&document["operation"])?,
        resource: resource(&document["resource"]),
        changes: document["changes"].as_array()?.iter().map(changed).collect::<Option<_>>()?,
        outcome: AuditOutcome::parse(document["outcome"].as_str()?)?,
        status: document["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
        refusal: text_of(&document["refusal"]),
    })
}

fn of_resource(resource: &Resource) -> Value {
    json!({"kind": resource.kind, "id": resource.id})
}

fn of_fields(fields: &BTreeMap<String, Shown>) -> Value {
    let shown = fields.iter().map(|(name, value)| {
        let value = match value {
            Shown::Integer(number) => Value::from(*number),
            Shown::Text(text) => Value::from(text.as_str()),
        };
        (name.clone(), value)
    });
    Value::Object(shown.collect::<Map<_, _>>())
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn resource(value: &Value) -> Option<Resource> {
    Some(Resource { kind: text_of(&value["kind"])?, id: text_of(&value["id"])? })
}

fn changed(value: &Value) -> Option<Changed> {
    Some(Changed {
        resource: resource(&value["resource"])?,
        before: fields(&value["before"])?,
        after: fields(&value["after"])?,
    })
}

fn fields(value: &Value) -> Option<BTreeMap<String, Shown>> {
    let shown = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Some((name.clone(), Shown::Text(text.clone()))),
        number => Some((name.clone(), Shown::Integer(number.as_i64()?))),
    };
    value.as_object()?.iter().map(shown).collect()
}
