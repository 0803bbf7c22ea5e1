//! OAuth clients: the operator's registration at each platform's authorisation server. A secret comes in and is sealed; it is never
//! shown again.

mod documents;
mod views;

use crate::{
    editing,
    extract::{Document, IfMatch, PathId},
    gate::Caller,
    pages::Page,
    refusal::{Refusal, RefusalType},
    replies::Tagged,
    state::{Plane, Shared},
};
use axum::{Json, extract::State};
use documents::OAuthClientDocument;
use domain::{OAuthClient, Platform};
use http::StatusCode;
use std::str::FromStr;
use store::{
    Family, RecordError, Version,
    records::{Direction, PAGE_MAX, PageQuery, TypedRecords, Versioned},
};
use views::OAuthClientView;

pub(crate) use documents::{PARAMETER_CHARS_MAX, PARAMETERS_MAX};

const PATH: &str = "/admin/oauth-clients";

/// Times that a client is set again because somebody else set or removed it at the same moment.
const TRIES_MAX: usize = 8;

/// A platform whose accounts sign in by OAuth, as it stands in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OAuthPlatform(Platform);

impl FromStr for OAuthPlatform {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Platform::parse(text).filter(|platform| platform.signs_in_by_oauth()).map(Self).ok_or(())
    }
}

/// Lists the OAuth clients; there is one per platform at most.
#[utoipa::path(get, path = PATH, tag = "OAuth clients", operation_id = "list_oauth_clients",
    responses((status = 200, body = Page<OAuthClientView>, description = "All of them.")))]
pub(crate) async fn list(State(plane): State<Shared>) -> Result<Json<Page<OAuthClientView>>, Refusal> {
    let query = PageQuery {
        family: Family::OAuthClient,
        filters: Vec::new(),
        search: None,
        order: "updated_at",
        direction: Direction::Ascending,
        after: None,
        limit: PAGE_MAX,
    };
    let page = plane.store().records.page(&query).await?;
    let mut clients =
        page.rows.iter().map(|row| Versioned::read(Family::OAuthClient, row)).collect::<Result<Vec<_>, _>>()?;
    clients.sort_by_key(|client: &Versioned<OAuthClient>| client.record.platform);
    Ok(Json(Page { items: clients.into_iter().map(OAuthClientView::new).collect(), next_cursor: None }))
}

/// Shows the OAuth client of a platform, without its secret.
#[utoipa::path(get, path = "/admin/oauth-clients/{platform}", tag = "OAuth clients", operation_id = "read_oauth_client",
    params(("platform" = String, Path, description = "`claude`, `gemini`, `openai` or `droid`.")),
    responses((status = 200, body = OAuthClientView, description = "The client.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(OAuthPlatform(platform)): PathId<OAuthPlatform>,
) -> Result<Tagged<OAuthClientView>, Refusal> {
    let found = editing::find::<OAuthClient>(plane.store(), platform.as_str()).await?.ok_or_else(missing)?;
    Ok(Tagged { version: found.version, body: OAuthClientView::new(found) })
}

/// Sets the OAuth client of a platform as a whole. A secret that is left out stays; `null` removes it.
#[utoipa::path(put, path = "/admin/oauth-clients/{platform}", tag = "OAuth clients", operation_id = "set_oauth_client",
    request_body = OAuthClientDocument,
    params(("platform" = String, Path, description = "`claude`, `gemini`, `openai` or `droid`."),
        ("If-Match" = String, Header, description = "Set it only at this version.")),
    responses((status = 200, body = OAuthClientView, description = "The client as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn set(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(OAuthPlatform(platform)): PathId<OAuthPlatform>,
    precondition: IfMatch,
    Document(document): Document<OAuthClientDocument>,
) -> Result<Tagged<OAuthClientView>, Refusal> {
    let set = put(&plane, platform, &precondition, &document).await?;
    tracing::info!(%platform, admin.id = %caller.admin.id, "an OAuth client was set");
    Ok(Tagged { version: set.version, body: OAuthClientView::new(set) })
}

/// Removes the OAuth client of a platform: its accounts work until their tokens end, and cannot be refreshed.
#[utoipa::path(delete, path = "/admin/oauth-clients/{platform}", tag = "OAuth clients",
    operation_id = "delete_oauth_client",
    params(("platform" = String, Path, description = "`claude`, `gemini`, `openai` or `droid`."),
        ("If-Match" = String, Header, description = "Remove it only at this version.")),
    responses((status = 204, description = "Removed.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(OAuthPlatform(platform)): PathId<OAuthPlatform>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    let found = editing::find::<OAuthClient>(plane.store(), platform.as_str()).await?.ok_or_else(missing)?;
    precondition.check(found.version)?;
    let expected = (precondition != IfMatch::Any).then_some(found.version);
    match plane.store().records.remove(Family::OAuthClient, platform.as_str(), expected).await {
        Ok(()) => (),
        Err(RecordError::Missing) => return Err(missing()),
        Err(error) => return Err(error.into()),
    }
    tracing::info!(%platform, admin.id = %caller.admin.id, "an OAuth client was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Adds the client or changes it, whichever it takes.
async fn put(
    plane: &Plane,
    platform: Platform,
    precondition: &IfMatch,
    document: &OAuthClientDocument,
) -> Result<Versioned<OAuthClient>, Refusal> {
    let keyring = &plane.given.keyring;
    for _ in 0..TRIES_MAX {
        let changed = editing::edit::<OAuthClient>(plane.store(), platform.as_str(), precondition, |before| {
            document.apply(platform, Some(before), keyring, plane.now())
        });
        if let Some(changed) = changed.await? {
            return Ok(changed);
        }
        precondition.check(Version(0))?;
        let record = document.apply(platform, None, keyring, plane.now())?;
        match plane.store().records.add(&record).await {
            Ok(version) => return Ok(Versioned { record, version }),
            Err(RecordError::Duplicate { .. }) => (),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::new(RefusalType::Conflict, "This client is being set by others all the time: send it again."))
}

fn missing() -> Refusal {
    Refusal::missing("OAuth client of this platform", PATH)
}
