//! A plan: what would change, and the one button that makes it so.

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse, Redirect, Response};

use super::{Place, PlanId, Shell, html};
use crate::app::{Mine, Result};
use crate::ask::Ask;
use crate::command;
use crate::door::Guest;
use crate::view::plan::Shown;

#[derive(Template)]
#[template(path = "planned.html")]
struct Planned {
    shell: Shell,
    id: String,
    place: Place,
    action: String,
    /// It does not exist yet.
    new: bool,
    plan: Shown,
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    PlanId(id): PlanId,
) -> Result<Response> {
    let sheet = app.sheet(&id)?;
    let place = Place { namespace: sheet.namespace.clone(), name: sheet.planned.environment.clone() };
    let shell = Shell::new(&app, &guest, format!("Plan for {}", place.name), "environments");
    let shell = shell.command(command::of(&sheet.namespace, &sheet.ask));
    let (action, plan) = (sheet.planned.action.clone(), Shown::of(&sheet.planned));
    let new = matches!(sheet.ask, Ask::Create { .. } | Ask::Restore { .. });
    html(&Planned { shell, id, place, action, new, plan })
}

/// A second click is answered as the first was.
pub async fn carry_out(Mine(app): Mine, PlanId(id): PlanId) -> Result<Response> {
    let sheet = app.sheet(&id)?;
    app.note_plan(&sheet);
    app.desk.carry_out(&app.cluster, &sheet).await?;
    let place = Place { namespace: sheet.namespace.clone(), name: sheet.planned.environment.clone() };
    Ok(Redirect::to(&place.path()).into_response())
}
