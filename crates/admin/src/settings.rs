//! The settings of the start: what holds, and where it was said. Nothing is changed here: these settings want a restart.

use crate::state::Shared;
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// A setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingInForce {
    /// Its name, `log.level`.
    pub name: String,
    /// Its value as it would be written; none: it has none, or it is a secret.
    pub value: Option<String>,
    /// Where it was said, in words; none: nowhere, the default holds.
    pub source: Option<String>,
    /// Whether it is a secret, which is not shown.
    pub secret: bool,
}

/// The settings of the start.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settings)]
pub(crate) struct SettingsView {
    /// Every setting there is, in the order of the manual.
    items: Vec<SettingView>,
}

/// A setting as it holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettingInForce)]
struct SettingView {
    #[schema(example = "log.level")]
    name: String,
    /// As it would be written; null where there is none, and for a secret.
    #[schema(example = "info")]
    value: Option<String>,
    /// Where it was said: a file with its line, an environment variable, a flag. Null: nowhere, the default holds.
    #[schema(example = "environment variable LOG_LEVEL")]
    source: Option<String>,
    /// Whether its value is a secret, which is not shown.
    secret: bool,
}

/// Shows the settings that the relay was started with.
#[utoipa::path(get, path = "/admin/settings", tag = "System", operation_id = "list_settings",
    responses((status = 200, body = SettingsView, description = "The settings, secrets without their values.")))]
pub(crate) async fn list(State(plane): State<Shared>) -> Json<SettingsView> {
    let items = plane.given.settings.iter().cloned().map(|setting| SettingView {
        name: setting.name,
        value: setting.value.filter(|_| !setting.secret),
        source: setting.source,
        secret: setting.secret,
    });
    Json(SettingsView { items: items.collect() })
}
