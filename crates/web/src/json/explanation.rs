//! Why an environment is as it is, for programs and for tickets.

use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use verbs::environment;

use super::answer::{Answer, tagged};
use crate::app::Mine;
use crate::pages::{Address, Nothing, Place, report};

/// Why an environment is not ready, and why it was not before
///
/// Also of one that was destroyed, as long as its revisions are kept.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/explanation",
    operation_id = "explainEnvironment",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "Its verdict, and those before, the newest first", body = ref("#/components/schemas/Explained")),
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
    tagged(&headers, &environment::explain(&app.cluster, &place.namespace, &place.name).await?)
}

/// What somebody pastes into a ticket
///
/// Versions, verdict, the newest warnings and errors of its logs, addresses and commands.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/report",
    operation_id = "reportEnvironment",
    tag = "environments",
    params(("namespace" = String, Path, description = "The control namespace"), ("name" = String, Path)),
    responses(
        (status = 200, description = "Markdown", body = String, content_type = "text/markdown"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn report(Mine(app): Mine, place: Place, Address(Nothing {}): Address<Nothing>) -> Answer {
    let text = report::text(&app, &place).await?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}
