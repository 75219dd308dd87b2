//! What an environment was, and going back to it.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::Timestamp;
use verbs::environment;

use super::barred::Forms;
use super::data::others;
use super::{Place, Shell, html};
use crate::app::{Mine, Result};
use crate::command;
use crate::door::Guest;
use crate::view::revision::{Line, lines};

#[derive(Template)]
#[template(path = "revisions.html")]
struct Revisions {
    shell: Shell,
    place: Place,
    tab: &'static str,
    lines: Vec<Line>,
    /// What runs now, if it was ever ready: it can be promoted.
    tested: Option<i64>,
    /// Those that could get it.
    others: Vec<String>,
    /// It was destroyed: there is nothing to roll back.
    gone: bool,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let entries = environment::history(&app.cluster, &place.namespace, &place.name).await?;
    let shell = Shell::new(&app, &guest, format!("Revisions of {}", place.name), "environments");
    let shell = shell.command(command::history(&place.namespace, &place.name));
    let shell = shell.with(&app, &place.namespace, Forms::Change).await;
    let seen = app.environments().await?;
    let environment = seen.find(&place.namespace, &place.name);
    let others = environment.as_ref().map(|environment| others(&seen, environment)).unwrap_or_default();
    let tested = entries.iter().find(|entry| entry.current && entry.ready).map(|entry| entry.revision);
    html(&Revisions {
        shell,
        place,
        tab: "/revisions",
        lines: lines(&entries, Timestamp::now()),
        tested,
        others,
        gone: environment.is_none(),
    })
}
