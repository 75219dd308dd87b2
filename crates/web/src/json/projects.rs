//! Projects, as programs see them.

use axum::http::HeaderMap;

use super::answer::{Answer, tagged};
use crate::app::Mine;
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
pub async fn list(Mine(app): Mine, headers: HeaderMap, Address(Nothing {}): Address<Nothing>) -> Answer {
    tagged(&headers, &app.listed_projects().await?)
}
