//! What is left of environments and copies that are no more. Found only: deleting it is for a terminal.

use axum::http::HeaderMap;
use serde::Deserialize;
use verbs::gc;

use super::answer::{Answer, tagged};
use crate::app::Mine;
use crate::pages::{Address, namespace};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Of {
    namespace: Option<String>,
}

/// Find what is left of environments and copies that are no more
///
/// What `outboard gc` shows; nothing is deleted. It takes the right to look at namespaces and host claims of the whole cluster.
#[utoipa::path(
    get,
    path = "/api/v1/leftovers",
    operation_id = "listLeftovers",
    tag = "leftovers",
    params(
        ("namespace" = Option<String>, Query, description = "Only of this control namespace"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "What nothing asks for, and why it stays if it does", body = ref("#/components/schemas/Leftovers")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(Mine(app): Mine, headers: HeaderMap, Address(of): Address<Of>) -> Answer {
    let control = match &of.namespace {
        Some(said) => {
            let said = namespace(said)?;
            app.within(&said)?;
            Some(said)
        }
        None => app.namespace.clone(),
    };
    tagged(&headers, &gc::orphans(&app.cluster, control.as_deref()).await?)
}
