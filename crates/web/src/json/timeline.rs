//! What has happened to an environment, as programs read it.

use axum::http::HeaderMap;

use super::answer::{Answer, tagged};
use crate::app::Mine;
use crate::pages::{Address, Nothing, Place, events};

/// What has happened to an environment, newest first
///
/// Events of Kubernetes (kept for about an hour), restarts, revisions, verdicts, copies of data; what was repeated is one entry.
/// What may not be read stands in `unread`.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/timeline",
    operation_id = "showTimeline",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "At most 200 entries", body = ref("#/components/schemas/Timeline")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(Nothing {}): Address<Nothing>,
) -> Answer {
    tagged(&headers, &events::told(&app, &place).await?)
}
