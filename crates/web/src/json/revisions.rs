//! What revisions and environments differ in, as programs read it.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use serde::Deserialize;
use verbs::environment;

use super::answer::{Answer, tagged};
use crate::app::{Mine, Result};
use crate::pages::{Address, Nothing, Place, revision};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Against {
    against: Option<String>,
}

/// What a revision changed
///
/// Against the one before it that is kept, or a named one; also of an environment that was destroyed, as long as both are kept.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/revisions/{revision}",
    operation_id = "showRevisionChanges",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("revision" = i64, Path, minimum = 1),
        ("against" = Option<i64>, Query, minimum = 1, description = "The revision to compare with; none: the one before"),
    ),
    responses(
        (status = 200, description = "What differs", body = ref("#/components/schemas/Changed")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn changed(
    Mine(app): Mine,
    headers: HeaderMap,
    path: Result<Path<(String, String, String)>, PathRejection>,
    Address(said): Address<Against>,
) -> Answer {
    let (place, number) = revision::named(path)?;
    app.within(&place.namespace)?;
    let against = said.against.map(|text| revision::number(&text)).transpose()?;
    let Place { namespace, name } = &place;
    tagged(&headers, &environment::changed(&app.cluster, namespace, name, number, against).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct With {
    with: String,
}

/// In what another environment differs
///
/// Their own names left out. Databases are not asked.
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/comparison",
    operation_id = "compareEnvironments",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("with" = String, Query, description = "The other environment, of the same namespace"),
    ),
    responses(
        (status = 200, description = "What would have to change to make it the other", body = ref("#/components/schemas/Comparison")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn compared(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(said): Address<With>,
) -> Answer {
    let with = Place::parse(&place.namespace, &said.with)?.name;
    tagged(&headers, &environment::compare(&app.cluster, &place.namespace, &place.name, &with).await?)
}

/// What others changed in an environment, and who
#[utoipa::path(
    get,
    path = "/api/v1/environments/{namespace}/{name}/drift",
    operation_id = "showDrift",
    tag = "environments",
    params(("namespace" = String, Path, description = "The control namespace"), ("name" = String, Path)),
    responses(
        (status = 200, description = "What stands so now, then what was put back last", body = ref("#/components/schemas/DriftReport")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn drift(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Address(Nothing {}): Address<Nothing>,
) -> Answer {
    tagged(&headers, &environment::drift(&app.cluster, &place.namespace, &place.name).await?)
}
