//! Environments as files that do without outboard, or as the object to keep in git. Never with the values of Secrets.

use axum::http::HeaderMap;
use serde::Deserialize;
use verbs::environment::{self, Form};

use super::answer::{Answer, tagged};
use crate::app::{Mine, Result};
use crate::failure::Failure;
use crate::pages::{Address, Place, revision};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct How {
    r#as: String,
    revision: Option<String>,
}

/// Write an environment as files
///
/// As `outboard env export` does, but without the values of its Secrets.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/export",
    operation_id = "exportEnvironment",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("as" = String, Query, description = "`manifests`: for `kubectl apply -f`; `kustomize`: for `kubectl apply -k`; `environment`: the object itself"),
        ("revision" = Option<i64>, Query, minimum = 1, description = "A revision of its history; the present one unless it is said"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "Texts by name", body = ref("#/components/schemas/Exported")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show(Mine(app): Mine, headers: HeaderMap, place: Place, Address(how): Address<How>) -> Answer {
    let form = form(&how.r#as)?;
    let number = how.revision.as_deref().map(revision::number).transpose()?;
    if form == Form::Environment && number.is_some() {
        let sentence = "the Environment holds no objects, so that it has no revision";
        return Err(Failure::said(sentence, "`revision` goes with `manifests` and `kustomize`").into());
    }
    let Place { namespace, name } = &place;
    tagged(&headers, &environment::export(&app.cluster, namespace, name, form, number, false).await?)
}

fn form(text: &str) -> Result<Form> {
    Ok(match text {
        "manifests" => Form::Manifests,
        "kustomize" => Form::Kustomize,
        "environment" => Form::Environment,
        other => {
            let sentence = format!("`{}` is no form of an export", other.escape_debug());
            return Err(Failure::said(sentence, "`as` is manifests, kustomize or environment"));
        }
    })
}
