//! `GET /v1/models`: the account's list as the key may see it. An account with a model mapping serves what the mapping names.

use crate::{admit::Admission, directory::Seat};
use bytes::Bytes;
use protocol::anthropic::models::{self, Model, Page};

/// Pages that a client may ask for in words that the upstream has judged already: a wrong one is the whole list.
const PAGE_OF_ALL: (Option<&str>, Option<&str>, Option<&str>) = (Some("1000"), None, None);

/// What the client gets of the upstream's `list`.
pub(crate) fn as_seen_by(admission: &Admission, seat: &Seat, list: Bytes) -> Bytes {
    let entries = seat.account.models.entries();
    let restricted = &admission.inbound.key.restricted_models;
    if entries.is_empty() && restricted.is_empty() {
        return list;
    }
    let names = if entries.is_empty() { models::ids(&list) } else { entries.keys().cloned().collect() };
    let is_allowed = |name: &String| !restricted.iter().any(|model| model.eq_ignore_ascii_case(name));
    let seen: Vec<_> = names.into_iter().filter(is_allowed).map(model).collect();
    models::list(&seen, &page(admission)).unwrap_or(list)
}

fn model(name: String) -> Model {
    Model { display_name: name.clone(), id: name, created_at: None }
}

fn page(admission: &Admission) -> Page {
    let query = admission.inbound.head.uri.query().unwrap_or_default();
    let find = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let (limit, after, before) = PAGE_OF_ALL;
    Page::parse(find("limit"), find("after_id"), find("before_id"))
        .or_else(|_| Page::parse(limit, after, before))
        .expect("a page of a thousand is a page")
}
