//! What stands around every operation that may change something: outside the gate a recorder that outlives the client's patience,
//! inside of it the watch over the store.

use super::recorder::{Origin, Recorder};
use crate::{
    address, local,
    operations::Access,
    refusal::{Refusal, RefusalType},
    state::{Shared, fresh_uuid},
};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::RequestId;
use http::{HeaderName, HeaderValue, StatusCode, request::Parts};
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use store::audit::Resource;
use tracing::Instrument;

/// Names the request in its answer, and in the entry of the audit log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where the operator on this machine comes from.
const LOCAL: &str = "local";

/// Longest id of a path that is kept, in characters: longer ones name nothing.
const ID_CHARS_MAX: usize = 200;

/// The operation that is recorded.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) plane: Shared,
    /// As the document names it.
    pub(crate) operation: Arc<str>,
    pub(crate) access: Access,
}

/// Records a request, and sees it through: what has begun ends, also when its client has gone.
pub(crate) async fn keep(State(recorded): State<Recorded>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let plane = Arc::clone(&recorded.plane);
    let log = Arc::clone(&plane.store().audit);
    let recorder = Recorder::new(log, origin(&parts, &recorded), plane.now());
    parts.extensions.insert(Arc::clone(&recorder));
    let request = Request::from_parts(parts, body);
    let work = async move {
        let response = next.run(request).await;
        conclude(&recorder, recorded.access, response).await
    };
    plane
        .given
        .tasks
        .spawn(work.in_current_span())
        .await
        .unwrap_or_else(|error| Refusal::internal(error).into_response())
}

/// Notes what the operation changes.
pub(crate) async fn watch(request: Request, next: Next) -> Response {
    match request.extensions().get::<Arc<Recorder>>().cloned() {
        Some(recorder) => recorder.watch(next.run(request)).await,
        None => Refusal::new(RefusalType::Internal, "Nobody records here.").into_response(),
    }
}

/// Writes the outcome. An answer that could not be recorded at all is not given.
async fn conclude(recorder: &Recorder, access: Access, mut response: Response) -> Response {
    let status = response.status();
    let refusal = response.extensions().get::<RefusalType>().copied();
    // Who is unknown and only knocks leaves nothing: anybody could fill the log. A sign-in that fails is kept.
    let is_kept = match access {
        Access::Anyone => status.is_success() || status == StatusCode::UNAUTHORIZED,
        Access::Role(_) | Access::Person => recorder.actor().is_some(),
    };
    if is_kept && let Err(error) = recorder.conclude(status.as_u16(), refusal).await {
        response = Refusal::from(error).into_response();
    }
    if let Ok(id) = HeaderValue::from_str(recorder.request().as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn origin(parts: &Parts, recorded: &Recorded) -> Origin {
    let plane = &recorded.plane;
    let address = match parts.extensions.get::<local::LocalOperator>() {
        Some(local::LocalOperator) => LOCAL.to_owned(),
        None => address::of(parts, plane.given.trusted_hops).map_or(String::new(), |address| address.to_string()),
    };
    let request = parts.extensions.get::<RequestId>().cloned();
    Origin {
        request: request.unwrap_or_else(|| RequestId::from_uuid(fresh_uuid(plane.now()))),
        operation: Arc::clone(&recorded.operation),
        address,
        resource: parts.extensions.get::<MatchedPath>().and_then(|path| named(path.as_str(), parts.uri.path())),
    }
}

/// What `path` names by the last parameter of `pattern`: `/admin/api-keys/{id}/renew` an `api_key`.
fn named(pattern: &str, path: &str) -> Option<Resource> {
    let (pattern, path) = (pattern.split('/').collect::<Vec<_>>(), path.split('/').collect::<Vec<_>>());
    let place = pattern.iter().rposition(|segment| segment.starts_with('{'))?;
    let (collection, id) = (pattern.get(place.checked_sub(1)?)?, path.get(place)?);
    let kind = collection.strip_suffix('s').unwrap_or(collection).replace('-', "_");
    let id = percent_decode_str(id).decode_utf8_lossy().chars().take(ID_CHARS_MAX).collect();
    Some(Resource { kind, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_what_its_last_parameter_says() {
        let told = |pattern, path| named(pattern, path).map(|resource| (resource.kind, resource.id));
        let of = |kind: &str, id: &str| Some((kind.to_owned(), id.to_owned()));
        assert_eq!(told("/admin/api-keys/{id}/renew", "/admin/api-keys/k%201/renew"), of("api_key", "k 1"));
        assert_eq!(told("/admin/model-pricing/{model}", "/admin/model-pricing/m"), of("model_pricing", "m"));
        assert_eq!(told("/admin/session", "/admin/session"), None);
    }
}
