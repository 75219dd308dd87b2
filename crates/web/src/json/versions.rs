//! Versions of a component, as programs see them.

use api::names::ClassName;
use api::version_query::{MOST, USUAL};
use axum::http::HeaderMap;
use serde::Deserialize;
use verbs::error;
use verbs::project::{self, WantedVersions};

use super::answer::{Answer, tagged};
use crate::app::Mine;
use crate::failure::Failure;
use crate::pages::{Address, ComponentPlace};

/// Which versions are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Narrowed {
    r#match: Option<String>,
    class: Option<String>,
    limit: Option<u16>,
}

/// The versions of a component that its registry has, the newest first
#[utoipa::path(
    get,
    path = "/api/v1/projects/{namespace}/{name}/components/{component}/versions",
    operation_id = "listVersions",
    tag = "projects",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path, description = "The project"),
        ("component" = String, Path),
        ("match" = Option<String>, Query, max_length = 128, description = "Only tags that have this in them; those that begin with it come first"),
        ("class" = Option<String>, Query, description = "Whose credentials the registry is asked with; the only one, or qa, unless it is said"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 50, description = "At most so many; 20 unless it is said"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that one has"),
    ),
    responses(
        (status = 200, description = "What the registry has, as the labels of the images say", body = ref("#/components/schemas/Versions")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn list(
    Mine(app): Mine,
    headers: HeaderMap,
    place: ComponentPlace,
    Address(asked): Address<Narrowed>,
) -> Answer {
    let limit = asked.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        let sentence = format!("`limit` is from 1 to {MOST}, not {limit}");
        return Err(Failure::said(sentence, "narrow what you look for with `match`").into());
    }
    let class = asked.class.as_deref().map(ClassName::parse).transpose().map_err(error::Error::from)?;
    let wanted = WantedVersions {
        project: &place.project,
        component: &place.component,
        class: class.as_ref(),
        revision: None,
        matching: asked.r#match.as_deref().unwrap_or_default(),
        limit,
    };
    tagged(&headers, &project::versions(&app.cluster, &place.namespace, &wanted, &mut |_| {}).await?)
}
