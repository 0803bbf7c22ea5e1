//! Answers that carry a version, so that the next change can be made conditional on it.

use crate::extract::entity_tag;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    StatusCode,
    header::{ETAG, LOCATION},
};
use serde::Serialize;
use store::Version;

/// 200 with an `ETag`.
pub(crate) struct Tagged<T> {
    pub(crate) version: Version,
    pub(crate) body: T,
}

/// 201 with `Location` and `ETag`.
pub(crate) struct Created<T> {
    pub(crate) location: String,
    pub(crate) version: Version,
    pub(crate) body: T,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(ETAG, entity_tag(self.version))], Json(self.body)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let headers = [(ETAG, entity_tag(self.version)), (LOCATION, self.location)];
        (StatusCode::CREATED, headers, Json(self.body)).into_response()
    }
}
