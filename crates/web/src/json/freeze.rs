//! Freezes, as programs begin and end them: a stated time in which nothing is healed or changed.

use axum::http::HeaderMap;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Deserialize;
use verbs::environment;

use super::answer::{Answer, Body, as_seen};
use crate::app::Mine;
use crate::command;
use crate::failure::Failure;
use crate::pages::{Address, Place};

/// The longest reason that its definition allows.
const LONGEST: usize = 256;

/// A freeze that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedFreeze {
    /// How long from now on: `90s`, `15m`, `2h` or `7d`. Afterwards what was changed by hand is put back.
    #[serde(rename = "for")]
    pub length: String,
    /// Why, for those who wonder.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
}

/// Stop healing and changing an environment for a while
///
/// Said again, it is so long from then on.
#[utoipa::path(
    put,
    path = "/api/v1/environments/{namespace}/{name}/freeze",
    operation_id = "freezeEnvironment",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Only if it is as this ETag says; else 412"),
    ),
    request_body = ref("#/components/schemas/WantedFreeze"),
    responses(
        (status = 200, description = "Until when", body = ref("#/components/schemas/Freeze")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn begin(
    Mine(app): Mine,
    headers: HeaderMap,
    place: Place,
    Body(wanted): Body<WantedFreeze>,
) -> Answer {
    let Some(length) = words::time::duration(&wanted.length) else {
        let sentence = format!("`{}` is no length of time", wanted.length.escape_debug());
        return Err(Failure::said(sentence, "say a number and a unit: `90s`, `15m`, `2h` or `7d`").into());
    };
    let reason = wanted.reason.trim();
    if !(1..=LONGEST).contains(&reason.chars().count()) {
        let sentence = format!("a reason has 1 to {LONGEST} characters");
        return Err(Failure::said(sentence, "say in a few words why").into());
    }
    as_seen(&app, &headers, &place).await?;
    let Place { namespace, name } = &place;
    app.note(command::freeze(namespace, name, &wanted.length, reason));
    let freeze = environment::freeze(&app.cluster, namespace, name, length, reason).await?;
    Ok(axum::Json(freeze).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ending {
    heal: bool,
}

/// End a freeze now; changes that waited are made
///
/// What was changed by hand meanwhile is put back, which has to be said. To make it a revision instead, plan the change `keep` with
/// `thaw`.
#[utoipa::path(
    delete,
    path = "/api/v1/environments/{namespace}/{name}/freeze",
    operation_id = "thawEnvironment",
    tag = "environments",
    params(
        ("namespace" = String, Path, description = "The control namespace"),
        ("name" = String, Path),
        ("heal" = bool, Query, description = "That what was changed by hand is put back"),
        ("If-Match" = Option<String>, Header, description = "Only if it is as this ETag says; else 412"),
    ),
    responses(
        (status = 200, description = "The environment", body = ref("#/components/schemas/EnvironmentDetail")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn end(Mine(app): Mine, headers: HeaderMap, place: Place, Address(how): Address<Ending>) -> Answer {
    let Place { namespace, name } = &place;
    if !how.heal {
        let sentence =
            format!("{name} stays as it is: it is not said what becomes of what was changed by hand");
        let hint = "say `heal=true` to put it back; to keep it, plan the change `keep` with `thaw`";
        return Err(Failure::said(sentence, hint).into());
    }
    as_seen(&app, &headers, &place).await?;
    app.note(command::thaw(namespace, name));
    let thawed = environment::thaw(&app.cluster, namespace, name).await?;
    Ok(axum::Json(environment::detail(&app.cluster, &thawed).await).into_response())
}
