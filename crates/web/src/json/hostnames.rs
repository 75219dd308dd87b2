//! Hosts, as programs see them.

use axum::extract::State;
use axum::http::HeaderMap;
use verbs::hostname;

use super::answer::{Answer, tagged};
use crate::app::App;
use crate::pages::{Address, Nothing};

/// List hosts, by environment
#[utoipa::path(
    get,
    path = "/api/v1/hostnames",
    operation_id = "listHosts",
    tag = "hostnames",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag that one has")),
    responses(
        (status = 200, description = "Names of their own, and those that environments have by their names", body = ref("#/components/schemas/Hosts")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Address(Nothing {}): Address<Nothing>,
) -> Answer {
    tagged(&headers, &hostname::list(&app.cluster, app.namespace.as_deref()).await?)
}
