//! Bringing an environment the data that it got last, as programs ask for it. What that is, `verbs` finds out.

use axum::http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use verbs::data::{self, Wanted};

use super::answer::{Answer, Body, key};
use super::copies::begun;
use crate::app::Mine;
use crate::failure::Failure;
use crate::pages::Place;

/// Data that is to come once more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedReset {
    /// Also into an environment of a protected class, or out of one unmasked.
    #[serde(default)]
    pub protected: bool,
}

/// Replace the data of an environment by what it got last
///
/// Once more, from the environment or the backup that it came from, with what was chosen then. Answered as soon as it is written
/// down; it is a copy, whose events tell how far it is. Said again with the same `Idempotency-Key`, the answer is the same, and no
/// second copy begins.
#[utoipa::path(
    post,
    path = "/api/v1/environments/{namespace}/{name}/reset",
    operation_id = "resetData",
    tag = "copies",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "What the asker calls this request; at most 64 characters"),
    ),
    request_body = ref("#/components/schemas/WantedReset"),
    responses(
        (status = 201, description = "The copy", body = ref("#/components/schemas/CopyDetail")),
        (status = "default", description = "Why not; 404: it got none that is known", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn begin(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Body(wanted): Body<WantedReset>,
) -> Answer {
    let asked = format!("reset {place:?} {wanted:?}");
    let Place { namespace, name } = place;
    // So that no second one begins either once the key is known no more.
    let called = key(&headers)?.map(|key| data::named(&name, &app.called(key)));
    let (cluster, within) = (app.cluster.clone(), namespace.clone());
    let wanted = async move {
        let last = data::reset(&cluster, &within, &name).await?;
        let called = called.unwrap_or_else(|| last.name.clone());
        Ok::<_, Failure>(Wanted { name: called, protected: wanted.protected, ..last })
    };
    begun(&app, &headers, asked, namespace, wanted).await
}
