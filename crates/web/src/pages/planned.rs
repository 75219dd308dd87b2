//! A plan: what would change, and the one button that makes it so.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::{Place, PlanId, Shell, filled, html};
use crate::app::{App, Mine, Result};
use crate::ask::Ask;
use crate::command;
use crate::desk::Sheet;
use crate::door::Guest;
use crate::failure::Failure;
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
    /// The form by which it was asked for, filled in.
    form: String,
    /// Why it was not carried out.
    refused: Option<Failure>,
}

impl Planned {
    /// Somebody changed what it starts from: this plan is never carried out.
    fn is_stale(&self) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.status == StatusCode::CONFLICT)
    }
}

pub async fn page(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    PlanId(id): PlanId,
) -> Result<Response> {
    let sheet = app.sheet(&id)?;
    shown(&app, &guest, &sheet, None)
}

fn place(sheet: &Sheet) -> Place {
    Place { namespace: sheet.namespace.clone(), name: sheet.planned.environment.clone() }
}

fn shown(app: &App, guest: &Guest, sheet: &Arc<Sheet>, refused: Option<Failure>) -> Result<Response> {
    let place = place(sheet);
    let shell = Shell::new(app, guest, format!("Plan for {}", place.name), "environments");
    let page = Planned {
        shell: shell.command(command::of(&sheet.namespace, &sheet.ask)),
        id: sheet.id.clone(),
        action: sheet.planned.action.clone(),
        new: matches!(sheet.ask, Ask::Create { .. } | Ask::Restore { .. }),
        plan: Shown::of(&sheet.planned),
        form: filled::of(&sheet.namespace, &sheet.ask),
        refused,
        place,
    };
    html(&page)
}

/// A second click is answered as the first was. What is refused is told beside the plan, from where one goes on; what somebody
/// may not do at all has a page of its own.
pub async fn carry_out(
    Mine(app): Mine,
    Extension(guest): Extension<Guest>,
    PlanId(id): PlanId,
) -> Result<Response> {
    let sheet = app.sheet(&id)?;
    app.note_plan(&sheet);
    match app.desk.carry_out(&app.cluster, &sheet).await {
        Ok(_) => Ok(Redirect::to(&place(&sheet).path()).into_response()),
        Err(failure) if failure.status == StatusCode::FORBIDDEN => {
            Err(failure.back(filled::of(&sheet.namespace, &sheet.ask)))
        }
        Err(failure) => {
            let status = failure.status;
            let mut page = shown(&app, &guest, &sheet, Some(failure))?;
            *page.status_mut() = status;
            Ok(page)
        }
    }
}

/// The same is asked for anew, from what is there now.
pub async fn again(Mine(app): Mine, PlanId(id): PlanId) -> Result<Response> {
    let sheet = app.sheet(&id)?;
    let planned = app.plan(&sheet.namespace, sheet.ask.clone(), None).await;
    let anew = planned.map_err(|failure| failure.back(filled::of(&sheet.namespace, &sheet.ask)))?;
    Ok(Redirect::to(&format!("/plans/{}", anew.id)).into_response())
}
