//! Projects, as programs see them.

use axum::extract::State;
use axum::http::HeaderMap;
use verbs::project;

use super::answer::{Answer, tagged};
use crate::app::App;
use crate::pages::{Address, Nothing};

/// List projects
#[utoipa::path(
    get,
    path = "/api/v1/projects",
    operation_id = "listProjects",
    tag = "projects",
    responses(
        (status = 200, description = "Every project that is shown here", body = ref("#/components/schemas/Projects")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Address(Nothing {}): Address<Nothing>,
) -> Answer {
    tagged(&headers, &project::list(&app.cluster, app.namespace.as_deref()).await?)
}
