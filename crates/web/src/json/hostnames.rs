//! Hosts, as programs see them.

use axum::http::HeaderMap;

use super::answer::{Answer, tagged};
use crate::app::Mine;
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
pub async fn list(Mine(app): Mine, headers: HeaderMap, Address(Nothing {}): Address<Nothing>) -> Answer {
    tagged(&headers, &app.listed_hosts().await?)
}
