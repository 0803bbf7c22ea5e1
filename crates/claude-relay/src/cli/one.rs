//! One thing of a kind, the same way for every kind: made, shown, changed, deleted.

use crate::cli::{CommandError, Desk, api::Call, console::Consent, fields::Draft, find::Collection};
use http::Method;

/// Which version of a thing a change is meant for.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Condition {
    /// Only if it still has this version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
}

/// Makes one of what `draft` says.
pub(crate) async fn create(desk: &Desk, kind: &Collection, draft: Draft, secret: &str) -> Result<(), CommandError> {
    let answer = desk.api.send(Call::new(Method::POST, kind.path).body(draft.into_document())).await;
    desk.show_made(&answer.map_err(|error| kind.explain(error))?, secret)
}

/// Shows everything that is known of it.
pub(crate) async fn show(desk: &Desk, kind: &Collection, wanted: &str) -> Result<(), CommandError> {
    let (path, _) = kind.find(&desk.api, wanted).await?;
    desk.show(&desk.api.get(path).await?)
}

/// Changes what `draft` says.
pub(crate) async fn change(
    desk: &Desk,
    kind: &Collection,
    wanted: &str,
    draft: Draft,
    condition: Condition,
) -> Result<(), CommandError> {
    let change = draft.into_change()?;
    let (path, _) = kind.find(&desk.api, wanted).await?;
    let call = Call::new(Method::PATCH, path).body(change).only_if(condition.if_version);
    desk.show(&desk.api.send(call).await?)
}

/// Deletes it, when whoever asks for that means it.
pub(crate) async fn delete(
    desk: &Desk,
    kind: &Collection,
    wanted: &str,
    consent: Consent,
    condition: Condition,
) -> Result<(), CommandError> {
    let (path, document) = kind.find(&desk.api, wanted).await?;
    consent.ask(&format!("Delete {}?", kind.call(&document)))?;
    desk.api.send(Call::new(Method::DELETE, path).only_if(condition.if_version)).await?;
    desk.say(&format!("deleted {}", kind.call(&document)))
}
