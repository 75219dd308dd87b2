//! Changes, as programs make them: asked for, shown, carried out once.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use verbs::Change;
use verbs::environment::Planned;

use super::answer::{Answer, Body, as_seen, key, tagged};
use crate::app::Mine;
use crate::ask::Ask;
use crate::command;
use crate::desk::Sheet;
use crate::pages::{Place, PlanId, namespace};

/// A change that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The control namespace.
    pub namespace: String,
    pub change: Ask,
}

/// What a change would do.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanAnswer<'a> {
    /// By which it is carried out; kept for half an hour.
    pub id: &'a str,
    pub namespace: &'a str,
    pub change: &'a Ask,
    /// The command that does the same.
    pub command: String,
    /// In one line.
    pub summary: String,
    /// Nothing would change.
    pub idle: bool,
    pub plan: &'a Planned,
}

/// What became of a plan.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried<'a> {
    pub namespace: &'a str,
    pub environment: &'a str,
    pub change: Change,
}

/// What it is a plan for.
fn place(sheet: &Sheet) -> Place {
    Place { namespace: sheet.namespace.clone(), name: sheet.planned.environment.clone() }
}

fn answer(sheet: &Sheet) -> PlanAnswer<'_> {
    PlanAnswer {
        id: &sheet.id,
        namespace: &sheet.namespace,
        change: &sheet.ask,
        command: command::of(&sheet.namespace, &sheet.ask),
        summary: words::plan::summary(&sheet.planned),
        idle: sheet.planned.is_idle(),
        plan: &sheet.planned,
    }
}

/// Work out what a change would do
///
/// Changes nothing. Said again with the same `Idempotency-Key`, it is the same plan. With `If-Match` it is one for the environment
/// as it was seen, by the ETag of `GET` of it.
#[utoipa::path(
    post,
    path = "/api/v1/plans",
    operation_id = "planChange",
    tag = "changes",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "What the asker calls this request; at most 64 characters"),
        ("If-Match" = Option<String>, Header, description = "Only if it is as this ETag says; else 412"),
    ),
    request_body = ref("#/components/schemas/Wanted"),
    responses(
        (status = 201, description = "The plan", body = ref("#/components/schemas/PlanAnswer")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn plan(Mine(app): Mine, headers: HeaderMap, Body(wanted): Body<Wanted>) -> Answer {
    let namespace = namespace(&wanted.namespace)?;
    app.within(&namespace)?;
    let sheet = app.plan(&namespace, wanted.change, key(&headers)?).await?;
    // What it is a plan for was read before: whoever changes it later is noticed as it is carried out.
    as_seen(&app, &headers, &place(&sheet)).await?;
    let at = format!("/api/v1/plans/{}", sheet.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, at)], axum::Json(answer(&sheet))).into_response())
}

/// A plan that was made
#[utoipa::path(
    get,
    path = "/api/v1/plans/{id}",
    operation_id = "showPlan",
    tag = "changes",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "The plan", body = ref("#/components/schemas/PlanAnswer")),
        (status = 304, description = "As it was"),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn show(Mine(app): Mine, headers: HeaderMap, PlanId(id): PlanId) -> Answer {
    tagged(&headers, &answer(&*app.sheet(&id)?))
}

/// Do what a plan says
///
/// Once, and exactly that, or nothing if somebody changed the environment since. Said again, the answer is the same. With `If-Match`
/// also nothing if anything of the environment is another since it was seen, by the ETag of `GET` of it.
#[utoipa::path(
    post,
    path = "/api/v1/plans/{id}/carry-out",
    operation_id = "carryOutPlan",
    tag = "changes",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Only if it is as this ETag says; else 412"),
    ),
    responses(
        (status = 202, description = "It is written; the environment's events tell how it goes on", body = ref("#/components/schemas/Carried")),
        (status = "default", description = "Why not", body = ref("#/components/schemas/Problem"), content_type = "application/problem+json"),
    )
)]
pub async fn carry_out(Mine(app): Mine, headers: HeaderMap, PlanId(id): PlanId) -> Answer {
    let sheet = app.sheet(&id)?;
    // Said again, it is another by what was done the first time.
    if !sheet.is_done() {
        as_seen(&app, &headers, &place(&sheet)).await?;
    }
    app.note_plan(&sheet);
    let change = app.desk.carry_out(&app.cluster, &sheet).await?;
    let carried = Carried { namespace: &sheet.namespace, environment: &sheet.planned.environment, change };
    Ok((StatusCode::ACCEPTED, axum::Json(carried)).into_response())
}
