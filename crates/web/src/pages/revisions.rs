//! What an environment was, and going back to it.

use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::Timestamp;
use verbs::environment;

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
    /// It was destroyed: there is nothing to roll back.
    gone: bool,
}

pub async fn page(Mine(app): Mine, Extension(guest): Extension<Guest>, place: Place) -> Result<Response> {
    let entries = environment::history(&app.cluster, &place.namespace, &place.name).await?;
    let shell = Shell::new(&app, &guest, format!("Revisions of {}", place.name), "environments");
    let shell = shell.command(command::history(&place.namespace, &place.name));
    let gone = app.environments().await?.find(&place.namespace, &place.name).is_none();
    html(&Revisions { shell, place, tab: "/revisions", lines: lines(&entries, Timestamp::now()), gone })
}
