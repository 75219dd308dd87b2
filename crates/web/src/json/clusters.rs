//! Clusters, as programs see them.

use axum::http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;
use verbs::clusters::{self, Here, Kept};

use super::answer::{Answer, tagged};
use crate::app::Mine;
use crate::pages::clusters::kept;
use crate::pages::{Address, Nothing};

/// The cluster that is spoken to, and those of files.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Clusters {
    pub here: Here,
    /// None: the server was told of no folder, or whoever asks may not see its nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<Kept>>,
    /// So many more lie there, of more than a hundred; they are not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_left_out: Option<usize>,
}

/// Show the cluster and its nodes, and clusters of files
///
/// As whoever asks may see them: what may not be read stands in `unread`. `files` are those of `--clusters`.
#[utoipa::path(
    get,
    path = "/api/v1/clusters",
    operation_id = "showClusters",
    tag = "clusters",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag that one has")),
    responses(
        (status = 200, description = "What can be said of them", body = ref("#/components/schemas/Clusters")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show(Mine(app): Mine, headers: HeaderMap, Address(Nothing {}): Address<Nothing>) -> Answer {
    let here = clusters::here(&app.cluster).await;
    let files = match kept(&app, &here).await {
        Some(Ok(all)) => Some(all),
        // That somebody may not see them is no reason to tell nothing else.
        Some(Err(_)) if app.actor.is_some() && here.machines.is_empty() => None,
        Some(Err(failure)) => return Err(failure.into()),
        None => None,
    };
    let files_left_out = files.as_ref().map(|all| all.left_out).filter(|count| *count > 0);
    tagged(&headers, &Clusters { here, files: files.map(|all| all.clusters), files_left_out })
}
