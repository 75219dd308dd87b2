//! What has happened to an environment, as programs read it.

use axum::http::{HeaderMap, Uri};
use verbs::environment::Happening;

use super::answer::Answer;
use super::page::{Page, cut, linked};
use crate::app::Mine;
use crate::pages::{Address, Place, events};
use crate::token::digest;

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
        ("limit" = Option<usize>, Query, minimum = 1, maximum = 500, description = "So many a page; all unless it is said"),
        ("after" = Option<String>, Query, description = "Where the page before ended: it stands in its `Link`"),
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
    uri: Uri,
    place: Place,
    Address(page): Address<Page>,
) -> Answer {
    let mut timeline = events::told(&app, &place).await?;
    // What happens again has another place, and so another name.
    let name = |entry: &Happening| digest(format!("{entry:?}").as_bytes());
    let (entries, next) = cut(timeline.entries, &page, name)?;
    timeline.entries = entries;
    linked(&headers, &uri, &timeline, next.as_deref())
}
